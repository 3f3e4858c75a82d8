"""A mapping: one YAML file in `conf/mappings` that says how an operator's files are read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lakehouse.domains.cdr.contracts import MEASURE_NAMES
from lakehouse.errors import SourceError, closest
from lakehouse.settings import ROOT

FOLDER = ROOT / "conf" / "mappings"


class Part(BaseModel):
    """Base of all parts of a mapping: frozen, and unknown keys refuse."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class TimeSpec(Part):
    """A moment: columns joined by a space and read by the first format that fits.

    With `origin` the column holds seconds since that moment. `zone` is the IANA zone of it all.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    formats: tuple[str, ...] = ()
    origin: datetime | None = None
    zone: str = "UTC"

    @model_validator(mode="after")
    def _one_way(self) -> TimeSpec:
        if bool(self.formats) == (self.origin is not None):
            raise ValueError("needs either formats or an origin")
        return self


class NumberSpec(Part):
    """A subscriber number: `prefix` and the column's digits, filled with zeros to `digits`."""

    column: str
    prefix: str = Field("", pattern=r"^\d*$")
    digits: int = Field(0, ge=0, le=15)


class MeasureSpec(Part):
    """A column, times `factor` to reach the unit of the contract (seconds, volume)."""

    column: str
    factor: float = Field(1.0, gt=0)


class KindSpec(Part):
    """A column that tells calls from texts."""

    column: str
    calls: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Parties:
    """Where a file names the two ends of a call."""

    caller: NumberSpec
    callee: NumberSpec


class FileSpec(Part):
    """One kind of file: a line is a day's usage, or a single call or text between two parties."""

    kind: Literal["usage", "calls", "texts"] | KindSpec
    delimiter: str = Field(",", min_length=1, max_length=1)
    time: TimeSpec
    end: TimeSpec | None = None
    duration: MeasureSpec | None = None
    number: NumberSpec | None = None
    caller: NumberSpec | None = Field(None, alias="from")
    callee: NumberSpec | None = Field(None, alias="to")
    measures: dict[str, MeasureSpec] = {}
    label: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> FileSpec:
        unknown = set(self.measures) - set(MEASURE_NAMES)
        if unknown:
            raise ValueError(f"measures: {closest(min(unknown), MEASURE_NAMES)}")
        if self.kind == "usage":
            if self.number is None or not self.measures:
                raise ValueError("usage needs number and measures")
        elif self.caller is None or self.callee is None:
            raise ValueError("calls and texts need from and to")
        elif self.kind != "texts" and (self.duration is None) == (self.end is None):
            raise ValueError("calls need either duration or end")
        return self

    @property
    def parties(self) -> Parties:
        """The two ends of a call; only a file of single calls or texts has them."""
        if self.caller is None or self.callee is None:
            raise ValueError("a file of usage has no parties")
        return Parties(self.caller, self.callee)

    @property
    def columns(self) -> list[str]:
        """Columns that the file must have; the label is optional."""
        numbers = [n.column for n in (self.number, self.caller, self.callee) if n]
        measures = [m.column for m in (*self.measures.values(), self.duration) if m]
        times = [*self.time.columns, *(self.end.columns if self.end else ())]
        kind = [self.kind.column] if isinstance(self.kind, KindSpec) else []
        return list(dict.fromkeys([*times, *numbers, *measures, *kind]))


class Mapping(Part):
    """All kinds of files of one source; a file's name begins with the name of its kind."""

    description: str
    files: dict[str, FileSpec] = Field(min_length=1)

    def assign(self, paths: tuple[Path, ...]) -> list[tuple[Path, FileSpec]]:
        """Each file with its description, and siblings that the mapping knows, where they are.

        A sibling is named like the given file, its kind replaced: `calls_x.csv`, `sms_x.csv`.
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


def load(name: str, folder: Path = FOLDER) -> Mapping:
    """The mapping called `name`.

    Raises `SourceError` when there is none of that name or its file is not as required.
    """
    path = folder / f"{name}.yaml"
    known = [file.stem for file in folder.glob("*.yaml")]
    if name not in known:
        raise SourceError("mapping", "one in conf/mappings", repr(name), closest(name, known))
    try:
        return Mapping.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise SourceError(str(path), "valid YAML", str(error), "correct the file") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the mapping"
        got = repr(first["input"])[:60]
        raise SourceError(f"{path}: {place}", first["msg"], got, "correct it") from None
