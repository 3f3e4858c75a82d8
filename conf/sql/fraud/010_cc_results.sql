-- What the lakehouse writes back for card events: predictions, and predictions with their truth.

CREATE TABLE IF NOT EXISTS cc_predictions (
  message_id         VARCHAR(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  account_number     VARCHAR(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  ingest_ts          DATETIME(6)  NOT NULL,
  Class              TINYINT      NULL,
  score              DOUBLE       NOT NULL,
  probability        DOUBLE       NOT NULL,
  decision           TINYINT      NOT NULL,
  model_version      INT          NOT NULL,
  run_id             VARCHAR(64)  NOT NULL,
  prediction_ts      DATETIME(6)  NOT NULL,
  scored_at          DATETIME(6)  NOT NULL,
  prediction_latency DOUBLE       NOT NULL,
  backlog            DOUBLE       NOT NULL,
  PRIMARY KEY (message_id),
  KEY by_moment (ingest_ts)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS cc_prediction_truth_join (
  message_id         VARCHAR(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  account_number     VARCHAR(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  ingest_ts          DATETIME(6)  NOT NULL,
  Class              TINYINT      NOT NULL,
  known_at           DATETIME(6)  NOT NULL,
  score              DOUBLE       NOT NULL,
  probability        DOUBLE       NOT NULL,
  decision           TINYINT      NOT NULL,
  model_version      INT          NOT NULL,
  prediction_ts      DATETIME(6)  NOT NULL,
  prediction_latency DOUBLE       NOT NULL,
  joined_at          DATETIME(6)  NOT NULL,
  PRIMARY KEY (message_id),
  KEY by_moment (ingest_ts)
) ENGINE = InnoDB;
