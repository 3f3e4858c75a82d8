"""What the command line does for card fraud alone."""
