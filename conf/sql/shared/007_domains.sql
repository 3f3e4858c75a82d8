-- Streams and outbox entries of several domains: a stream knows its own, and the kinds of entries
-- are no longer those of one. A server that keeps the check under 001 loses it here.

DROP PROCEDURE IF EXISTS UpgradeToDomains;

DELIMITER //
CREATE PROCEDURE UpgradeToDomains()
MODIFIES SQL DATA
SQL SECURITY INVOKER
BEGIN
  IF EXISTS (SELECT 1 FROM information_schema.TABLE_CONSTRAINTS
             WHERE CONSTRAINT_SCHEMA = DATABASE() AND CONSTRAINT_NAME = 'outbox_kind') THEN
    ALTER TABLE Outbox DROP CONSTRAINT outbox_kind;
  END IF;
  IF NOT EXISTS (SELECT 1 FROM information_schema.COLUMNS
                 WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'Streams'
                 AND COLUMN_NAME = 'domain') THEN
    ALTER TABLE Streams ADD COLUMN domain VARCHAR(32) NOT NULL DEFAULT '';
  END IF;
END//
DELIMITER ;

CALL UpgradeToDomains();

DROP PROCEDURE UpgradeToDomains;

ALTER TABLE Outbox MODIFY kind VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL;
