"""Text out of a file as people send it: packed or not, in whatever encoding it says it has."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from lakehouse.errors import SourceError

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
PROBE_BYTES = 4_096
# The mark of UTF-32 begins with that of UTF-16, so it is looked for first.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
OTHER_KINDS = {
    b"PAR1": "a Parquet file",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"%PDF": "a PDF document",
}
_UNREADABLE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError)


@contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """The text of a file that may be gzipped or the only member of a zip archive.

    What a file is follows from its first bytes, not from its name. Bytes that its encoding does
    not know are read as U+FFFD. Raises `SourceError` when the file cannot be read, is cut off, or
    is no text.
    """
    try:
        with ExitStack() as stack:
            raw = stack.enter_context(path.open("rb"))
            unpacked = stack.enter_context(io.BufferedReader(_unpacked(path, raw, stack)))
            encoding = _encoding(path, unpacked.peek(PROBE_BYTES)[:PROBE_BYTES])
            text = io.TextIOWrapper(unpacked, encoding, errors="replace", newline="")
            yield stack.enter_context(text)
    except _UNREADABLE as error:
        problem = getattr(error, "strerror", None) or str(error)
        raise SourceError(
            str(path), "a readable file", problem, "check its path and whether it is complete"
        ) from None


def _unpacked(path: Path, raw: io.BufferedReader, stack: ExitStack) -> io.BufferedIOBase:
    first = raw.peek(8)
    if first.startswith(GZIP):
        return stack.enter_context(gzip.GzipFile(fileobj=raw))
    if first.startswith(ZIP):
        archive = stack.enter_context(zipfile.ZipFile(raw))
        return stack.enter_context(archive.open(_only_member(path, archive)))  # type: ignore[return-value]
    for mark, kind in OTHER_KINDS.items():
        if first.startswith(mark):
            do = "save or unpack it as delimited text"
            raise SourceError(str(path), "delimited text", kind, do)
    return raw


def _only_member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir() and not member.filename.startswith("__MACOSX/")
    ]
    if any(member.filename == "[Content_Types].xml" for member in members):
        raise SourceError(str(path), "delimited text", "an Excel workbook", "save it as CSV")
    if len(members) != 1:
        do = "unpack it and name the files"
        raise SourceError(str(path), "an archive of one file", f"one of {len(members)}", do)
    return members[0]


def _encoding(path: Path, first: bytes) -> str:
    for mark, encoding in MARKS.items():
        if first.startswith(mark):
            return encoding
    if b"\0" in first:
        do = "convert it with `iconv -f UTF-16 -t UTF-8`, if it is UTF-16"
        raise SourceError(str(path), "text", "zero bytes", do)
    return "utf-8-sig"
