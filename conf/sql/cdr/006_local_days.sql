-- The daily sums up to today wherever that is: dates are local ones, and the server's day is UTC's,
-- which east of it is the day before for some hours. Only a date that is today nowhere stays out.

DROP PROCEDURE IF EXISTS GetDailyCDRDataBatch;

DELIMITER //
CREATE PROCEDURE GetDailyCDRDataBatch(IN startDate DATE)
MODIFIES SQL DATA
SQL SECURITY INVOKER
BEGIN
  INSERT INTO DailySummary
    (Date, Total_Outgoing_Calls, Total_Outgoing_Call_Time, Total_Data_Purchases, Total_Data_Volume)
  SELECT Date, SUM(calls), SUM(call_time), SUM(purchases), SUM(volume)
  FROM DailyBlocks
  WHERE Date BETWEEN startDate AND CURDATE() + INTERVAL 1 DAY
  GROUP BY Date
  ON DUPLICATE KEY UPDATE
    Total_Outgoing_Calls = VALUES(Total_Outgoing_Calls),
    Total_Outgoing_Call_Time = VALUES(Total_Outgoing_Call_Time),
    Total_Data_Purchases = VALUES(Total_Data_Purchases),
    Total_Data_Volume = VALUES(Total_Data_Volume);

  SELECT Date, Total_Outgoing_Calls, Total_Outgoing_Call_Time, Total_Data_Purchases,
    Total_Data_Volume
  FROM DailySummary
  WHERE Date BETWEEN startDate AND CURDATE() + INTERVAL 1 DAY
  ORDER BY Date;
END//
DELIMITER ;
