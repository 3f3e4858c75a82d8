"""What the command line does for clicks alone."""

from __future__ import annotations

from cdrlake.extension import Extension, Group

EXTENSION = Extension(
    groups=(Group("clicks", "cdrlake.clicks.cli_clicks", "Traffic on the shop."),)
)
