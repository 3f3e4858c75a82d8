"""nvForest on the processor, in a virtual environment of its own: 3.3 GB, most of it for GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.opponents import apart


@contextmanager
def ready(forest: Path, rows: Path) -> Iterator[apart.Ask]:
    """A process that has loaded scikit-learn's `forest` and the array `rows` from these files.

    Its jobs are lots of rows, as many as their name says. It writes the probabilities of the lot
    into `votes.npy` of the job's folder, and tells the seconds of one call.
    """
    script = Path(__file__).with_name("score.py")
    with apart.child(script, [str(forest), str(rows)], {"OMP_NUM_THREADS": "1"}) as ask:
        yield ask
