"""Segments: who the cardholders are, and who buys within k days."""

from lakehouse.domains.segments.domain import SEGMENTS

__all__ = ["SEGMENTS"]
