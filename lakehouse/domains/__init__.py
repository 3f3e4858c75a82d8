"""The domains that run on the shared spine."""
