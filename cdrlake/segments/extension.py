"""What the command line does for segments alone; nothing heavy is imported before it is used."""

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
    from cdrlake.segments import demo

    return demo.act(stack, clock)


def _show(settings: Settings, outcome: Outcome, cost: Cost) -> None:
    from cdrlake.console import CONSOLE
    from cdrlake.segments import summary

    summary.show(CONSOLE, settings, outcome, cost)


def _gate(registry: Registry, scored: Scored, settings: Settings) -> Gate:
    from pyspark_jobs.segments import gates

    return gates.gate(registry, scored, settings)


EXTENSION = Extension(
    groups=(Group("purchases", "cdrlake.segments.cli_purchases", "Purchases of cards."),),
    act=_act,
    show=_show,
    gate=_gate,
)
