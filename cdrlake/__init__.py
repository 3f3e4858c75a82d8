"""The top layer: the command line, and everything it starts and stops."""
