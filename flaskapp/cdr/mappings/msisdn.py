"""Subscriber numbers out of text, in one form: the digits from the country code on."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

import polars as pl

from flaskapp.cdr.mappings.spec import MAX_DIGITS, NumberSpec
from lakehouse.domains.cdr.contracts import MSISDN_PATTERN
from lakehouse.errors import SourceError

ABSENT = ["", "NaN", "nan", "NULL", "null", "None", "\\N"]
PLAIN = r"^[1-9][0-9]{7,14}$"
SHORTENED = r"^\+?\d+(?:[.,]\d+)?[eE]\+?\d+$"
SEPARATORS = r"[\s\-\u{2010}-\u{2015}.()]"
NO_SUBSCRIBER = "a subscriber number is not 8 to 15 digits"
CUT = "a spreadsheet has cut the digits of a subscriber number"


@dataclass(frozen=True)
class Numbers:
    """A column of subscriber numbers, null where there is none.

    `damage` says why a number that is meant to be one cannot be read; it is null for numbers and
    for what never was one (nothing, a short code, a name).
    """

    number: pl.Series
    damage: pl.Series


def numbers(rows: pl.DataFrame, spec: NumberSpec, key: bytes | None) -> Numbers:
    """The numbers of the column that `spec` describes; `key` is that of pseudonyms."""
    stripped = rows[spec.column].str.strip_chars()
    given = stripped.set(stripped.is_in(ABSENT), None)
    if spec.pseudonym:
        return Numbers(
            _pseudonyms(given, spec, key), pl.repeat(None, len(given), dtype=pl.String, eager=True)
        )
    is_local = bool(spec.prefix or spec.digits)
    is_plain = not is_local and bool(given.str.contains(PLAIN).fill_null(False).all())
    found = given if is_plain else _cleaned(given, is_local)
    if is_local:
        found = spec.prefix + found.str.zfill(spec.digits)
    fits = found.str.contains(MSISDN_PATTERN).fill_null(False)
    columns = pl.DataFrame({"given": given, "found": found, "fits": fits})
    damage = (
        pl.when(pl.col("given").str.contains(SHORTENED)).then(pl.lit(CUT))
        .when(~pl.col("fits") & pl.col("found").str.contains(r"^\d{16,}$"))
        .then(pl.lit(NO_SUBSCRIBER))
    )  # fmt: skip
    number = pl.when(pl.col("fits") & damage.is_null()).then(pl.col("found"))
    result = columns.select(number=number, damage=damage)
    return Numbers(result["number"], result["damage"])


def _cleaned(given: pl.Series, is_local: bool) -> pl.Series:
    """Digits without what people put around them; null where a minus says that it is no number."""
    number = (
        given.str.replace(r"^'", "")
        .str.replace(r"^(\+?\d+)\.0+$", "$1")
        .str.replace(r"^((?:\+|00).*)\(0\)", "$1")
    )
    digits = number.str.replace_all(SEPARATORS, "")
    digits = digits.str.replace(r"^\+" if is_local else r"^(?:\+|00)", "")
    return digits.set(number.str.contains(r"^-") | ~digits.str.contains(r"^\d+$"), None)


def _pseudonyms(given: pl.Series, spec: NumberSpec, key: bytes | None) -> pl.Series:
    """A stable number for each id: the same one for the same key, and no way back without it."""
    if key is None:
        raise SourceError.sentence(
            "The mapping turns ids into numbers by a keyed hash and there is no key; set "
            "CDRLAKE_SOURCE__PSEUDONYM_KEY to a long random text and keep it."
        )
    length = spec.digits or MAX_DIGITS - len(spec.prefix)
    ids = given.unique().drop_nulls()
    made = [f"{spec.prefix}{_hashed(one, key) % 10**length:0{length}}" for one in ids]
    return given.replace_strict(ids, pl.Series(made, dtype=pl.String), default=None)


def _hashed(text: str, key: bytes) -> int:
    return int.from_bytes(hmac.digest(key, text.encode(), "sha256")[:16])
