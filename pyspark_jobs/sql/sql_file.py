"""A file of a SQL pipeline: one query, and before it comments that say where its rows go.

    -- topic: results          rows go to this topic,
    -- format: avro            as Avro (or JSON, which is the default),
    -- table: gold.results     to this Delta table,
    -- collection: results     and to this collection of documents
    -- key: id, start          what tells one row from another
    SELECT ...

A file without topic, table and collection is a view for the other files, called like the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lakehouse.errors import StreamError, closest

SETTINGS = ("topic", "format", "table", "collection", "key", "mode", "version")
SINKS = ("topic", "table", "collection")
FORMATS = ("json", "avro")
MODES = ("append",)
TICKING = "_ticking"
TICK = "_tick"
# A condition on the time that every tick meets, and that Spark cannot know to be met.
LONG_AGO = "TIMESTAMP '1000-01-01 00:00:00'"
_SETTING = re.compile(r"--\s*([a-z_]+)\s*:\s*(.*?)\s*")
_VERSION = re.compile(r"[0-9]{1,9}")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Comments, texts and quoted names, which hide what they contain, then words and single characters.
_TOKEN = re.compile(
    r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|\w+|\S", re.S
)
_WATERMARK = re.compile(
    r"(?P<stream>\w+)\s+WATERMARK\s+(?P<time>\w+)\s+DELAY\s+OF\s+INTERVAL\s+(?P<delay>\d+\s+\w+)"
    r"(?P<alias>\s+AS\s+\w+)?",
    re.IGNORECASE,
)


class SqlError(StreamError):
    """A SQL file that is wrong, with the place in it."""


@dataclass(frozen=True)
class Place:
    """Line and column in a file, both from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class SqlFile:
    """A query, the name of its view, and its settings with the line that each stands in."""

    path: Path
    text: str
    settings: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the view that the file makes."""
        return self.path.stem

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that tell one row from another."""
        return tuple(
            part.strip() for part in self.settings.get("key", "").split(",") if part.strip()
        )

    @property
    def sinks(self) -> dict[str, str]:
        """Where rows go, by kind of place."""
        return {kind: self.settings[kind] for kind in SINKS if kind in self.settings}

    @property
    def version(self) -> int:
        """Version of the query; a new one begins with an empty state."""
        return int(self.settings.get("version", "1"))

    @property
    def query(self) -> str:
        """The text without the semicolon at its end, so that places in it remain what they are."""
        last = [token for token in tokens(self.text) if not token[0].startswith(("--", "/*"))]
        if last and last[-1][0] == ";":
            return self.text[: last[-1][1]]
        return self.text

    def error(self, place: Place | str, problem: str) -> SqlError:
        """The problem as one sentence with its place: a place in the text, or a setting."""
        if isinstance(place, str):
            place = Place(self.lines.get(place, 1), 1)
        where = f"{self.path.name}, line {place.line}, column {place.column}"
        return SqlError.sentence(f"{where}: {problem}", where=where, needed=problem)

    def place(self, offset: int) -> Place:
        """Line and column of a position in the text."""
        before = self.text[:offset]
        return Place(before.count("\n") + 1, offset - before.rfind("\n"))


def read_folder(folder: Path) -> tuple[SqlFile, ...]:
    """The files of a pipeline, by name. Raises `SqlError` where there are none."""
    paths = sorted(folder.glob("*.sql"))
    if not paths:
        raise SqlError(str(folder), "files that end in .sql", "none", "write the first one")
    return tuple(read(path) for path in paths)


def read(path: Path) -> SqlFile:
    """One file. Raises `SqlError` for a setting that there is not, or a value that it cannot be."""
    text = _text(path)
    settings: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("--"):
            break
        found = _SETTING.fullmatch(line.strip())
        if found is not None:
            settings[found[1]], lines[found[1]] = found[2], number
    file = SqlFile(path, text, settings, lines)
    _check_settings(file)
    return file


def _text(path: Path) -> str:
    """The text of a file, without the mark that some editors put before it."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()
    file = SqlFile(path, before)
    raise file.error(file.place(len(before)), "this is no text in UTF-8; save it as UTF-8.")


def _check_settings(file: SqlFile) -> None:
    if not _NAME.fullmatch(file.name):
        raise file.error("", f"{file.name!r} is no name for a view; use a-z, 0-9 and _.")
    for name, value in file.settings.items():
        if name not in SETTINGS:
            raise file.error(name, f"there is no setting {name!r}; {closest(name, SETTINGS)}")
        if not value:
            raise file.error(name, f"{name} has no value; write one, or remove the line.")
        known = {"format": FORMATS, "mode": MODES}.get(name, (value,))
        if value not in known:
            raise file.error(name, f"{name} cannot be {value!r}; {closest(value, known)}")
    if not _VERSION.fullmatch(file.settings.get("version", "1")):
        raise file.error("version", "the version has to be a whole number.")
    if file.sinks and not file.key:
        raise file.error(
            next(iter(file.sinks)), "rows that go somewhere need a key; write `-- key: ...`."
        )


def tokens(text: str) -> Iterator[tuple[str, int]]:
    """Words, quoted texts, comments and other characters, each with its position."""
    for match in _TOKEN.finditer(text):
        yield match[0], match.start()


def blanked(text: str) -> str:
    """The text with comments and quoted texts blanked out; every other position stays."""
    characters = list(text)
    for token, start in tokens(text):
        if token.startswith(("--", "/*", "'", '"')):
            for i in range(start, start + len(token)):
                characters[i] = characters[i] if characters[i] == "\n" else " "
    return "".join(characters)


def with_ticks(query: str, streams: frozenset[str]) -> str:
    """The query over streams in which ticks move the time on, and count as nothing else.

    A stream with a watermark is read with its ticks, and loses them only behind the watermark: a
    condition on the time column is one that Spark does not push before it.
    """
    parts, end = [], 0
    for found in _WATERMARK.finditer(blanked(query)):
        if found["stream"] not in streams:
            continue
        alias = found["alias"] or f" AS {found['stream']}"
        stream, time = found["stream"], found["time"]
        inner = (
            f"(SELECT * EXCEPT ({TICK}) FROM {stream}{TICKING} "  # noqa: S608 words of the query
            f"WATERMARK {time} DELAY OF INTERVAL {found['delay']} "
            f"WHERE NOT ({TICK} AND {time} > {LONG_AGO}))"
        )
        parts += [query[end : found.start()], inner, alias]
        end = found.end()
    return "".join([*parts, query[end:]])


def delays(query: str) -> list[tuple[str, str, str]]:
    """Stream, time column and delay of each watermark in the query."""
    found = _WATERMARK.finditer(blanked(query))
    return [(one["stream"], one["time"], one["delay"]) for one in found]
