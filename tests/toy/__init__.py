"""A domain of one small file, which runs on the shared spine without an edit to it."""
