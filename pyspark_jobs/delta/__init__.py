"""Delta tables: created from contracts, written, and kept fast to read."""
