"""SQL that analysts write: pipelines of SQL files, and models that SQL can ask."""
