"""The HTTP side of monitoring."""
