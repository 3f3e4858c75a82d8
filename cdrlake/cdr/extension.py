"""What the command line does for call-detail records alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdrlake.extension import Extension, Group, Move

if TYPE_CHECKING:
    from cdrlake.main_job import Cost, Outcome
    from cdrlake.stack import Stack
    from lakehouse.clock import Clock
    from lakehouse.domains.settings import Settings


def _load_history(settings: Settings, move: Move) -> str:
    from flaskapp.cdr import loader

    return loader.load_history(settings, move).message


def _act(stack: Stack, clock: Clock) -> Outcome:
    from cdrlake.cdr import demo

    return demo.act(stack, clock)


def _show(settings: Settings, outcome: Outcome, cost: Cost) -> None:
    from cdrlake.cdr import summary
    from cdrlake.console import CONSOLE

    summary.show(CONSOLE, settings, outcome, cost)


EXTENSION = Extension(
    groups=(
        Group("db", "cdrlake.cdr.cli_data", "The source database."),
        Group("outbox", "cdrlake.cdr.cli_outbox", "Rows on their way to Kafka."),
    ),
    load_history=_load_history,
    act=_act,
    show=_show,
)
