"""Servers of one and the same forest, each with one worker, a bearer token and checked records."""
