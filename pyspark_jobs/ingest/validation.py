"""The validate of one message: its rows, or every rule that it breaks.

This is the only place that says what is wrong with a message; the bulk reader in `parse` accepts
nothing that the validate would refuse, and leaves everything else to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, NoReturn
from zoneinfo import ZoneInfo

from lakehouse.contracts import Contract, Field, Kind

Row = dict[str, Any]

EARLIEST_YEAR = 2000
FUTURE_TOLERANCE = timedelta(days=1)
LONG_MAX = 2**63 - 1
_INTEGRAL = re.compile(r"[+-]?[0-9]+(\.0*)?")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")


class Violation(NamedTuple):
    """A broken rule: `reason` is from `contracts.REASONS`, `detail` says needed and got."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Rules:
    """What a message of `contract` must satisfy beyond its fields.

    `dated_by` names the field that says when the usage happened; its calendar date in `timezone`
    must not be before `oldest`. With `subscribers` given, no one else is known.
    """

    contract: Contract
    dated_by: str | None = None
    timezone: str = "UTC"
    max_bytes: int = 256 * 1024
    oldest: date | None = None
    subscribers: frozenset[str] | None = None


@dataclass
class Validation:
    """Rows of an accepted message; a message with any violation has no rows."""

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


def validate(raw: bytes | None, received: datetime, rules: Rules) -> Validation:
    """Judge the message `raw` that the broker took at `received` (UTC).

    >>> from lakehouse.contracts import CDR_OUTCOME
    >>> validate(b"[1]", datetime(2026, 1, 1, tzinfo=UTC), Rules(CDR_OUTCOME)).reasons
    'not_object'
    """
    if raw is not None and len(raw) > rules.max_bytes:
        return _refused("too_large", f"needed at most {rules.max_bytes} bytes, got {len(raw)}")
    try:
        value = _decode(raw)
    except (ValueError, RecursionError) as error:
        return _refused("not_json", f"needed JSON, got {_clip(raw)} ({error})")
    records = _records(value)
    if records is None:
        return _refused("not_object", f"needed an object, got {_clip(value)}")
    result = Validation()
    for record in records:
        row, violations = _validate_record(record, received, rules)
        result.rows.append(row)
        result.violations.extend(violations)
    return Validation(violations=result.violations) if result.violations else result


def _refused(reason: str, detail: str) -> Validation:
    return Validation(violations=[Violation(reason, detail)])


def _decode(raw: bytes | None) -> Any:
    if not raw:
        raise ValueError("empty message")
    return json.loads(raw.decode("utf-8"), parse_constant=_no_constant)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _records(value: Any) -> list[Mapping[str, Any]] | None:
    """The records of a message: itself, or the rows of the pandas "split" layout."""
    if not isinstance(value, dict):
        return None
    columns, data = value.get("columns"), value.get("data")
    if not isinstance(columns, list) or not isinstance(data, list):
        return [value]
    if not data or not all(isinstance(row, list) and len(row) == len(columns) for row in data):
        return None
    return [dict(zip(map(str, columns), row, strict=True)) for row in data]


def _validate_record(
    record: Mapping[str, Any], received: datetime, rules: Rules
) -> tuple[Row, list[Violation]]:
    row: Row = {}
    violations: list[Violation] = []
    for spec in rules.contract.fields:
        value = _value(record.get(spec.name), spec)
        if isinstance(value, Violation):
            violations.append(value)
        else:
            row[spec.name] = value
    extras = {key: record[key] for key in sorted(record) if key not in rules.contract.names}
    row["extras"] = json.dumps(extras, separators=(",", ":")) if extras else None
    violations.extend(_broken_rules(row, received, rules))
    return row, violations


def _value(value: Any, spec: Field) -> Any:
    if value is None:
        return (
            None if spec.nullable else Violation("missing_field", f"{spec.name}: needed, got none")
        )
    try:
        typed = _READERS[spec.kind](value)
    except (ValueError, OverflowError):
        reason = "bad_date" if spec.kind in ("date", "timestamp") else "wrong_type"
        return Violation(reason, f"{spec.name}: needed {spec.kind}, got {_clip(value)}")
    return _bounded(typed, spec)


def _bounded(value: Any, spec: Field) -> Any:
    if spec.pattern is not None and not re.fullmatch(spec.pattern, value):
        reason = "bad_msisdn" if spec.name == "DP_MSISDN" else "wrong_type"
        return Violation(reason, f"{spec.name}: needed {spec.pattern}, got {_clip(value)}")
    low = spec.minimum if spec.minimum is not None else -LONG_MAX
    high = spec.maximum if spec.maximum is not None else LONG_MAX
    if spec.kind in ("int", "long", "decimal") and not low <= value <= high:
        return Violation("out_of_range", f"{spec.name}: needed {low} to {high}, got {_clip(value)}")
    return value


def _broken_rules(row: Row, received: datetime, rules: Rules) -> Iterator[Violation]:
    moment = row.get(rules.dated_by) if rules.dated_by else None
    if moment is not None:
        day = moment.astimezone(ZoneInfo(rules.timezone)).date()
        row["Date"] = day
        if moment > received + FUTURE_TOLERANCE:
            yield Violation(
                "bad_date", f"{rules.dated_by}: needed at most a day ahead, got {moment}"
            )
        elif day.year < EARLIEST_YEAR:
            yield Violation(
                "bad_date", f"{rules.dated_by}: needed {EARLIEST_YEAR} on, got {moment}"
            )
        elif rules.oldest is not None and day < rules.oldest:
            yield Violation("too_late", f"{rules.dated_by}: needed {rules.oldest} on, got {day}")
    if row.get("known_at") and row.get("date") and row["known_at"] <= row["date"]:
        yield Violation("bad_date", f"known_at: needed after {row['date']}, got {row['known_at']}")
    user = row.get("DP_MSISDN")
    if rules.subscribers is not None and user is not None and user not in rules.subscribers:
        yield Violation("unknown_subscriber", f"DP_MSISDN: needed a known subscriber, got {user}")


def _to_string(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(_to_int(value))


def _to_int(value: Any) -> int:
    if isinstance(value, str) and _INTEGRAL.fullmatch(value):
        return int(value.partition(".")[0])
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ValueError(value)
    return int(value)


def _to_float(value: Any) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(value)
    return float(value)


def _to_moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError(value)
    moment = datetime.fromisoformat(value.strip())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _to_date(value: Any) -> date:
    moment = _to_moment(value)
    return moment.date()


_READERS: dict[Kind, Callable[[Any], Any]] = {
    "string": _to_string,
    "int": _to_int,
    "long": _to_int,
    "decimal": _to_float,
    "timestamp": _to_moment,
    "date": _to_date,
}


def _clip(value: Any, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}..."
