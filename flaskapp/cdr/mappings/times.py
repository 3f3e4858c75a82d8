"""Moments out of text: with an offset or in a zone, by format or counted from an origin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import polars as pl

from flaskapp.cdr.mappings import zones
from flaskapp.cdr.mappings.spec import TimeSpec

UTC_MS, LOCAL_MS = pl.Datetime("ms", "UTC"), pl.Datetime("ms")
# Nothing outside is a moment of usage; arithmetic inside cannot overflow.
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
PER_UNIT_MS = {"s": 1_000.0, "ms": 1.0, "us": 0.001}


@dataclass(frozen=True)
class Moments:
    """A column of moments in UTC, null where `reason` says why.

    In the hour that comes twice, `first` is the earlier one and `second` the later.
    """

    first: pl.Series
    second: pl.Series
    reason: pl.Series


def moments(rows: pl.DataFrame, spec: TimeSpec, what: str) -> Moments:
    """The moments that `spec` describes; reasons speak of them as `what`."""
    given = _given(rows, spec.columns)
    if spec.origin is not None:
        found = _counted(given, spec.origin, spec)
        return Moments(found, found, _reason(given, found, None, spec, what))
    aware = pl.repeat(None, len(given), dtype=UTC_MS, eager=True)
    local = pl.repeat(None, len(given), dtype=LOCAL_MS, eager=True)
    for form in spec.formats:
        if not (aware.is_null() & local.is_null()).any():
            break
        if zones.has_offset(form):
            text = given.str.replace("[Zz]$", "+00:00")
            aware = _coalesce(aware, text.str.to_datetime(form, time_unit="ms", strict=False))
        else:
            local = _coalesce(local, given.str.to_datetime(form, time_unit="ms", strict=False))
    local = local.clip(EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None))
    aware = aware.clip(EARLIEST, LATEST)
    first, second = (
        _coalesce(aware, _in_zone(local, spec.zone, which)) for which in ("earliest", "latest")
    )
    return Moments(first, second, _reason(given, first, local, spec, what))


def _given(rows: pl.DataFrame, columns: tuple[str, ...]) -> pl.Series:
    """The text of the moments, null where all of it is blank."""
    text = pl.concat_str([pl.col(name).str.strip_chars() for name in columns], separator=" ")
    stripped = text.str.strip_chars()
    return rows.select(pl.when(stripped != "").then(stripped).alias("given"))["given"]


def _coalesce(first: pl.Series, other: pl.Series) -> pl.Series:
    return first.zip_with(first.is_not_null(), other.cast(first.dtype))


def _in_zone(local: pl.Series, zone: str, ambiguous: str) -> pl.Series:
    placed = local.dt.replace_time_zone(zone, ambiguous=ambiguous, non_existent="null")  # type: ignore[arg-type]
    return placed.dt.convert_time_zone("UTC")


def _counted(given: pl.Series, origin: datetime, spec: TimeSpec) -> pl.Series:
    """Moments that are so much later than `origin`: time that passes knows no change of clocks."""
    placed = origin if origin.tzinfo is not None else origin.replace(tzinfo=ZoneInfo(spec.zone))
    start, first, last = (int(m.timestamp() * 1_000) for m in (placed, EARLIEST, LATEST))
    count = given.cast(pl.Float64, strict=False)
    millis = (count.set(count.is_nan(), None) * PER_UNIT_MS[spec.unit] + start).clip(first, last)
    return millis.cast(pl.Int64).cast(UTC_MS)


def _reason(
    given: pl.Series, found: pl.Series, local: pl.Series | None, spec: TimeSpec, what: str
) -> pl.Series:
    columns = {"given": given, "found": found, "local": found if local is None else local}
    skipped = f"the {what} is in an hour that the clocks of {spec.zone} skip"
    reason = (
        pl.when(pl.col("given").is_null())
        .then(pl.lit(f"the {what} is missing"))
        .when(pl.col("found").is_null() & pl.col("local").is_not_null())
        .then(pl.lit(skipped))
        .when(pl.col("found").is_null())
        .then(pl.lit(f"the {what} fits no format"))
    )
    return pl.DataFrame(columns).select(reason.alias("reason"))["reason"]
