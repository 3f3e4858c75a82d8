-- Several models can be watched: a run says which one it is about; NULL is the first model.

ALTER TABLE monitoring_runs
  ADD COLUMN model VARCHAR(190) NULL,
  ADD KEY by_model (model, started_at);
