"""Ingest from a topic to bronze or quarantine, for any contract."""
