"""Clicks: the table of users, and the domain's queries in one session."""
