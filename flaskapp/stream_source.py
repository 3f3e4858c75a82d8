"""What a domain provides to the simulator: its rows, its messages, and what the page shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol, cast

import msgspec
from flask import Blueprint
from msgspec import Meta

from flaskapp.bulk import Uploader
from flaskapp.outbox import MessageKind
from flaskapp.streams import Stream
from lakehouse.clock import Clock
from lakehouse.domain import Domain
from lakehouse.errors import StreamError
from lakehouse.settings.model import SimulatorSettings

MAX_SEED, MAX_ROWS = 2**53, 1_000
DOMAIN = "domain"
# Waits so many seconds; true when the stream is to end.
Wait = Callable[[float], bool]
Seed = Annotated[int, Meta(ge=0, le=MAX_SEED)]


class NothingToSendError(StreamError):
    """There are no rows to sample or no days to replay."""


class StreamRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A stream as asked for; a domain adds keys of its own, `limited` the installation's bounds."""

    domain: str = ""
    batch_size: int = 1_000
    num_batches: int = 10
    interval: int = 60
    mode: Annotated[
        Literal["live", "replay"], Meta(description="rows dated now, or the source's next days")
    ] = "live"
    seed: Annotated[
        Seed | None, Meta(description="of sampling and noise in mode live; a replay needs none")
    ] = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as stored with the stream."""
        return msgspec.structs.asdict(self)


@dataclass(frozen=True)
class StreamContext:
    """What sending needs: a connection to write through, and the time.

    A stream that takes long to begin calls `sign` again and again, so that it is waited for.
    """

    uploader: Uploader
    clock: Clock
    sign: Callable[[], None] = field(default=lambda: None, kw_only=True)

    @property
    def cursor(self) -> Any:
        """A fresh cursor."""
        return self.uploader.connection.cursor()

    def commit(self) -> None:
        """Commit the transaction."""
        self.uploader.connection.commit()


@dataclass(frozen=True)
class Column:
    """A column of the page's table: the sum of the values under `keys`, or one value.

    A `share`, such as a probability, is shown with two decimals, a number as a whole one.
    """

    title: str
    keys: tuple[str, ...]
    kind: Literal["time", "text", "number", "share"] = "number"


@dataclass(frozen=True)
class Plan:
    """A change of the world that a stream can have, in words; `is_live`: also in mode live."""

    name: str
    text: str
    is_live: bool


class Newest(msgspec.Struct, frozen=True):
    """How many rows to show."""

    limit: Annotated[int, Meta(ge=1, le=MAX_ROWS)] = 100


@dataclass(frozen=True)
class SourcePage:
    """What the page says of a domain's rows: links lead to further reads.

    The rows are at `rows`, a route that takes `Newest`.

    `replay` is where it says how much is left to replay.
    """

    heading: str
    rows: str
    columns: tuple[Column, ...]
    plans: tuple[Plan, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    replay: str | None = None


class StreamSource(Protocol):
    """The rows of a domain; the runner records streams, commits, and calls these functions."""

    @property
    def domain(self) -> str:
        """Name of the domain."""
        ...

    @property
    def declared(self) -> Domain:
        """The domain as it declares itself, for the counts that the page draws."""
        ...

    @property
    def request(self) -> type[StreamRequest]:
        """What a client may ask of a stream."""
        ...

    @property
    def messages(self) -> Mapping[str, MessageKind]:
        """How rows become messages, by the kind of their outbox entries."""
        ...

    @property
    def page(self) -> SourcePage:
        """What the page shows."""
        ...

    def begin(self, context: StreamContext, request: Any) -> dict[str, Any]:
        """The values to keep with a new stream for `request`; nothing is committed.

        Raises `NothingToSendError` when there is nothing to send yet or any more, and
        `InvalidRequestError` for a request that does not fit the source.
        """
        ...

    def send(self, context: StreamContext, stream: Stream, wait: Wait) -> bool:
        """Send what is left of `stream`, batch by batch; false if `wait` ended it early."""
        ...

    def routes(self) -> Blueprint:
        """Routes that read the domain's rows, with the whole of their paths."""
        ...


def limited(source: StreamSource, limits: SimulatorSettings, is_first: bool) -> type[StreamRequest]:
    """The request model of a source within the limits; the first domain need not be named."""

    def whole(most: int, text: str) -> Any:
        return Annotated[int, Meta(ge=1, le=most, description=text)]

    usual = StreamRequest()
    name: Any = Literal[source.domain]
    model: Any = msgspec.defstruct(
        source.request.__name__,
        [
            (DOMAIN, name, source.domain) if is_first else (DOMAIN, name),
            (
                "batch_size",
                whole(limits.max_batch_size, "rows of a batch or transaction"),
                usual.batch_size,
            ),
            ("num_batches", whole(limits.max_num_batches, "batches to send"), usual.num_batches),
            (
                "interval",
                whole(limits.max_interval_seconds, "seconds between two batches"),
                usual.interval,
            ),
        ],
        bases=(source.request,),
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )
    return cast(type[StreamRequest], model)
