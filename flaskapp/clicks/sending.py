"""What a stream of clicks sends: a crowd that registers, then its clicks, batch by batch.

The crowd is drawn from the stream's seed and the ids that it got, so a stream that died goes on
with the same clicks. A batch that was sent but not yet recorded is sent again; the pipeline's first
file takes each click once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Annotated, Any

from msgspec import Meta

from flaskapp import streams
from flaskapp.clicks import shop, traffic
from flaskapp.clicks.traffic import Traffic
from flaskapp.stream_source import NothingToSendError, StreamContext, StreamRequest, Wait
from flaskapp.streams import Stream
from lakehouse import mysql
from lakehouse.domains.clicks import names, world
from lakehouse.domains.clicks.world import Click
from lakehouse.publisher import Publisher
from lakehouse.schema_registry.client import SchemaClient

ANCHOR, FIRST_ID = "anchor", "first_id"
# Longer than any stream is: clicks are drawn one by one, as they are needed.
_FOREVER = timedelta(days=3_650)


class ClicksRequest(StreamRequest, frozen=True, kw_only=True):
    """A stream of clicks.

    In mode live the visitors click at their own pace from now on, and a batch is sent when its last
    click has happened, whatever the pause. In mode replay the last click of
    the stream is now, and the others came before it.
    """

    domain: str = names.NAME
    users: Annotated[int, Meta(ge=1, le=100_000, description="visitors, who register first")] = 200
    bots: Annotated[float, Meta(ge=0, le=1, description="the share of them that are bots")] = 0.1


@dataclass(frozen=True)
class ClicksContext(StreamContext):
    """What sending needs, with a producer and the registry of schemas."""

    publisher: Publisher
    schemas: SchemaClient


def begin(context: StreamContext, request: ClicksRequest) -> dict[str, Any]:
    """Register the crowd; the values to keep with the stream.

    Raises `NothingToSendError` where there is no shop.
    """
    values = request.as_dict()
    if values["seed"] is None:
        values["seed"] = Traffic.seed
    drawn = partial(world.drawn, request.users, request.bots, values["seed"])
    try:
        with context.cursor as cursor:
            crowd = shop.insert(cursor, drawn, context.sign)
    except mysql.Error as error:
        if mysql.is_outage(error):
            raise
        raise NothingToSendError(
            f"domain {names.NAME}", f"the shop's table {names.MYSQL_USERS}", error.msg or "none",
            f"start the domain with `cdrlake up --domain {names.NAME}`",
        ) from None  # fmt: skip
    return values | {FIRST_ID: crowd[0].id, ANCHOR: context.clock.now().isoformat()}


def send(context: ClicksContext, stream: Stream, wait: Wait) -> bool:
    """Send what is left of `stream`; false if `wait` ended it early."""
    request = stream.request
    size, batches = request["batch_size"], request["num_batches"]
    clicks = islice(_clicks(stream), stream.sent_batches * size, batches * size)
    write = traffic.writer(context.schemas)
    for number in range(stream.sent_batches, batches):
        batch = list(islice(clicks, size))
        pause = request["interval"] if number > stream.sent_batches else 0.0
        if request["mode"] == "live":
            pause = max(0.0, (batch[-1].ts - context.clock.now()).total_seconds())
        if wait(pause):
            return False
        traffic.send_clicks(batch, context.publisher, write)
        now = context.clock.now()
        with context.cursor as cursor:
            streams.advance(cursor, stream.stream_id, now, rows=len(batch))
            streams.reach(cursor, stream.stream_id, number + 1, now)
        context.commit()
    return True


def _clicks(stream: Stream) -> Iterator[Click]:
    """The clicks of a stream from its first on, in order and dated."""
    request = stream.request
    wanted = Traffic(users=request["users"], bot_share=request["bots"], seed=request["seed"])
    crowd, anchor = wanted.crowd(request[FIRST_ID]), datetime.fromisoformat(request[ANCHOR])
    draw = partial(world.clicks, crowd, anchor, _FOREVER, wanted.seed)
    if request["mode"] == "live":
        return draw()
    count = request["batch_size"] * request["num_batches"]
    # Drawn once for the time of the last click and once to be sent: they do not fit into memory.
    (last,) = deque(islice(draw(), count), maxlen=1)
    ahead = last.ts - anchor
    return (replace(click, ts=click.ts - ahead) for click in islice(draw(), count))
