-- What every domain shares: streams, the outbox that carries their rows to Kafka, and the cursors of
-- the mirrors. Installations of before have these tables already, made by 001 and 002.

CREATE TABLE IF NOT EXISTS Outbox (
  entry_id       BIGINT      NOT NULL AUTO_INCREMENT,
  kind           VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  stream_id      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  first_sequence BIGINT      NOT NULL,
  last_sequence  BIGINT      NOT NULL,
  created_at     DATETIME(3) NOT NULL,
  PRIMARY KEY (entry_id)
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

CREATE TABLE IF NOT EXISTS MirrorCursors (
  name    VARCHAR(190) NOT NULL,
  version BIGINT       NOT NULL,
  PRIMARY KEY (name)
) ENGINE = InnoDB;
