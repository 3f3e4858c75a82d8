"""Where purchases come from: files."""
