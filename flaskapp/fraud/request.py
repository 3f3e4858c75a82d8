"""A stream of card events as it is asked for, and the moments that its events get."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from msgspec import Meta

from flaskapp import state
from flaskapp.fraud.laws import PLANS, TEXTS, Change
from flaskapp.fraud.rows import Rows, open_rows
from flaskapp.stream_source import NothingToSendError, StreamContext, StreamRequest
from lakehouse.domains.fraud import names
from lakehouse.domains.fraud.settings import FraudSettings, TruthSettings

FIRST_ROW, ORIGIN = "first_row", "origin"
# Payments of a world that later replays may go on with before their moments would lie ahead.
ROOM = timedelta(days=7)
_WORDS = "; ".join(f"{name}: {text}" for name, (text, _) in TEXTS.items())


class FraudRequest(StreamRequest, frozen=True, kw_only=True):
    """A stream of card events; a drift applies from its first event on.

    In mode live an event is dated when it is sent and its truth follows by the clock. A replay
    keeps the distances of the source's `Time`, goes on where the replay before it ended, and waits
    for nothing: all of its truth is due. With `most_minutes` truth comes no later than that.
    """

    domain: str = names.NAME
    drift: Annotated[
        Literal[tuple(PLANS)] | None,  # type: ignore[valid-type]
        Meta(description=f"a change of the world. {_WORDS}"),
    ] = None
    most_minutes: Annotated[
        Annotated[float, Meta(gt=0, le=525_600)] | None,
        Meta(description="truth comes within so many minutes, instead of the setting"),
    ] = None


def begin(context: StreamContext, own: FraudSettings, request: FraudRequest) -> dict[str, Any]:
    """The values to keep with a new stream. Raises `NothingToSendError` at the end of a file."""
    values = request.as_dict()
    if values["seed"] is None:
        values["seed"] = own.world_seed
    rows = open_rows(own, request.drift, 0)
    with context.cursor as cursor:
        first = state.recall(cursor, position(rows)) or 0
    if rows.length is not None and first >= rows.length:
        if request.mode == "replay":
            raise NothingToSendError(
                "mode replay", "rows that have not been sent", f"all {rows.length:,} sent",
                "use mode live, which begins the file again",
            )  # fmt: skip
        first %= rows.length
    values |= {FIRST_ROW: first, ORIGIN: None}
    if request.mode == "replay":
        values[ORIGIN] = _origin(context, own, request, rows, first).isoformat()
    return values


def _origin(
    context: StreamContext, own: FraudSettings, request: FraudRequest, rows: Rows, first: int
) -> datetime:
    """The moment of the source's `Time` 0: that of the replay before, if all truth is due by now.

    Otherwise one that leaves room for the rest of the file, or for the next payments of a world.
    """
    wanted = request.batch_size * request.num_batches
    last = first + wanted if rows.length is None else min(first + wanted, rows.length)
    ends = timedelta(seconds=_seconds_at(rows, last - 1))
    now, longest = context.clock.now(), _longest(own, request)
    with context.cursor as cursor:
        kept = state.recall(cursor, _origin_of(rows))
        if kept is not None and datetime.fromisoformat(kept) + ends + longest <= now:
            return datetime.fromisoformat(kept)
        room = ROOM
        if rows.length is not None:
            room = timedelta(seconds=_seconds_at(rows, rows.length - 1)) - ends
        origin = now - timedelta(minutes=1) - longest - room - ends
        state.remember(cursor, _origin_of(rows), origin.isoformat())
    return origin


def _seconds_at(rows: Rows, row: int) -> float:
    return float(rows.rows(row, 1)["Time"][0])


def _longest(own: FraudSettings, request: FraudRequest) -> timedelta:
    """How long after its event the last word about it may come."""
    change = PLANS[request.drift] if request.drift else Change()
    return timedelta(minutes=2 * delays(own, request).most_minutes * change.label_delay_factor)


def delays(own: FraudSettings, request: FraudRequest) -> TruthSettings:
    """The delays of the truth that a stream was asked for."""
    if request.most_minutes is None:
        return own.truth
    least = min(own.truth.least_minutes, request.most_minutes)
    changed = {"least_minutes": least, "most_minutes": request.most_minutes}
    return own.truth.model_copy(update=changed)


def _origin_of(rows: Rows) -> str:
    return f"{names.NAME}:origin:{rows.name}"[:190]


def position(rows: Rows) -> str:
    """The name under which is kept how many rows of a source have been sent."""
    return f"{names.NAME}:row:{rows.name}"[:190]
