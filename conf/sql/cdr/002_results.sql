-- What the lakehouse writes back: daily sums, prepared features, predictions, monitoring runs.

CREATE TABLE IF NOT EXISTS DailySummary (
  Date                     DATE           NOT NULL,
  Total_Outgoing_Calls     BIGINT         NOT NULL,
  Total_Outgoing_Call_Time DECIMAL(38, 3) NOT NULL,
  Total_Data_Purchases     BIGINT         NOT NULL,
  Total_Data_Volume        DECIMAL(38, 3) NOT NULL,
  PRIMARY KEY (Date)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS Processed_Data (
  Date             DATE           NOT NULL,
  User             VARCHAR(15)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  M_Out_Call_Count BIGINT         NOT NULL,
  M_Out_Call_Time  DECIMAL(18, 3) NOT NULL,
  M_Data_Sum       DECIMAL(18, 3) NOT NULL,
  M_Data_Count     BIGINT         NOT NULL,
  M_In_Call_Count  BIGINT         NOT NULL,
  M_In_Call_Time   DECIMAL(18, 3) NOT NULL,
  M_Tenure_Churn   TINYINT        NULL,
  PRIMARY KEY (User, Date),
  KEY by_date (Date)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS model_predictions (
  Date            DATE        NOT NULL,
  User            VARCHAR(15) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  label           TINYINT     NULL,
  prediction      TINYINT     NOT NULL,
  probability_0   DOUBLE      NOT NULL,
  probability_1   DOUBLE      NOT NULL,
  rawPrediction_0 DOUBLE      NOT NULL,
  rawPrediction_1 DOUBLE      NOT NULL,
  features_str    TEXT        NOT NULL,
  reasons         TEXT        NULL,
  model_version   INT         NOT NULL,
  run_id          VARCHAR(64) NOT NULL,
  scored_at       DATETIME(3) NOT NULL,
  last_emitted_at DATETIME(3) NULL,
  PRIMARY KEY (User, Date, model_version),
  KEY by_date (Date)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS MirrorCursors (
  name    VARCHAR(190) NOT NULL,
  version BIGINT       NOT NULL,
  PRIMARY KEY (name)
) ENGINE = InnoDB;
