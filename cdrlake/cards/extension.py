"""What the command line does for card transactions alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdrlake.extension import Extension, Group

if TYPE_CHECKING:
    from cdrlake.main_job import Cost, Outcome
    from cdrlake.stack import Stack
    from lakehouse.clock import Clock
    from lakehouse.domain import Scored
    from lakehouse.domains.settings import Settings
    from lakehouse.registry import Registry
    from lakehouse.registry.gates import Gate


def _act(stack: Stack, clock: Clock) -> Outcome:
    from cdrlake.cards import demo

    return demo.act(stack, clock)


def _show(settings: Settings, outcome: Outcome, cost: Cost) -> None:
    from cdrlake.cards import summary
    from cdrlake.console import CONSOLE

    summary.show(CONSOLE, settings, outcome, cost)


def _stream() -> int:
    from cdrlake.cards import door

    return door.main()


def _gate(registry: Registry, scored: Scored, settings: Settings) -> Gate:
    from pyspark_jobs.cards import train

    return train.gate(registry, scored, settings)


EXTENSION = Extension(
    groups=(Group("cards", "cdrlake.cards.cli_cards", "Card transactions."),),
    act=_act,
    show=_show,
    stream=_stream,
    gate=_gate,
)
