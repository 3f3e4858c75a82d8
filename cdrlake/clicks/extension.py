"""What the command line does for clicks alone; nothing heavy is imported before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdrlake.extension import Extension, Group, Move

if TYPE_CHECKING:
    from cdrlake.main_job import Cost, Outcome
    from cdrlake.stack import Stack
    from lakehouse.clock import Clock
    from lakehouse.domains.settings import Settings


def _load_history(settings: Settings, _: Move) -> str:
    from flaskapp.clicks import shop

    return f"{shop.prepare(settings):,} users in the shop's database"


def _act(stack: Stack, clock: Clock) -> Outcome:
    from cdrlake.clicks import demo

    return demo.act(stack, clock)


def _show(settings: Settings, outcome: Outcome, cost: Cost) -> None:
    from cdrlake.clicks import summary
    from cdrlake.console import CONSOLE

    summary.show(CONSOLE, settings, outcome, cost)


EXTENSION = Extension(
    groups=(Group("clicks", "cdrlake.clicks.cli_clicks", "Traffic on the shop."),),
    load_history=_load_history,
    act=_act,
    show=_show,
    memory_gib=4,
)
