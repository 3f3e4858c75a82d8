"""A mapping: one YAML file in `conf/mappings` that says how an operator's files are read.

The descriptions of the keys below become the reference in docs/mappings.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from flaskapp.cdr.mappings import zones
from flaskapp.cdr.mappings.lines import Layout
from lakehouse.domains.cdr.contracts import MEASURE_NAMES
from lakehouse.errors import SourceError, closest

MAX_DIGITS = 15
Format = Annotated[str, AfterValidator(zones.require_format)]
Zone = Annotated[str, AfterValidator(zones.require_zone)]


class Part(BaseModel):
    """Base of all parts of a mapping: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class TimeSpec(Part):
    """A moment. Needs either `formats` or `origin`."""

    columns: tuple[str, ...] = Field(
        min_length=1, description="Columns, joined by a space and read as one text."
    )
    formats: tuple[Format, ...] = Field(
        (),
        description="Formats in strftime notation, tried in this order; the first that fits is "
        "used. `%.f` is a fraction of a second including its point. A format with an offset "
        "(`%z`, `%:z`) uses the offset and ignores `zone`; `Z` means UTC.",
    )
    origin: datetime | None = Field(
        None, description="The moment the column counts from, such as `1970-01-01`."
    )
    unit: Literal["s", "ms", "us"] = Field("s", description="The unit counted from `origin`.")
    zone: Zone = Field(
        "UTC",
        description="IANA time zone of texts without an offset, and of `origin`. In an hour "
        "that repeats, the earlier moment is taken, or the later one for an `end` that would come "
        "before its start. A moment in an hour that the clocks skip is rejected.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> TimeSpec:
        if bool(self.formats) == (self.origin is not None):
            raise ValueError("either formats or an origin")
        return self


class NumberSpec(Part):
    """A subscriber number.

    Blanks, hyphens, dots, parentheses, a leading `+` or `00`, and a spreadsheet's trailing `.0` are
    dropped. A number that a spreadsheet has shortened (`4.47E+11`) is rejected.
    """

    column: str = Field(description="The column.")
    prefix: str = Field(
        "", pattern=r"^[0-9]{0,14}$", description="Digits to put in front, such as `999`."
    )
    digits: int = Field(
        0, ge=0, le=15, description="Length to pad the number to with leading zeros."
    )
    pseudonym: bool = Field(
        False,
        description="The column holds ids of any form; a keyed hash (HMAC-SHA256) turns each into "
        "a stable number: `prefix`, then `digits` digits or, without `digits`, enough to make "
        "15. The key is the secret setting `source.pseudonym_key`.",
    )

    @model_validator(mode="after")
    def _pseudonyms_fit(self) -> NumberSpec:
        hashed = self.digits or MAX_DIGITS - len(self.prefix)
        if self.pseudonym and not (hashed >= 8 and len(self.prefix) + hashed <= MAX_DIGITS):
            raise ValueError("8 digits or more of a hash, and 15 with the prefix at most")
        return self


class MeasureSpec(Part):
    """A measure; an empty field is 0."""

    column: str = Field(description="The column.")
    factor: float = Field(
        1.0, gt=0, description="Converts the value to seconds, or to the unit of volume."
    )
    form: Literal["number", "hh:mm:ss", "mm:ss", "units"] = Field(
        "number",
        description="How the value is written: as a number, as `01:02:03`, as `62:03`, or with "
        "units (`1h 2m 3s` or `PT1H2M3S`). Every form except `number` is converted to seconds.",
    )


class KindSpec(Part):
    """A column that tells calls from texts."""

    column: str = Field(description="The column.")
    calls: tuple[str, ...] = Field(description="Its values for a call.")
    texts: tuple[str, ...] = Field(description="Its values for a text.")


@dataclass(frozen=True)
class Parties:
    """Where a file names the two ends of a call."""

    caller: NumberSpec
    callee: NumberSpec


class FileSpec(Part):
    """One kind of file. A line is a day's usage, or a single call or text between two parties."""

    kind: Literal["usage", "calls", "texts"] | KindSpec = Field(
        description="What a line is: `usage` of a subscriber over a day or less, a call, a text, "
        "or a call or text as a column says."
    )
    delimiter: str = Field(
        ",",
        min_length=1,
        max_length=1,
        description="What separates fields. A first line `sep=;` in the file overrides it.",
    )
    header: tuple[str, ...] = Field(
        (), description="Column names, in order, for a file without a header line."
    )
    decimal: Literal[".", ","] = Field(".", description="The decimal sign.")
    thousands: Literal["", ".", ",", " ", "'"] = Field(
        "", description="The separator between groups of three digits, if any."
    )
    time: TimeSpec = Field(description="When the usage took place, or when the call or text began.")
    end: TimeSpec | None = Field(None, description="When the call ended.")
    duration: MeasureSpec | None = Field(
        None, description="How long the call lasted; calls need either this or `end`."
    )
    zero_is_unanswered: bool = Field(
        True,
        description="Whether a call of 0 seconds counts as unanswered, that is, as activity of the "
        "caller only. A call with a negative duration always does.",
    )
    number: NumberSpec | None = Field(None, description="The subscriber of a line of usage.")
    caller: NumberSpec | None = Field(
        None,
        alias="from",
        description="Who called or texted. A party that is not a subscriber (withheld, a short "
        "code, a name) is left out, and the other party is still counted.",
    )
    callee: NumberSpec | None = Field(None, alias="to", description="The party called or texted.")
    measures: dict[str, MeasureSpec] = Field(
        {}, description="The measures of a line of usage, by their names in `DP_CDR_Data`."
    )
    label: str | None = Field(
        None, description="Optional column with the outcome, 0 or 1, of a line of usage."
    )

    @model_validator(mode="after")
    def _complete(self) -> FileSpec:
        unknown = set(self.measures) - set(MEASURE_NAMES)
        if unknown:
            raise ValueError(f"known measures; {closest(min(unknown), MEASURE_NAMES)}")
        if self.kind == "usage":
            if self.number is None or not self.measures:
                raise ValueError("number and measures, for it is usage")
        elif self.caller is None or self.callee is None:
            raise ValueError("from and to, for these are calls or texts")
        elif self.kind != "texts" and (self.duration is None) == (self.end is None):
            raise ValueError("either duration or end, for these are calls")
        if self.decimal == self.thousands:
            raise ValueError("different signs for decimal and thousands")
        missing = set(self.columns) - set(self.header)
        if self.header and missing:
            raise ValueError(f"every column in header; {closest(min(missing), self.header)}")
        return self

    @property
    def parties(self) -> Parties:
        """The two ends of a call; only a file of single calls or texts has them."""
        if self.caller is None or self.callee is None:
            raise ValueError("a file of usage has no parties")
        return Parties(self.caller, self.callee)

    @property
    def columns(self) -> list[str]:
        """Columns that the file must have; the label column is optional."""
        numbers = [number.column for number in self.numbers]
        measures = [m.column for m in (*self.measures.values(), self.duration) if m]
        times = [*self.time.columns, *(self.end.columns if self.end else ())]
        kind = [self.kind.column] if isinstance(self.kind, KindSpec) else []
        return list(dict.fromkeys([*times, *numbers, *measures, *kind]))

    @property
    def numbers(self) -> list[NumberSpec]:
        """All subscriber numbers of a line."""
        return [n for n in (self.number, self.caller, self.callee) if n]

    @property
    def layout(self) -> Layout:
        """How the file is laid out."""
        optional = (self.label,) if self.label and self.label not in self.columns else ()
        return Layout(self.delimiter, tuple(self.columns), optional, self.header)


class Mapping(Part):
    """All kinds of files of one source; a file's name begins with the name of its kind."""

    description: str = Field(description="What these files are, in one sentence.")
    files: dict[str, FileSpec] = Field(
        min_length=1,
        description="Each kind of file, by name. If there are several, a file's name begins with "
        "that of its kind, and siblings (`calls_x.csv`, `sms_x.csv`) are found automatically.",
    )

    def assign(self, paths: tuple[Path, ...]) -> list[tuple[Path, FileSpec]]:
        """Each file with its description, plus siblings that the mapping knows and that exist.

        A sibling is named like the given file, with another kind: `calls_x.csv`, `sms_x.csv`.
        Raises `SourceError` for a file whose name fits no kind.
        """
        if len(self.files) == 1:
            (spec,) = self.files.values()
            return [(path, spec) for path in paths]
        assigned = {path: self._kind(path) for path in paths}
        for path, kind in list(assigned.items()):
            for other in self.files.keys() - set(assigned.values()):
                sibling = path.with_name(path.name.replace(kind, other, 1))
                if sibling.exists():
                    assigned[sibling] = other
        return [(path, self.files[kind]) for path, kind in assigned.items()]

    def _kind(self, path: Path) -> str:
        for kind in self.files:
            if path.name.startswith(kind):
                return kind
        needed = " or ".join(f"{kind}*" for kind in self.files)
        raise SourceError(str(path), f"a name like {needed}", path.name, "rename the file")
