"""What the online learner knows after each micro-batch, and the files that keep it."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Self

import msgspec
import numpy as np

from lakehouse import files
from lakehouse.domains.fraud import names
from lakehouse.domains.fraud.contracts import FEATURES
from lakehouse.domains.fraud.settings import LearnerSettings
from lakehouse.errors import StreamError
from lakehouse.models.forest import Floats, Integers
from lakehouse.models.half_space_trees import HalfSpaceTrees, TreeShape
from lakehouse.settings import Settings

BINS = 1_000
_FORMAT = 1


@dataclass(frozen=True)
class Learned:
    """The trees, and how many events had which score: `scores` counts them in `BINS` steps."""

    trees: HalfSpaceTrees
    scores: Integers

    @classmethod
    def nothing(cls, wanted: LearnerSettings) -> Self:
        """Before the first event."""
        shape = TreeShape(wanted.trees, wanted.height, wanted.window)
        return cls(_grown(shape, wanted.seed), np.zeros(BINS, np.int64))

    def threshold(self, alert_rate: float) -> float:
        """The least score that at most this share of the events so far has reached; above 1 at
        the very beginning, when nothing has been scored.
        """
        total = int(self.scores.sum())
        above = np.cumsum(self.scores[::-1])[::-1]
        reached = np.flatnonzero(above <= alert_rate * total)
        return float(reached[0]) / BINS if total and len(reached) else 1.0 + 1.0 / BINS

    def learn(self, batch: Tally) -> Self:
        """The state after a batch that tasks have counted."""
        wider = self.trees.widened(batch.low, batch.high)
        learned = wider.learn(batch.masses, batch.rows)
        return replace(self, trees=learned, scores=self.scores + batch.scores)


@dataclass(frozen=True)
class Tally:
    """What a part of a batch adds: limits, masses and scores of its rows; parts add up."""

    rows: int
    low: Floats
    high: Floats
    masses: Integers
    scores: Integers

    @classmethod
    def none(cls, trees: HalfSpaceTrees) -> Self:
        """Of no rows."""
        width = len(trees.features)
        low, high = np.full(width, np.inf), np.full(width, -np.inf)
        return cls(0, low, high, np.zeros_like(trees.latest), np.zeros(BINS, np.int64))

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.rows + other.rows,
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
            self.masses + other.masses,
            self.scores + other.scores,
        )

    def without(self, other: Tally) -> Tally:
        """These rows without some of them; limits stay, since repetitions do not widen them."""
        return replace(
            self,
            rows=self.rows - other.rows,
            masses=self.masses - other.masses,
            scores=self.scores - other.scores,
        )


def binned(scores: Floats) -> Integers:
    """How many scores fall into each of the `BINS` steps from 0 to 1."""
    steps = np.clip((scores * BINS).astype(np.int64), 0, BINS - 1)
    return np.bincount(steps, minlength=BINS).astype(np.int64)


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A state on disk; the trees are drawn again from shape and seed."""

    format: int
    batch_id: int
    shape: tuple[int, int, int]
    seed: int
    filled: int
    window: int
    rows: int
    low: bytes
    high: bytes
    latest: bytes
    reference: bytes
    scores: bytes


class States:
    """The states of the query, a file for each batch; older ones are removed.

    A batch that is replayed starts from the state before it, so it writes the same bytes again.
    """

    def __init__(self, settings: Settings, wanted: LearnerSettings) -> None:
        self._wanted = wanted
        local = "://" not in settings.lake_uri
        root = Path(settings.lake_uri) / "_states" if local else settings.state / "states"
        self._folder = root / names.SCORE.name

    def before(self, batch_id: int) -> Learned:
        """The state that batch `batch_id` is scored with.

        Raises `StreamError` when the file of the batch before is missing or damaged.
        """
        if batch_id == 0:
            return Learned.nothing(self._wanted)
        return self.of(batch_id - 1)

    def of(self, batch_id: int) -> Learned:
        """The state after batch `batch_id`. Raises as `before` does."""
        path = self._path(batch_id)
        try:
            return self._decode(path.read_bytes())
        except (OSError, zlib.error, msgspec.MsgspecError, ValueError) as error:
            raise StreamError(
                str(path), f"the state of the learner after batch {batch_id}", str(error),
                "restore the folder together with the checkpoint, or raise the query's version so "
                "that it learns everything again",
            ) from None  # fmt: skip

    def latest(self) -> Learned | None:
        """The newest state; None before the first batch."""
        found = self._batches()
        return self.of(found[-1]) if found else None

    def newest(self) -> int:
        """The newest batch whose state is there; -1 before the first."""
        return max(self._batches(), default=-1)

    def keep(self, batch_id: int, learned: Learned) -> None:
        """Write the state after a batch, and remove files that no replay can need."""
        files.replace(self._path(batch_id), self._encode(batch_id, learned))
        for old in self._batches()[: -self._wanted.kept_states]:
            self._path(old).unlink(missing_ok=True)

    def fingerprint(self) -> str:
        """SHA-256 of what the newest state has learned; of nothing before the first batch.

        The number of its batch is left out: a batch of no rows adds nothing.
        """
        found = self._batches()
        if not found:
            return hashlib.sha256(b"").hexdigest()
        data = zlib.decompress(self._path(found[-1]).read_bytes())
        kept = msgspec.structs.replace(msgspec.msgpack.decode(data, type=_Kept), batch_id=0)
        return hashlib.sha256(msgspec.msgpack.encode(kept)).hexdigest()

    def _batches(self) -> list[int]:
        return sorted(int(path.stem) for path in self._folder.glob("*.state"))

    def _path(self, batch_id: int) -> Path:
        return self._folder / f"{batch_id}.state"

    def _encode(self, batch_id: int, learned: Learned) -> bytes:
        trees, shape = learned.trees, learned.trees.shape
        kept = _Kept(
            _FORMAT, batch_id, (shape.trees, shape.height, shape.window), self._wanted.seed,
            trees.filled, trees.window, trees.rows, trees.low.tobytes(), trees.high.tobytes(),
            trees.latest.tobytes(), trees.reference.tobytes(), learned.scores.tobytes(),
        )  # fmt: skip
        return zlib.compress(msgspec.msgpack.encode(kept), 1)

    def _decode(self, data: bytes) -> Learned:
        kept = msgspec.msgpack.decode(zlib.decompress(data), type=_Kept)
        trees = _grown(TreeShape(*kept.shape), kept.seed)
        form = trees.latest.shape
        learned = replace(
            trees,
            low=np.frombuffer(kept.low), high=np.frombuffer(kept.high),
            latest=np.frombuffer(kept.latest, np.int64).reshape(form),
            reference=np.frombuffer(kept.reference, np.int64).reshape(form),
            filled=kept.filled, window=kept.window, rows=kept.rows,
        )  # fmt: skip
        return Learned(learned, np.frombuffer(kept.scores, np.int64))


@lru_cache(maxsize=2)
def _grown(shape: TreeShape, seed: int) -> HalfSpaceTrees:
    return HalfSpaceTrees.grow(FEATURES, shape, seed)
