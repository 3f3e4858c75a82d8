"""Embedded servers and child processes: real ones, started, watched and stopped from here."""
