"""The top floor: the command line, and everything it starts and stops."""
