"""What a stream sends: batches of live rows, or the next days of the source."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Meta

from flaskapp import state, streams
from flaskapp.cdr import event_store, feed, lateness, live, loader
from flaskapp.cdr.origin import open_source
from flaskapp.cdr.plans import IN_WORDS
from flaskapp.cdr.world import PLANS, Drift
from flaskapp.cdr.world.drift import Effect
from flaskapp.cdr.worlds import WorldSource, add_drift
from flaskapp.stream_source import (
    MAX_SEED,
    NothingToSendError,
    StreamContext,
    StreamRequest,
    Wait,
)
from flaskapp.streams import Stream
from lakehouse.clock import today
from lakehouse.domains.cdr.names import NAME
from lakehouse.domains.cdr.settings import CdrSettings
from lakehouse.domains.settings import Settings
from lakehouse.http.requests import InvalidRequestError

FIRST_DATE = "first_date"
SOURCE_ENDED = "source_ended"
MAX_DAYS_PER_BATCH = 366


class CdrRequest(StreamRequest, frozen=True, kw_only=True):
    """A stream of the domain; a drift applies permanently from the first replayed day on.

    In live mode only drifts that change a row's measures have an effect, and they end with the
    stream.
    """

    domain: str = NAME
    days_per_batch: Annotated[
        int, Meta(ge=1, le=MAX_DAYS_PER_BATCH, description="days in a batch of a replay")
    ] = 1
    drift: Annotated[
        Literal[tuple(PLANS)] | None,  # type: ignore[valid-type]
        Meta(description=f"a change of the world. {IN_WORDS}"),
    ] = None


@dataclass(frozen=True)
class CdrContext(StreamContext):
    """What sending needs, with the settings of the domain."""

    settings: Settings


def begin(context: CdrContext, request: CdrRequest) -> dict[str, Any]:
    """The values to keep with a new stream for `request`.

    Raises `NothingToSendError` when there is nothing to send yet, or nothing left.
    """
    with context.cursor as cursor:
        return _begin(context, cursor, request)


def _begin(context: CdrContext, cursor: Any, request: CdrRequest) -> dict[str, Any]:
    values = request.as_dict()
    _require_no_load(context, cursor)
    if values["seed"] is None:
        values["seed"] = secrets.randbelow(MAX_SEED)
    if request.mode == "replay":
        values[FIRST_DATE] = _begin_replay(context, cursor, request).isoformat()
    elif live.read_pool(cursor, limit=1).is_empty():
        raise NothingToSendError(
            "mode live", "rows to sample", "an empty table", "load history first"
        )
    else:
        _require_present(context, cursor)
    return values


def _require_no_load(context: CdrContext, cursor: Any) -> None:
    """Refuse a stream whose newer rows would make the rest of a load too late for the lake."""
    if loader.is_loading(cursor, context.settings):
        raise NothingToSendError.sentence(
            "History is being loaded, so no stream can start; wait until the load has finished."
        )


def _require_present(context: CdrContext, cursor: Any) -> None:
    """Refuse live rows, dated today, if rows of the future are stored: they would be too late."""
    day = today(context.clock, context.settings.timezone)
    problem = lateness.refusal(cursor, context.settings, day, "A live stream")
    if problem is not None:
        raise NothingToSendError.sentence(problem)


def send(context: CdrContext, stream: Stream, wait: Wait) -> bool:
    """Send what is left of `stream`; false if `wait` ended it early."""
    asked = {key: value for key, value in stream.request.items() if key != FIRST_DATE}
    request = CdrRequest(**asked)
    batches = _replay if stream.mode == "replay" else _live
    return not any(wait(pause) for pause in batches(context, stream, request))


def _begin_replay(context: CdrContext, cursor: Any, request: CdrRequest) -> date:
    """The first date of the replay, from which its drift applies."""
    source = open_source(cursor, context.settings, context.clock)
    offset = feed.committed_offset(cursor, source)
    if offset.date <= source.history_end:
        raise NothingToSendError(
            "mode replay", "the whole history", f"history up to {offset.date}", "wait for the load"
        )
    if offset.date > source.last:
        raise NothingToSendError(
            "mode replay", "a day to replay", f"none after {source.last}",
            "use mode live, or begin afresh with a larger world.replay_days",
        )  # fmt: skip
    problem = lateness.refusal(cursor, context.settings, offset.date, "The replay")
    if problem is not None:
        raise NothingToSendError.sentence(problem)
    if request.drift is not None:
        if not isinstance(source, WorldSource):
            raise InvalidRequestError("drift must be left out: these days come from files")
        add_drift(cursor, source, request.drift, offset.date + timedelta(days=offset.row > 0))
    return offset.date


def _replay(context: CdrContext, stream: Stream, request: CdrRequest) -> Iterator[float]:
    """Feed the days of the stream; yields the pause before the next one."""
    with context.cursor as cursor:
        source = open_source(cursor, context.settings, context.clock)
    first = date.fromisoformat(stream.request[FIRST_DATE])
    days = request.num_batches * request.days_per_batch
    last = min(source.last, first + timedelta(days=days - 1))
    walk = feed.Feed(
        context.uploader,
        source,
        stream.stream_id,
        request.batch_size,
        context.settings,
        context.clock,
    )
    for offset in walk.walk(last):
        batches, rest = divmod((offset.date - first).days, request.days_per_batch)
        if offset.row or rest:
            yield 0
            continue
        _reach(context, stream, batches)
        if offset.date <= last:
            yield request.interval
    _reach(context, stream, -(-((last - first).days + 1) // request.days_per_batch))


def _live(context: CdrContext, stream: Stream, request: CdrRequest) -> Iterator[float]:
    """Send the remaining batches; yields the pause before each one but the first."""
    with context.cursor as cursor:
        pool = live.read_pool(cursor)
        is_sourced = _has_ended(cursor, context)
    for number in range(stream.sent_batches, request.num_batches):
        if number > stream.sent_batches:
            yield request.interval
        now, rng = context.clock.now(), np.random.default_rng([request.seed or 0, number])
        rows = live.batch(pool, request.batch_size, now, _effect(request, number), rng)
        if is_sourced:
            _close_past_days(context, stream, now)
        sent_at, timezone = context.clock.now(), context.settings.timezone
        event_store.append(context.uploader, stream.stream_id, rows, sent_at, timezone)
        _reach(context, stream, number + 1)


def _effect(request: CdrRequest, number: int) -> Effect:
    """The drift's effect in a batch; each batch counts as one day after the previous one."""
    return Drift(request.drift, 0).effect(number) if request.drift else Effect()


def _has_ended(cursor: Any, context: CdrContext) -> bool:
    """Whether no more days come from the source.

    It has ended, or never started, as with a file loaded on its own. The end is recorded, so that
    its files need not be kept forever.
    """
    if state.recall(cursor, SOURCE_ENDED):
        return True
    source = open_source(cursor, context.settings, context.clock)
    if not feed.has_begun(cursor, source):
        return True
    has_ended = feed.committed_offset(cursor, source).date > source.last
    if has_ended:
        state.remember(cursor, SOURCE_ENDED, True)
        context.commit()
    return has_ended


def _close_past_days(context: CdrContext, stream: Stream, now: datetime) -> None:
    """Close the days that neither a replay nor live rows can add to any more."""
    with context.cursor as cursor:
        _close_days(context, cursor, stream, now)


def _close_days(context: CdrContext, cursor: Any, stream: Stream, now: datetime) -> None:
    cdr = context.settings.cdr
    closed, begun = state.recall(cursor, event_store.CLOSED), streams.first_live(cursor, NAME)
    if closed is None or begun is None:
        return
    zone = ZoneInfo(context.settings.timezone)
    live_from = begun.replace(tzinfo=UTC).astimezone(zone).date()
    day = first_to_close(date.fromisoformat(closed), live_from, cdr)
    while day < (now - timedelta(seconds=live.SPREAD_S)).astimezone(zone).date():
        event_store.close_day(cursor, stream.stream_id, day, cdr, now)
        context.commit()
        day += timedelta(days=1)


def first_to_close(closed: date, live_from: date, cdr: CdrSettings) -> date:
    """The first day to close after `closed`, when live rows began on `live_from`.

    If nothing was recorded for a whole horizon between the two, silence means nothing, and the
    first outcomes are those of the first live day.
    """
    day, horizon = closed + timedelta(days=1), timedelta(days=cdr.label_horizon_days)
    return live_from + horizon if live_from - day >= horizon else day


def _reach(context: CdrContext, stream: Stream, batches: int) -> None:
    with context.cursor as cursor:
        streams.reach(cursor, stream.stream_id, batches, context.clock.now())
    context.commit()
