"""Clicks: a made-up shop, its visitors, and their traffic."""
