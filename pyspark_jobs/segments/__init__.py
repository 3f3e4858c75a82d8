"""Segments on the engine: features in tasks, and the training of types and hazards."""
