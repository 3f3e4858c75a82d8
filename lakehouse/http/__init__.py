"""What every HTTP service of the project shares."""
