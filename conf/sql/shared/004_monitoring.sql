-- One line per run of the monitoring service; the whole report is in `report`, as JSON.

CREATE TABLE IF NOT EXISTS monitoring_runs (
  run_id        VARCHAR(64)  NOT NULL,
  started_at    DATETIME(3)  NOT NULL,
  finished_at   DATETIME(3)  NOT NULL,
  model_version INT          NOT NULL,
  period        VARCHAR(16)  NOT NULL,
  verdict       VARCHAR(190) NOT NULL,
  report        LONGTEXT     NOT NULL,
  PRIMARY KEY (run_id),
  KEY by_start (started_at)
) ENGINE = InnoDB;
