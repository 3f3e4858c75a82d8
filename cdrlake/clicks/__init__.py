"""What the command line does for clicks alone."""
