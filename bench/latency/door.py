"""Ours: the three queries as streams of decisions, so each view is also scored.

As a process: `python -m bench.latency.door PORT QUERY TOPIC_IN TOPIC_OUT FOLDER`.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.latency.queries import CATEGORY_OF, Followed, Job, Query, View
from bench.machine_door import decide, load
from cdrlake.waiting import patiently_ended
from lakehouse.children import die_with_parent, end_with_parent
from lakehouse.http import server
from lakehouse.models.linear import LinearModel
from lakehouse.settings import ROOT, Settings
from serving.stream_description import Refused, Scored, StreamDescription, Written

# Flink checkpoints as often.
CHECKPOINT_S = 5.0
FEATURES = ("amount", "views")
MODEL = LinearModel(
    features=FEATURES, coefficients=(0.5, 0.1), intercept=-1.0, mean=(250.0, 30.0),
    scale=(150.0, 20.0), threshold=0.5,
)  # fmt: skip


class Page(msgspec.Struct, array_like=True):
    """The state of a page: how many of its views have been decided."""

    views: int = 0


def _stateless(view: View, _: Scored) -> Followed:
    return Followed(event_id=view.event_id, cents=round(view.amount * 100))


def _count(view: View, scored: Scored) -> Followed:
    return Followed(page=view.page, views=int(scored.features[1]))


def _join(view: View, _: Scored) -> Followed:
    return Followed(event_id=view.event_id, category=CATEGORY_OF[view.page])


OUTCOMES: dict[Query, Callable[[View, Scored], Followed]] = {
    "stateless": _stateless,
    "count": _count,
    "join": _join,
}


def describe(query: Query, topic_in: str, topic_out: str) -> StreamDescription[View, Page]:
    """The query as a stream from one topic to the other."""
    decoder, encoder, outcome = msgspec.json.Decoder(View), msgspec.json.Encoder(), OUTCOMES[query]

    def decode(value: bytes | None) -> Sequence[View] | Refused:
        try:
            return [decoder.decode(value or b"")]
        except msgspec.MsgspecError as error:
            return Refused("not_json", str(error))

    def encode(view: View, scored: Scored) -> Written:
        return Written(view.page, encoder.encode(outcome(view, scored)))

    return StreamDescription(
        name=topic_out,
        topic_in=topic_in,
        topic_out=topic_out,
        topic_refused=f"{topic_out}-refused",
        features=FEATURES,
        state_type=Page,
        decode=decode,
        entity=lambda view: view.page,
        step=_step,
        encode=encode,
        policy=lambda *_: None,
    )


def _step(page: Page, view: View) -> tuple[float, float] | None:
    if view.number <= page.views:
        return None
    page.views += 1
    return view.amount, float(page.views)


@contextmanager
def running(job: Job) -> Iterator[None]:
    """A process that decides until the end."""
    given = [str(job.kafka.port), job.query, job.topic_in, job.topic_out, str(job.folder)]
    command = [sys.executable, "-m", "bench.latency.door", *given]
    process = subprocess.Popen(command, cwd=ROOT, preexec_fn=die_with_parent())
    try:
        yield
    finally:
        process.terminate()
        patiently_ended(process)


def serve(settings: Settings, stop: threading.Event) -> None:
    """Decide until `stop`."""
    _, _, query, topic_in, topic_out, folder = sys.argv
    description = describe(query, topic_in, topic_out)  # type: ignore[arg-type]
    decide(description, MODEL, settings.kafka, Path(folder), CHECKPOINT_S, stop)


if __name__ == "__main__":
    end_with_parent()
    sys.exit(server.run(load, serve))
