"""What the command line does for card transactions alone."""

from __future__ import annotations

from cdrlake.extension import Extension, Group


def _stream() -> int:
    from cdrlake.cards import door

    return door.main()


EXTENSION = Extension(
    groups=(Group("cards", "cdrlake.cards.cli_cards", "Card transactions."),),
    stream=_stream,
)
