"""Errors that a person at a terminal can act on.

Every error says where it happened, what was needed, what came instead and what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from lakehouse import display


class CdrlakeError(Exception):
    """Base of all errors that cdrlake raises on purpose.

    >>> str(CdrlakeError(where="conf/settings.yaml", needed="a port", got="'x'", do="write 5000"))
    "conf/settings.yaml: needed a port, got 'x'; write 5000."
    """

    def __init__(self, where: str, needed: str, got: str, do: str) -> None:
        self.where, self.needed, self.got, self.do = where, needed, got, do
        super().__init__(f"{where}: needed {needed}, got {got}; {do}.")

    def __str__(self) -> str:
        """The sentence, in which what a stranger sent is escaped; the lines of a log stay lines."""
        return display.printable(super().__str__(), keep="\n\t")


class SettingsError(CdrlakeError):
    """A settings file, an environment variable or a secret is missing or wrong."""


class ContractError(CdrlakeError):
    """Data does not fit the contract that its table or topic declares."""


class ServiceError(CdrlakeError):
    """An embedded server, a port or a child process is not as required."""


class SourceError(CdrlakeError):
    """An input file or object cannot be read or mapped."""


class DatabaseError(CdrlakeError):
    """The database cannot be reached or refuses a statement."""


class UnreachableError(DatabaseError):
    """The database does not answer now; the same attempt may succeed later."""


class StreamError(CdrlakeError):
    """A streaming query cannot start or has to stop."""


class RelayedError(StreamError):
    """An error that reached us as text, through the JVM; it stands as it was raised.

    >>> str(RelayedError("topic t: needed messages, got none; send some."))
    'topic t: needed messages, got none; send some.'
    """

    def __init__(self, text: str) -> None:
        where, _, rest = text.partition(": needed ")
        needed, _, rest = rest.partition(", got ")
        got, _, do = rest.rpartition("; ")
        super().__init__(where, needed, got, do.removesuffix("."))
        self.args = (text,)


class StorageError(CdrlakeError):
    """A file of a table is missing, damaged or not what the table's log says."""


class ModelError(CdrlakeError):
    """A model cannot be trained, found, loaded or trusted."""


class MonitoringError(CdrlakeError):
    """A monitoring run cannot be computed from what there is."""


class LedgerError(CdrlakeError):
    """Two counts that must be equal differ."""


def closest(name: str, known: Iterable[str]) -> str:
    """Hint for a misspelt name: the closest known ones, or all of them.

    >>> closest("num_baches", ["num_batches", "interval"])
    "did you mean 'num_batches'?"
    >>> closest("zzz", ["a", "b"])
    'known are: a, b'
    """
    names = sorted(known)
    match = difflib.get_close_matches(name, names, n=1)
    return f"did you mean '{match[0]}'?" if match else f"known are: {', '.join(names)}"
