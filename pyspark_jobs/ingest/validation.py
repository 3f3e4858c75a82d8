"""The validation of one message: its rows, or every rule that it breaks.

This is the only place that says what is wrong with a message. The fast reader accepts nothing that
would be rejected here, and leaves the rest to this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pyspark_jobs.ingest.json_values import decode, encode_extras
from pyspark_jobs.ingest.rules import FieldCheck, Rules

Row = dict[str, Any]


class Violation(NamedTuple):
    """A broken rule: `reason` is from the closed list of reasons, `detail` has needed and got."""

    reason: str
    detail: str


@dataclass
class Validation:
    """The rows of an accepted message; a message with any violation has no rows."""

    rows: list[Row] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    @property
    def reasons(self) -> str:
        """The broken rules, each once, comma-separated."""
        return ",".join(dict.fromkeys(violation.reason for violation in self.violations))

    @property
    def detail(self) -> str:
        """Needed and got, for each violation."""
        return "; ".join(violation.detail for violation in self.violations)


def validate(raw: bytes | None, rules: Rules) -> Validation:
    """Validate the message `raw`; no content makes it raise.

    >>> from datetime import UTC, datetime
    >>> from lakehouse.contracts import Contract, Field, quarantine
    >>> from lakehouse.domain import Feed
    >>> from lakehouse.names import QueryIdentity
    >>> message = Contract("t", (Field("n", "long", "a number"),), key=("n",))
    >>> feed = Feed(QueryIdentity("j", "b.t", 1), "t", message, message, quarantine("q.t"))
    >>> rules = Rules(feed, datetime(2026, 1, 1, tzinfo=UTC))
    >>> validate(b"[1]", rules).reasons, validate(b'{"n":1}', rules).rows
    ('not_object', [{'n': 1, 'extras': None}])
    """
    try:
        return _validate(raw, rules)
    except Exception as error:
        # A fault of ours, brought out by this message: it must not stop those behind it.
        return refused("not_judged", f"expected a message that can be judged, but got {error!r}")


def refused(reason: str, detail: str) -> Validation:
    """The validation result of a message that breaks one rule."""
    return Validation(violations=[Violation(reason, detail)])


def _validate(raw: bytes | None, rules: Rules) -> Validation:
    if raw is not None and len(raw) > rules.max_bytes:
        return refused("too_large", f"expected at most {rules.max_bytes} bytes, but got {len(raw)}")
    try:
        value = decode(raw)
    except (ValueError, RecursionError) as error:
        return refused("not_json", f"expected JSON, but got {_clip(raw)} ({error})")
    records = _records(value, rules)
    if records is None:
        return refused("not_object", f"expected an object, but got {_clip(value)}")
    result = Validation()
    for record in records:
        result.rows.append(_validate_record(record, rules, result.violations))
    return Validation(violations=result.violations) if result.violations else result


def _records(value: Any, rules: Rules) -> list[Mapping[str, Any]] | None:
    """The records of a message: itself, or the rows of the pandas "split" layout."""
    if not isinstance(value, dict):
        return None
    columns, data = value.get("columns"), value.get("data")
    if not isinstance(columns, list) or not isinstance(data, list) or "columns" in rules.names:
        return [value]
    if not data or not all(isinstance(row, list) and len(row) == len(columns) for row in data):
        return None
    return [dict(zip(map(str, columns), row, strict=True)) for row in data]


def _validate_record(record: Mapping[str, Any], rules: Rules, violations: list[Violation]) -> Row:
    row: Row = {}
    for check in rules.checks:
        name = check.spec.name
        value = _value(record.get(name), check)
        if type(value) is Violation:
            violations.append(value)
        else:
            row[name] = value
    extras = {name: record[name] for name in record.keys() - rules.names}
    try:
        row["extras"] = encode_extras(extras)
    except ValueError as error:
        detail = f"expected numbers that a double can hold in unknown fields ({error})"
        violations.append(Violation("out_of_range", detail))
    violations.extend(_broken_rules(row, rules))
    return row


def _value(value: Any, check: FieldCheck) -> Any:
    spec = check.spec
    if value is None:
        missing = Violation("missing_field", f"{spec.name}: required, but missing")
        return None if spec.nullable else missing
    is_time = spec.kind in ("date", "timestamp")
    try:
        typed = check.convert(value)
    except ArithmeticError:
        return _out_of_range(value, check, is_time)
    except ValueError:
        reason = "bad_date" if is_time else "wrong_type"
        return Violation(reason, f"{spec.name}: expected {spec.kind}, but got {_clip(value)}")
    if check.pattern is not None and not check.pattern.fullmatch(typed):
        detail = f"{spec.name}: expected {spec.pattern}, but got {_clip(value)}"
        return Violation(spec.pattern_reason, detail)
    measured = len(typed) if spec.kind == "string" else typed
    if check.low is not None and not check.low <= measured <= check.high:
        return _out_of_range(value, check, is_time)
    return typed


def _out_of_range(value: Any, check: FieldCheck, is_time: bool) -> Violation:
    name = check.spec.name
    if is_time:
        needed = f"from {check.low} to {check.high}, by the clock of the lake"
        return Violation("bad_date", f"{name}: expected {needed}, but got {_clip(value)}")
    needed = _range_of(check)
    return Violation("out_of_range", f"{name}: expected {needed}, but got {_clip(value)}")


def _range_of(check: FieldCheck) -> str:
    if check.low is None:
        return f"{check.spec.kind} of numbers that fit"
    unit = " characters" if check.spec.kind == "string" else ""
    return f"{check.low} to {check.high}{unit}"


def _broken_rules(row: Row, rules: Rules) -> Iterator[Violation]:
    feed = rules.feed
    moment = row.get(feed.event_time) if feed.event_time else None
    if moment is not None:
        day = moment.astimezone(rules.zone).date()
        if feed.event_date is not None:
            row[feed.event_date] = day
        if rules.oldest is not None and day < rules.oldest:
            yield Violation(
                "too_late",
                f"{feed.event_time}: expected {rules.oldest} or later, "
                f"the latest date so far less the allowed lateness, but got {day}",
            )
    for earlier, later in feed.ordered:
        first, second = row.get(earlier), row.get(later)
        if first is not None and second is not None and second <= first:
            yield Violation("bad_date", f"{later}: expected after {first}, but got {second}")
    entity = row.get(feed.entity) if feed.entity else None
    if rules.known is not None and entity is not None and entity not in rules.known:
        detail = f"{feed.entity}: expected one that is known, but got {entity}"
        yield Violation(feed.unknown_reason, detail)


def _clip(value: Any, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."
