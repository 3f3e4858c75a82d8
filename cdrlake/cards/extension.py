"""What the command line does for card transactions alone."""

from __future__ import annotations

from cdrlake.extension import Extension, Group

EXTENSION = Extension(
    groups=(Group("cards", "cdrlake.cards.cli_cards", "Card transactions."),),
)
