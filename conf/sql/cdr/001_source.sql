-- The source: usage, outcomes, and the outbox that carries both to Kafka.
-- Portable between MySQL 8.4 and MariaDB 11.4; every statement may run twice.

CREATE TABLE IF NOT EXISTS DP_CDR_Data (
  id              BIGINT         NOT NULL AUTO_INCREMENT,
  DP_DATE         DATETIME(3)    NOT NULL,
  DP_MSISDN       VARCHAR(15)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  DP_MOC_COUNT    BIGINT         NOT NULL,
  DP_MOC_DURATION DECIMAL(18, 3) NOT NULL,
  DP_MTC_COUNT    BIGINT         NOT NULL,
  DP_MTC_DURATION DECIMAL(18, 3) NOT NULL,
  DP_MOSMS_COUNT  BIGINT         NOT NULL,
  DP_MTSMS_COUNT  BIGINT         NOT NULL,
  DP_DATA_COUNT   BIGINT         NOT NULL,
  DP_DATA_VOLUME  DECIMAL(18, 3) NOT NULL,
  PSEUDO_CHURNED  TINYINT        NULL,
  stream_id       VARCHAR(64)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  sequence        BIGINT         NOT NULL,
  emitted_at      DATETIME(3)    NOT NULL,
  Date            DATE           NOT NULL,
  is_active       TINYINT        GENERATED ALWAYS AS (CASE WHEN DP_MOC_COUNT + DP_MTC_COUNT
                    + DP_MOSMS_COUNT + DP_MTSMS_COUNT + DP_DATA_COUNT > 0 THEN 1 ELSE 0 END) STORED,
  PRIMARY KEY (id),
  UNIQUE KEY by_sequence (stream_id, sequence),
  KEY by_date (Date, is_active, DP_MSISDN),
  KEY by_subscriber (DP_MSISDN, Date, is_active),
  KEY by_label (PSEUDO_CHURNED),
  CONSTRAINT msisdn_digits CHECK (DP_MSISDN REGEXP '^[0-9]{8,15}$'),
  CONSTRAINT moc_count CHECK (DP_MOC_COUNT BETWEEN 0 AND 1000000),
  CONSTRAINT moc_duration CHECK (DP_MOC_DURATION BETWEEN 0 AND 1000000000000),
  CONSTRAINT mtc_count CHECK (DP_MTC_COUNT BETWEEN 0 AND 1000000),
  CONSTRAINT mtc_duration CHECK (DP_MTC_DURATION BETWEEN 0 AND 1000000000000),
  CONSTRAINT mosms_count CHECK (DP_MOSMS_COUNT BETWEEN 0 AND 1000000),
  CONSTRAINT mtsms_count CHECK (DP_MTSMS_COUNT BETWEEN 0 AND 1000000),
  CONSTRAINT data_count CHECK (DP_DATA_COUNT BETWEEN 0 AND 1000000),
  CONSTRAINT data_volume CHECK (DP_DATA_VOLUME BETWEEN 0 AND 1000000000000),
  CONSTRAINT label_known CHECK (PSEUDO_CHURNED IN (0, 1))
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS CDR_Outcomes (
  DP_MSISDN      VARCHAR(15) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  Date           DATE        NOT NULL,
  PSEUDO_CHURNED TINYINT     NOT NULL,
  known_at       DATE        NOT NULL,
  stream_id      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  sequence       BIGINT      NOT NULL,
  PRIMARY KEY (Date, DP_MSISDN),
  UNIQUE KEY by_sequence (stream_id, sequence),
  CONSTRAINT outcome_known CHECK (PSEUDO_CHURNED IN (0, 1))
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS Outbox (
  entry_id       BIGINT      NOT NULL AUTO_INCREMENT,
  kind           VARCHAR(8)  NOT NULL,
  stream_id      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  first_sequence BIGINT      NOT NULL,
  last_sequence  BIGINT      NOT NULL,
  created_at     DATETIME(3) NOT NULL,
  PRIMARY KEY (entry_id),
  CONSTRAINT outbox_kind CHECK (kind IN ('event', 'outcome'))
) ENGINE = InnoDB;

-- Sums of each appended block by date, written with the block: the daily summary adds up these few
-- rows instead of millions.
CREATE TABLE IF NOT EXISTS DailyBlocks (
  Date           DATE           NOT NULL,
  stream_id      VARCHAR(64)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  first_sequence BIGINT         NOT NULL,
  calls          BIGINT         NOT NULL,
  call_time      DECIMAL(38, 3) NOT NULL,
  purchases      BIGINT         NOT NULL,
  volume         DECIMAL(38, 3) NOT NULL,
  PRIMARY KEY (Date, stream_id, first_sequence)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS Streams (
  stream_id     VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  mode          VARCHAR(8)   NOT NULL,
  state         VARCHAR(12)  NOT NULL,
  request       TEXT         NOT NULL,
  sent_batches  BIGINT       NOT NULL DEFAULT 0,
  sent_rows     BIGINT       NOT NULL DEFAULT 0,
  sent_outcomes BIGINT       NOT NULL DEFAULT 0,
  error         TEXT         NULL,
  started_at    DATETIME(3)  NOT NULL,
  updated_at    DATETIME(3)  NOT NULL,
  PRIMARY KEY (stream_id),
  KEY by_start (started_at),
  CONSTRAINT stream_mode CHECK (mode IN ('history', 'live', 'replay')),
  CONSTRAINT stream_state CHECK (state IN ('running', 'finished', 'stopped', 'failed'))
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS SimulatorState (
  name  VARCHAR(190) NOT NULL,
  value TEXT         NOT NULL,
  PRIMARY KEY (name)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS Subscribers (
  DP_MSISDN    VARCHAR(15) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  segment      VARCHAR(32) NULL,
  region       VARCHAR(32) NULL,
  activated_on DATE        NOT NULL,
  PRIMARY KEY (DP_MSISDN)
) ENGINE = InnoDB;
