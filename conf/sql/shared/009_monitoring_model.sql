-- Several models can be watched: a run says which one it is about; NULL is the first model.

DROP PROCEDURE IF EXISTS UpgradeToModels;

DELIMITER //
CREATE PROCEDURE UpgradeToModels()
MODIFIES SQL DATA
SQL SECURITY INVOKER
BEGIN
  IF NOT EXISTS (SELECT 1 FROM information_schema.COLUMNS
                 WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'monitoring_runs'
                 AND COLUMN_NAME = 'model') THEN
    ALTER TABLE monitoring_runs
      ADD COLUMN model VARCHAR(190) NULL,
      ADD KEY by_model (model, started_at);
  END IF;
END//
DELIMITER ;

CALL UpgradeToModels();

DROP PROCEDURE UpgradeToModels;
