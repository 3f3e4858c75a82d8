"""What the command line does for card fraud alone; nothing heavy is imported before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdrlake.extension import Extension, Group

if TYPE_CHECKING:
    from cdrlake.main_job import Cost, Outcome
    from cdrlake.stack import Stack
    from lakehouse.clock import Clock
    from lakehouse.domains.settings import Settings


def _act(stack: Stack, clock: Clock) -> Outcome:
    from cdrlake.fraud import demo

    return demo.act(stack, clock)


def _show(settings: Settings, outcome: Outcome, cost: Cost) -> None:
    from cdrlake.console import CONSOLE
    from cdrlake.fraud import summary

    summary.show(CONSOLE, settings, outcome, cost)


EXTENSION = Extension(
    groups=(Group("fraud", "cdrlake.fraud.cli", "Card fraud: events, training sets, versions."),),
    act=_act,
    show=_show,
    csv_variable="CDRLAKE_FRAUD__SOURCE",
    memory_gib=4,
)
