"""Commands on refused messages: `cdrlake quarantine ...`."""

from __future__ import annotations

from typing import Annotated

import polars as pl
import typer
from rich.table import Table
from rich.text import Text

from cdrlake.console import CONSOLE
from lakehouse import display, quarantine, yaml_files
from lakehouse.clock import SystemClock
from lakehouse.domain import Feed
from lakehouse.domains import DOMAINS, domain
from lakehouse.domains.settings import load
from lakehouse.errors import ContractError, closest
from lakehouse.quarantine import Correction

refused = typer.Typer(no_args_is_help=True, help="Messages that were refused.")
_REASONS = dict.fromkeys(
    reason for one in DOMAINS for feed in one.feeds for reason in quarantine.reasons(feed)
)

Topic = Annotated[
    str | None, typer.Option(help="Topic the messages came from; by default, the domain's first.")
]
Of = Annotated[str, typer.Option("--domain", help="Domain that the topic belongs to.")]
Reason = Annotated[str | None, typer.Option(help=f"Only these: {', '.join(_REASONS)}.")]
Rename = Annotated[list[str] | None, typer.Option(help="FIELD=OTHER: take OTHER's value.")]
Value = Annotated[list[str] | None, typer.Option("--set", help="FIELD=VALUE, a YAML value.")]
FIRST = DOMAINS[0].name


@refused.command("list")
def count(topic: Topic = None, of: Of = FIRST) -> None:
    """Count refused messages by reason."""
    _print(quarantine.counts(load(), _feed(of, topic)))


@refused.command()
def show(reason: Reason = None, limit: int = 20, topic: Topic = None, of: Of = FIRST) -> None:
    """Show waiting messages as they came, beside the rule that each broke."""
    feed = _feed(of, topic)
    _print(quarantine.show(load(), feed, _known(feed, reason), limit))


@refused.command()
def replay(
    reason: Reason = None,
    rename: Rename = None,
    value: Value = None,
    topic: Topic = None,
    of: Of = FIRST,
) -> None:
    """Correct waiting messages and send them into the stream again."""
    values = {
        name: yaml_files.parse(text, f"value of {name}", ContractError)
        for name, text in _pairs(value).items()
    }
    correction, feed = Correction(_pairs(rename), values), _feed(of, topic)
    done = quarantine.replay(load(), feed, correction, SystemClock(), _known(feed, reason))
    CONSOLE.print(f"sent again: {done.sent:,}; could not be corrected: {done.unreadable:,}")


def _feed(of: str, topic: str | None) -> Feed:
    """The feed of a topic; one that belongs to another domain than the first is found as well."""
    owners = [one for one in DOMAINS if topic is not None and one.feed(topic) is not None]
    return quarantine.feed_of(owners[0] if of == FIRST and owners else domain(of), topic)


def _known(feed: Feed, reason: str | None) -> str | None:
    known = quarantine.reasons(feed)
    if reason is not None and reason not in known:
        raise ContractError("--reason", "a known reason", reason, closest(reason, known))
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
        # As text, or square brackets in a message would be taken for markup.
        table.add_row(*(Text("" if cell is None else display.printable(str(cell))) for cell in row))
    CONSOLE.print(table)
