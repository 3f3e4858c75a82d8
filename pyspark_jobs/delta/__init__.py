"""Delta tables: made from contracts, written, and kept quick to read."""
