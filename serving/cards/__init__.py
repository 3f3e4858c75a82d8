"""What the stream door is told about card transactions."""
