-- Every click once, even if its producer sent it twice.
SELECT DISTINCT user_id, ts, event
FROM events WATERMARK ts DELAY OF INTERVAL 30 SECONDS
