"""Measures out of text: numbers with the signs of their country, durations as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from flaskapp.cdr.mappings.lines import LINE
from flaskapp.cdr.mappings.msisdn import ABSENT
from flaskapp.cdr.mappings.spec import FileSpec, MeasureSpec
from lakehouse.errors import SourceError

_SECONDS = r"([0-5]?\d(?:[.,]\d+)?)"
_AMOUNT = r"(?:(\d+(?:[.,]\d+)?)\s*{}\s*)?"
# Each form of a duration: what it looks like, and the seconds in each of its parts.
DURATIONS = {
    "hh:mm:ss": (rf"^(\d+):([0-5]?\d):{_SECONDS}$", (3_600, 60, 1)),
    "mm:ss": (rf"^(\d+):{_SECONDS}$", (60, 1)),
    "units": (
        r"(?i)^P?\s*"
        + _AMOUNT.format("d(?:ays?)?")
        + "T?"
        + _AMOUNT.format("h(?:ours?|rs?)?")
        + _AMOUNT.format("m(?:in(?:utes?|s)?)?")
        + _AMOUNT.format("s(?:ec(?:onds?|s)?)?")
        + "$",
        (86_400, 3_600, 60, 1),
    ),
}


@dataclass(frozen=True)
class Signs:
    """The decimal sign of a file, and the one between groups of three digits.

    >>> re.fullmatch(Signs(",", ".").pattern, "1.000,5") is not None
    True
    >>> re.fullmatch(Signs(",", ".").pattern, "1.00") is not None
    False
    """

    decimal: str
    thousands: str

    @property
    def group(self) -> str:
        """The sign between groups as a regular expression; a blank may be one that never breaks."""
        return r"[ \u{00a0}\u{202f}]" if self.thousands == " " else re.escape(self.thousands)

    @property
    def pattern(self) -> str:
        """What a number that is written with these signs looks like."""
        point = re.escape(self.decimal)
        grouped = rf"\d{{1,3}}(?:{self.group}\d{{3}})+|" if self.thousands else ""
        return rf"^[+-]?(?:(?:{grouped}\d+)(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?$"

    @property
    def others(self) -> list[Signs]:
        """The signs that a file written elsewhere would have."""
        other = "." if self.decimal == "," else ","
        exchanged = Signs(other, self.decimal)
        return [exchanged] if self.thousands else [exchanged, Signs(self.decimal, other)]

    def numbers(self, given: pl.Series) -> pl.Series:
        """The numbers written in `given`, null where there is something else."""
        if (self.decimal, self.thousands) == (".", ""):
            return given.cast(pl.Float64, strict=False)
        fitting = given.set(~given.str.contains(self.pattern).fill_null(True), None)
        if self.thousands:
            fitting = fitting.str.replace_all(self.group, "")
        return fitting.str.replace(self.decimal, ".", literal=True).cast(pl.Float64, strict=False)


def measure(rows: pl.DataFrame, spec: MeasureSpec, signs: Signs) -> pl.Series:
    """A measure in thousandths at most; an absent one is 0, an unreadable one NaN."""
    given = _given(rows, spec)
    value = signs.numbers(given) if spec.form == "number" else _duration(given, spec.form)
    value = (value.fill_null(float("nan")) * spec.factor).round(3)
    return value.zip_with(given.is_not_null(), pl.repeat(0.0, len(given), eager=True))


def refuse_other_signs(rows: pl.DataFrame, spec: FileSpec) -> None:
    """Raise `SourceError` where a column has a number that is written with other signs.

    Such a column may hold thousands that read as thousandths, so none of it can be trusted.
    """
    signs = Signs(spec.decimal, spec.thousands)
    foreign = "|".join(other.pattern for other in signs.others)
    for one in (*spec.measures.values(), spec.duration):
        if one is None or one.form != "number":
            continue
        suspects = (
            rows.filter(pl.col(one.column).str.contains("[.,]")) if _is_plain(signs) else rows
        )
        text = pl.col(one.column).str.strip_chars()
        wrong = suspects.filter(text.str.contains(foreign) & ~text.str.contains(signs.pattern))
        if wrong.height:
            line, value = wrong.select(LINE, one.column).row(0)
            raise SourceError.sentence(
                f"Line {line}, column '{one.column}': '{value}' is written with other signs than "
                f"the mapping says (decimal '{signs.decimal}', thousands '{signs.thousands}'), so "
                "no number of the column is certain; correct `decimal` and `thousands` in the "
                "mapping, or the file."
            )


def _is_plain(signs: Signs) -> bool:
    return signs.thousands in ("", ".", ",")


def _given(rows: pl.DataFrame, spec: MeasureSpec) -> pl.Series:
    stripped = rows[spec.column].str.strip_chars()
    return stripped.set(stripped.is_in(ABSENT), None)


def _duration(given: pl.Series, form: str) -> pl.Series:
    """Seconds, null where the text is no duration of that form."""
    pattern, weights = DURATIONS[form]
    is_known = given.str.contains(r"\d").fill_null(False) & given.str.contains(pattern)
    parts = given.str.extract_groups(pattern).struct.unnest()
    seconds = pl.repeat(0.0, len(given), eager=True)
    for part, weight in zip(parts.get_columns(), weights, strict=True):
        amount = part.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
        seconds = seconds + amount.fill_null(0.0) * weight
    return seconds.set(~is_known.fill_null(False), None)
