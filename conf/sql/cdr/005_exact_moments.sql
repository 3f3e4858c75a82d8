-- The mirror holds the moments of the lake to the microsecond, as the table and the topic do.

ALTER TABLE model_predictions
  MODIFY scored_at DATETIME(6) NOT NULL,
  MODIFY last_emitted_at DATETIME(6) NULL;
