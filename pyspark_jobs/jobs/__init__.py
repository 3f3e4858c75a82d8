"""Entry points, one per job."""
