"""Errors that a person at a terminal can act on.

Every error says where it happened, what was needed, what came instead and what to do next. Where
these four parts do not make a natural sentence, `CdrlakeError.sentence` takes a ready-made one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Self

from lakehouse import display

# Exit codes of services and jobs. After EXIT_PERMANENT another start ends the same way, until a
# person has acted.
EXIT_FAILED, EXIT_PERMANENT = 1, 3
_PARTS = re.compile(r"(.*?): expected (.*?), but got (.*); (.*?)\.?", re.DOTALL)


class CdrlakeError(Exception):
    """Base of all errors that cdrlake raises on purpose.

    The parts remain available as `where`, `needed`, `got` and `do`, each empty if unknown.

    >>> str(CdrlakeError(where="conf/settings.yaml", needed="a port", got="'x'", do="write 5000"))
    "conf/settings.yaml: expected a port, but got 'x'; write 5000."
    """

    where: str
    needed: str
    got: str
    do: str

    def __init__(self, where: str, needed: str, got: str, do: str) -> None:
        self.where, self.needed, self.got, self.do = where, needed, got, do
        # What others say (an operating system, a server) often ends with a full stop of its own.
        end = "" if do.endswith("?") else "."
        super().__init__(f"{where}: expected {needed}, but got {_open(got)}; {_open(do)}{end}")

    @classmethod
    def sentence(
        cls, text: str, *, where: str = "", needed: str = "", got: str = "", do: str = ""
    ) -> Self:
        """An error whose message is exactly `text`; the parts are for programs that ask for them.

        >>> error = ServiceError.sentence("Kafka ended; read kafka.log.", where="kafka")
        >>> str(error), error.where, error.got
        ('Kafka ended; read kafka.log.', 'kafka', '')
        """
        error = cls.__new__(cls, text)
        error.args = (text,)
        error.where, error.needed, error.got, error.do = where, needed, got, do
        return error

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled as it reads: `__init__` could not be called with the finished text alone."""
        return _as_it_reads, (type(self), str(self)), self.__dict__

    def __str__(self) -> str:
        """The message, with untrusted text escaped; the line breaks of a log excerpt are kept."""
        return display.printable(super().__str__(), keep="\n\t")


class SettingsError(CdrlakeError):
    """A settings file, an environment variable or a secret is missing or wrong."""


class ContractError(CdrlakeError):
    """Data does not fit the contract that its table or topic declares."""


class ServiceError(CdrlakeError):
    """An embedded server, a port or a child process is not as required."""


class AccessError(ServiceError):
    """A server was reached but denies access, and will until a setting or permission is fixed."""


class TooLargeError(ServiceError):
    """A message is larger than its receiver takes, and will be whenever it is sent again."""


class SourceError(CdrlakeError):
    """An input file or object cannot be read or mapped."""


class DatabaseError(CdrlakeError):
    """The database cannot be reached or refuses a statement."""


class UnreachableError(DatabaseError):
    """A database does not answer at the moment; the same attempt may succeed later."""


class StreamError(CdrlakeError):
    """A streaming query cannot start or has to stop."""


class RelayedError(StreamError):
    """An error that reached us as text, through the JVM, with its message as it was raised.

    >>> error = RelayedError("topic t: expected messages, but got none; send some.")
    >>> str(error), error.got
    ('topic t: expected messages, but got none; send some.', 'none')
    >>> str(RelayedError("Topic t is gone; create it."))
    'Topic t is gone; create it.'
    """

    def __init__(self, text: str) -> None:
        parts = _PARTS.fullmatch(text)
        super().__init__(*(parts.groups() if parts else ("", "", "", "")))
        self.args = (text,)


class StorageError(CdrlakeError):
    """A file of a table is missing, damaged, or different from what the table's log says."""


class ModelError(CdrlakeError):
    """A model cannot be trained, found, loaded or trusted."""


class MonitoringError(CdrlakeError):
    """A monitoring run cannot be computed from the available data."""


class LedgerError(CdrlakeError):
    """Two counts that must be equal differ."""


def _open(part: str) -> str:
    """`part` without its final full stop, so that the surrounding sentence supplies the only one.

    >>> _open("No such file."), _open("and so on...")
    ('No such file', 'and so on...')
    """
    part = part.rstrip()
    return part if part.endswith("..") else part.removesuffix(".")


def _as_it_reads(kind: type[CdrlakeError], text: str) -> CdrlakeError:
    return kind.sentence(text)


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
