"""Commands of the segments domain."""
