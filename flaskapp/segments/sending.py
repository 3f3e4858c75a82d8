"""What a stream of purchases sends: the next rows of the world, batch by batch.

A purchase's id is the world with its position, so a stream that died and is resumed sends the same
messages again, and the lake counts each id once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
import polars as pl
from msgspec import Meta

from flaskapp import state, streams
from flaskapp.segments.world import DRIFTS, World
from flaskapp.stream_source import NothingToSendError, StreamContext, StreamRequest, Wait
from flaskapp.streams import Stream
from lakehouse.domains.segments import names
from lakehouse.domains.segments.settings import SegmentsSettings
from lakehouse.publisher import Publisher

FIRST_ROW, CHANGED_FROM = "first_row", "changed_from"
_WORDS = "; ".join(f"{name}: {text}" for name, (_, _, text) in DRIFTS.items())
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_ONE_DAY = timedelta(days=1)


class PurchaseRequest(StreamRequest, frozen=True, kw_only=True):
    """A stream of purchases: the world's next ones. A drift applies from the next day on."""

    domain: str = names.NAME
    mode: Annotated[
        Literal["replay"], Meta(description="the world's next purchases, dated as it has them")
    ] = "replay"
    drift: Annotated[
        Literal[tuple(DRIFTS)] | None,  # type: ignore[valid-type]
        Meta(description=f"a change of the world. {_WORDS}"),
    ] = None


@dataclass(frozen=True)
class PurchaseContext(StreamContext):
    """What sending needs, with the settings and a producer."""

    own: SegmentsSettings
    publisher: Publisher


def begin(
    context: StreamContext, own: SegmentsSettings, request: PurchaseRequest
) -> dict[str, Any]:
    """The values to keep with a new stream. Raises `NothingToSendError` at the world's end."""
    rows = purchases(own)
    with context.cursor as cursor:
        first = state.recall(cursor, _position(own)) or 0
    if first >= len(rows):
        raise NothingToSendError(
            "mode replay", "purchases that have not been sent", f"all {len(rows):,} sent",
            "set segments.world_days to a longer world",
        )  # fmt: skip
    day: date = rows["date"][first]
    changed = (day + _ONE_DAY).isoformat() if request.drift else None
    return request.as_dict() | {FIRST_ROW: first, CHANGED_FROM: changed}


def send(context: PurchaseContext, stream: Stream, wait: Wait) -> bool:
    """Send what is left of `stream`; false if `wait` ended it early."""
    asked, own = stream.request, context.own
    changed = asked[CHANGED_FROM]
    rows = purchases(own, asked["drift"], date.fromisoformat(changed) if changed else None)
    size, first = int(asked["batch_size"]), int(asked[FIRST_ROW])
    until = min(first + size * int(asked["num_batches"]), len(rows))
    for number in range(stream.sent_batches, -(-(until - first) // size)):
        if number > stream.sent_batches and wait(float(asked["interval"])):
            return False
        start = first + number * size
        sent = min(size, until - start)
        _publish(context, rows.slice(start, sent), start)
        with context.cursor as cursor:
            now = context.clock.now()
            streams.advance(cursor, stream.stream_id, now, rows=sent, outcomes=0)
            streams.reach(cursor, stream.stream_id, number + 1, now)
            state.remember(cursor, _position(own), start + sent)
        context.commit()
    return True


def purchases(
    own: SegmentsSettings, drift: str | None = None, changed_from: date | None = None
) -> pl.DataFrame:
    """The world of the settings, changed from a day on."""
    return _world(own.world_cards, own.world_days, own.world_seed, drift, changed_from)


@lru_cache(maxsize=2)
def _world(
    cards: int, days: int, seed: int, drift: str | None, changed_from: date | None
) -> pl.DataFrame:
    return World(cards, days, seed, drift, changed_from).purchases()


def _publish(context: PurchaseContext, rows: pl.DataFrame, first: int) -> None:
    own, send_one = context.own, context.publisher.send
    for number, row in enumerate(rows.iter_rows(named=True), first):
        body = {"event_id": f"world-{own.world_seed}-{own.world_cards}:{number}", **row}
        send_one(names.TOPIC_PURCHASES, row["card"], _ENCODER.encode(body))
    context.publisher.deliver()


def _position(own: SegmentsSettings) -> str:
    return f"{names.NAME}:row:{own.world_seed}-{own.world_cards}-{own.world_days}"
