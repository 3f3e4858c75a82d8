"""What a stream of card events sends: batches of events, and truth about them when it is due.

Messages go straight to Kafka. Before a batch is sent, the moment that it gets is committed, so a
stream that died sends the same messages again: same ids, same moments. The lake keeps one of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import polars as pl

from flaskapp import state, streams
from flaskapp.fraud import truth
from flaskapp.fraud.laws import PLANS, Change
from flaskapp.fraud.request import FIRST_ROW, ORIGIN, FraudRequest, delays, position
from flaskapp.fraud.rows import open_rows
from flaskapp.stream_source import StreamContext, Wait
from flaskapp.streams import Stream
from lakehouse.domains.fraud import contracts, names
from lakehouse.domains.fraud.settings import FraudSettings
from lakehouse.domains.settings import Settings
from lakehouse.publisher import Publisher

_EVENT = tuple(name for name in contracts.EVENT.names if name != "ingest_ts")
_MOMENT = "%Y-%m-%dT%H:%M:%S%.6fZ"


@dataclass(frozen=True)
class FraudContext(StreamContext):
    """What sending needs, with the settings and a producer."""

    settings: Settings
    publisher: Publisher

    @property
    def own(self) -> FraudSettings:
        """The settings of the domain."""
        return self.settings.fraud


def send(context: FraudContext, stream: Stream, wait: Wait) -> bool:
    """Send what is left of `stream`; false if `wait` ended it early."""
    return not any(wait(pause) for pause in _Sending(context, stream).steps())


class _Sending:
    """One stream on its way."""

    def __init__(self, context: FraudContext, stream: Stream) -> None:
        asked = {k: v for k, v in stream.request.items() if k not in (FIRST_ROW, ORIGIN)}
        self._context, self._stream = context, stream
        self._request = FraudRequest(**asked)
        self._first: int = stream.request[FIRST_ROW]
        self._rows = open_rows(context.own, self._request.drift, self._first)
        wanted = self._request.batch_size * self._request.num_batches
        length = self._rows.length
        is_replay = self._request.mode == "replay"
        left = wanted if length is None or not is_replay else length - self._first
        self._count = min(wanted, left)
        self._batches = -(-self._count // self._request.batch_size)
        change = PLANS[self._request.drift] if self._request.drift else Change()
        self._slower = change.label_delay_factor
        self._moments: dict[str, str] = self._recall("moments") or {}
        self._told_until = datetime.fromisoformat(self._recall("told") or "1970-01-01T00:00:00Z")
        self._waiting = self._read_again() if stream.sent_batches else _no_truth()

    def steps(self) -> Iterator[float]:
        """Send batch after batch; yields the pause before the next thing to send."""
        for number in range(self._stream.sent_batches, self._batches):
            if number > self._stream.sent_batches:
                yield self._request.interval
            events = self._dated(number)
            self._waiting = pl.concat([self._waiting, self._truth(events, number)])
            until = cast(datetime, events["ingest_ts"].max())
            ordered = events.select(*_EVENT, "ingest_ts")
            _send(self._context.publisher, names.TOPIC_EVENTS, ordered, "account_number")
            self._commit(number + 1, len(events), self._tell(until))
        while not self._waiting.is_empty():
            if self._request.mode == "live":
                yield self._until_due()
                until = self._context.clock.now()
            else:
                until = cast(datetime, self._waiting["known_at"].max())
            self._commit(self._batches, 0, self._tell(until))

    def _dated(self, number: int) -> pl.DataFrame:
        """The events of a batch with ids and moments."""
        size = self._request.batch_size
        start = number * size
        count = min(size, self._count - start)
        rows = self._rows.rows(self._first + start, count)
        if self._request.mode == "live":
            moment = datetime.fromisoformat(self._moment(number))
            step = timedelta(seconds=self._request.interval) / count
            moments = pl.Series([moment + n * step - self._spread for n in range(count)])
        else:
            offsets = (rows["Time"] * 1e6).round().cast(pl.Int64).cast(pl.Duration("us"))
            origin = datetime.fromisoformat(self._stream.request[ORIGIN])
            moments = pl.Series([origin]).cast(pl.Datetime("us", "UTC")) + offsets
        ids = pl.int_range(start, start + count, eager=True).cast(pl.String)
        return rows.with_columns(
            message_id=pl.lit(f"{self._stream.stream_id}:") + ids,
            ingest_ts=moments.cast(pl.Datetime("us", "UTC")),
        )

    @property
    def _spread(self) -> timedelta:
        """A batch stands for the interval before it is sent, so none of it lies ahead."""
        return timedelta(seconds=self._request.interval)

    def _moment(self, number: int) -> str:
        """The moment of a live batch, committed before anything of it is sent."""
        key = str(number)
        if key not in self._moments:
            self._moments[key] = self._context.clock.now().isoformat()
            self._remember("moments", self._moments)
            self._context.commit()
        return self._moments[key]

    def _truth(self, events: pl.DataFrame, number: int) -> pl.DataFrame:
        seed = (int(self._stream.request["seed"]), 5, self._first, number)
        told = delays(self._context.own, self._request)
        return truth.told(events, told, seed, self._slower)

    def _read_again(self) -> pl.DataFrame:
        """The truth about batches that were sent that has not been told yet."""
        parts = [self._truth(self._dated(n), n) for n in range(self._stream.sent_batches)]
        return pl.concat([_no_truth(), *parts]).filter(pl.col("known_at") > self._told_until)

    def _until_due(self) -> float:
        due = cast(datetime, self._waiting["known_at"].min())
        return max(0.0, (due - self._context.clock.now()).total_seconds())

    def _tell(self, until: datetime) -> int:
        """Send the truth that is due at `until`; how many messages."""
        is_due = pl.col("known_at") <= until
        due = self._waiting.filter(is_due).sort("known_at")
        self._waiting = self._waiting.filter(~is_due)
        self._told_until = until
        _send(self._context.publisher, names.TOPIC_TRUTH, due, "message_id")
        return len(due)

    def _commit(self, batches: int, rows: int, outcomes: int) -> None:
        """Wait for the acknowledgements, then record how far the stream has come."""
        self._context.publisher.deliver()
        now, name = self._context.clock.now(), self._stream.stream_id
        sent = min(batches * self._request.batch_size, self._count)
        self._remember("told", self._told_until.isoformat())
        with self._context.cursor as cursor:
            streams.advance(cursor, name, now, rows=rows, outcomes=outcomes)
            streams.reach(cursor, name, batches, now)
            state.remember(cursor, position(self._rows), self._first + sent)
        self._context.commit()

    def _recall(self, what: str) -> Any:
        with self._context.cursor as cursor:
            return state.recall(cursor, f"{self._stream.stream_id}:{what}")

    def _remember(self, what: str, value: Any) -> None:
        with self._context.cursor as cursor:
            state.remember(cursor, f"{self._stream.stream_id}:{what}", value)


def _send(publisher: Publisher, topic: str, rows: pl.DataFrame, key: str) -> None:
    moments = [name for name, kind in rows.schema.items() if isinstance(kind, pl.Datetime)]
    texts = rows.with_columns(pl.col(moments).dt.strftime(_MOMENT))
    for name, line in zip(rows[key], texts.write_ndjson().split("\n"), strict=False):
        publisher.send(topic, name, line)


def _no_truth() -> pl.DataFrame:
    moment = pl.Datetime("us", "UTC")
    return pl.DataFrame(schema={"message_id": pl.String, "Class": pl.Int32, "known_at": moment})
