"""`cdrlake trace`: one prediction, from its messages to the truth."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from cdrlake.console import CONSOLE
from lakehouse import display
from lakehouse.domain import Domain, Scored
from lakehouse.domains.settings import load
from lakehouse.errors import ModelError, SettingsError, closest
from lakehouse.registry import open_registry
from lakehouse.trace import Row, Trace, TracedPrediction
from lakehouse.trace import trace as follow

LAST = 10


def show(
    entity: str, when: datetime, as_json: bool, chosen: Domain, model: str | None = None
) -> None:
    """Print the trace of `entity` at `when`, whole as JSON or the essentials as tables.

    `model` is one of the domain's, by default its first.
    """
    settings = load()
    scored = scored_by(chosen, model)
    time = _moment(scored, when)
    found = follow(settings, open_registry(settings, scored), chosen, scored, entity, time)
    if as_json:
        text = msgspec.json.format(msgspec.json.encode(found.as_dict(scored)))
        CONSOLE.print(text.decode(), markup=False, soft_wrap=True)
        return
    _tables(chosen, found)


def scored_by(chosen: Domain, model: str | None) -> Scored:
    """What `model` scores, by default the first of the domain.

    Raises `ModelError` for a domain without models, `SettingsError` for a model that is not its.
    """
    if not chosen.scored:
        raise ModelError("trace", "a domain whose rows are scored", chosen.name, "name another")
    models = {one.model: one for one in chosen.scored}
    name = model or chosen.scored[0].model
    if name not in models:
        known = closest(name, models)
        raise SettingsError("--model", f"a model of {chosen.name}", repr(name), known)
    return models[name]


def _moment(scored: Scored, when: datetime) -> date | datetime:
    """`when` as the column of times holds it: a date, or a moment in UTC."""
    is_date = scored.table.field(scored.time).kind == "date"
    return when.date() if is_date else when.replace(tzinfo=UTC)


def _tables(chosen: Domain, found: Trace) -> None:
    for hop in chosen.hops:
        rows = found.hops[hop.name]
        CONSOLE.print(_table(f"{hop.title}, last {LAST} of {len(rows)}", rows, hop.shown))
    for prediction in found.predictions:
        _prediction(prediction)
    truth = "not known yet" if found.outcome is None else str(found.outcome)
    CONSOLE.print(f"outcome: {truth}")


def _prediction(one: TracedPrediction) -> None:
    again = "the same again" if one.is_reproduced else f"NOT reproduced: {one.recomputed!r}"
    if one.recomputed is None:
        again = "by no version of the registry, so it is not computed again"
    CONSOLE.print(
        f"version {one.model_version} (run {one.run_id}) scored {one.scored_at}: "
        f"probability {one.probability!r}, {again}",
        soft_wrap=True,
    )
    for reason in one.reasons:
        CONSOLE.print(f"  {reason['feature']} = {reason['value']:g} {reason['direction']} it")


def _table(title: str, rows: list[Row], shown: tuple[tuple[str, str], ...]) -> Table:
    table = Table(title=title, title_justify="left")
    for _, heading in shown:
        table.add_column(heading, no_wrap=True)
    for row in rows[-LAST:]:
        table.add_row(*(_cell(row[name]) for name, _ in shown))
    return table


def _cell(value: Any) -> Text:
    """Moments to the second; everything else as it is, apart from what would not be shown."""
    if isinstance(value, datetime):
        return Text(f"{value:%Y-%m-%d %H:%M:%S}")
    return Text(display.printable(str(value)))
