"""Clicks: what users look at in a shop, and which of them are bots."""

from lakehouse.domains.clicks.domain import CLICKS

__all__ = ["CLICKS"]
