"""What the command line does for segments alone."""

from __future__ import annotations

from cdrlake.extension import Extension, Group

EXTENSION = Extension(
    groups=(Group("purchases", "cdrlake.segments.cli_purchases", "Purchases of cards."),)
)
