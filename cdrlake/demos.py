"""The main jobs of several domains, one after the other, and one table of how they went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from cdrlake.console import CONSOLE
from cdrlake.main_job import Cost
from lakehouse.domain import Domain
from lakehouse.errors import CdrlakeError, ServiceError


@dataclass(frozen=True)
class Went:
    """How a domain's main job went: what it took, or the error that ended it."""

    domain: Domain
    cost: Cost | None = None
    error: str | None = None


def run_all(domains: Sequence[Domain], run: Callable[[Domain], Cost]) -> None:
    """Run each main job; one that fails does not keep the others from running.

    Raises `ServiceError` in the end if any failed.
    """
    found = []
    for domain in domains:
        CONSOLE.rule(domain.title or domain.name)
        found.append(_one(domain, run))
    CONSOLE.print(table(found))
    failed = [one.domain.name for one in found if one.error]
    if failed:
        raise ServiceError.sentence(
            f"{len(failed)} of {len(found)} demos failed: {', '.join(failed)}."
        )


def table(found: Sequence[Went]) -> Table:
    """One row for each domain."""
    made = Table(title="Demos", title_justify="left")
    for heading in ("domain", "result", "minutes", "GiB at most"):
        made.add_column(heading, justify="right" if heading[-1] in "st" else "left")
    for one in found:
        if one.cost is None:
            made.add_row(one.domain.name, f"[bold red]{escape(one.error or '')}[/]", "", "")
            continue
        minutes, gib = one.cost.seconds / 60, sum(one.cost.memory.values()) / 1024**3
        made.add_row(one.domain.name, "[green]all counts agree[/]", f"{minutes:.1f}", f"{gib:.1f}")
    return made


def _one(domain: Domain, run: Callable[[Domain], Cost]) -> Went:
    try:
        return Went(domain, run(domain))
    except CdrlakeError as error:
        CONSOLE.print(f"[bold red]{escape(str(error))}[/]", soft_wrap=True)
        return Went(domain, error=str(error))
