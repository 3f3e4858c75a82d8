"""Commands on refused messages: `cdrlake quarantine ...`."""

from __future__ import annotations

from typing import Annotated

import polars as pl
import typer
import yaml
from rich.table import Table

from cdrlake.console import CONSOLE
from lakehouse import quarantine
from lakehouse.clock import SystemClock
from lakehouse.contracts import REASONS
from lakehouse.domains.cdr import names
from lakehouse.domains.settings import load
from lakehouse.errors import ContractError, closest
from lakehouse.quarantine import Correction

refused = typer.Typer(no_args_is_help=True, help="Messages that were refused.")

Topic = Annotated[str, typer.Option(help="Topic that they came from.")]
Reason = Annotated[str | None, typer.Option(help=f"Only these: {', '.join(REASONS)}.")]
Rename = Annotated[list[str] | None, typer.Option(help="FIELD=OTHER: take OTHER's value.")]
Value = Annotated[list[str] | None, typer.Option("--set", help="FIELD=VALUE, a YAML value.")]


@refused.command("list")
def count(topic: Topic = names.TOPIC_EVENTS) -> None:
    """Count refused messages by reason."""
    _print(quarantine.counts(load(), topic))


@refused.command()
def show(reason: Reason = None, limit: int = 20, topic: Topic = names.TOPIC_EVENTS) -> None:
    """Show waiting messages as they came, beside the rule that each broke."""
    _print(quarantine.show(load(), _known(reason), limit, topic))


@refused.command()
def replay(
    reason: Reason = None,
    rename: Rename = None,
    value: Value = None,
    topic: Topic = names.TOPIC_EVENTS,
) -> None:
    """Mend waiting messages and send them into the stream again."""
    values = {name: yaml.safe_load(text) for name, text in _pairs(value).items()}
    correction = Correction(_pairs(rename), values)
    done = quarantine.replay(load(), correction, SystemClock(), _known(reason), topic)
    CONSOLE.print(f"sent again: {done.sent:,}; could not be corrected: {done.unreadable:,}")


def _known(reason: str | None) -> str | None:
    if reason is not None and reason not in REASONS:
        raise ContractError("--reason", "a known reason", reason, closest(reason, REASONS))
    return reason


def _pairs(words: list[str] | None) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in words or []:
        name, equals, value = word.partition("=")
        if not equals:
            raise ContractError("option", "FIELD=VALUE", word, "write it with an equals sign")
        pairs[name] = value
    return pairs


def _print(frame: pl.DataFrame) -> None:
    table = Table(*frame.columns)
    for row in frame.iter_rows():
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    CONSOLE.print(table)
