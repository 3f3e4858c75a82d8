"""The routes that users of the segments service know."""
