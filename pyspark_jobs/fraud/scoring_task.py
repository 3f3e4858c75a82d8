"""A scoring task: scores events, writes their predictions, and counts what is to be learned.

Only descriptions of the files, ids and counts go back to the driver, not the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from lakehouse.domains.fraud import contracts
from lakehouse.domains.fraud.contracts import FEATURES, PREDICTIONS
from lakehouse.kinds import polars_schema
from lakehouse.models import scoring
from lakehouse.models.half_space_trees import HalfSpaceTrees, limits
from lakehouse.models.model_kinds import model_kind
from lakehouse.models.scoring import Scorer
from lakehouse.names import table_uri
from pyspark_jobs.delta.files import PendingFile, write_file
from pyspark_jobs.fraud.learner import Tally, binned

ROWS_PER_FILE = 500_000
COLUMNS = ("message_id", "account_number", "ingest_ts", "ingested_at", *FEATURES)
WRITTEN_SCHEMA = """path string, size long, stats string, rows long, ids binary, low binary,
    high binary, masses binary, scores binary"""
_ARROW = pa.schema(
    [
        ("path", pa.string()), ("size", pa.int64()), ("stats", pa.string()), ("rows", pa.int64()),
        *((name, pa.binary()) for name in ("ids", "low", "high", "masses", "scores")),
    ]
)  # fmt: skip
_HASH_SEED = 11
Ids = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Champion:
    """The model of the registry that decides: its version, and its file as bytes."""

    version: int
    run_id: str
    kind: str
    file: bytes
    details: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class ScoringTask:
    """How the rows of one micro-batch are scored: by the learner's state before the batch.

    Without a champion the learner's own score decides, from `threshold` up.
    """

    trees: HalfSpaceTrees
    threshold: float
    champion: Champion | None
    now: datetime
    lake_uri: str
    options: Mapping[str, str]

    def write(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """For `mapInArrow`: batches of events in, rows of `WRITTEN_SCHEMA` out."""
        held: list[pl.DataFrame] = []
        total = Tally.none(self.trees)
        for batch in batches:
            scored, tally = self.score(pl.DataFrame(pl.from_arrow(batch)))
            held.append(scored)
            total = total + tally
            if total.rows >= ROWS_PER_FILE:
                yield self._written(held, total)
                held, total = [], Tally.none(self.trees)
        if total.rows:
            yield self._written(held, total)

    def score(self, events: pl.DataFrame) -> tuple[pl.DataFrame, Tally]:
        """Predictions of events, in the columns of the contract, and what the events add."""
        rows = scoring.matrix(events, FEATURES)
        score = self.trees.score(rows)
        low, high = limits(rows)
        tally = Tally(len(rows), low, high, self.trees.count_masses(rows), binned(score))
        probability, decision = self._decide(events, score)
        version, run_id = (0, "") if self.champion is None else _standing(self.champion)
        now = pl.lit(self.now).cast(pl.Datetime("us", "UTC"))
        seconds = 1_000_000.0
        found = events.with_columns(
            pl.lit(None).alias(contracts.CLASS.name),
            pl.Series("score", score),
            pl.Series("probability", probability),
            pl.Series("decision", decision),
            model_version=pl.lit(version),
            run_id=pl.lit(run_id),
            prediction_ts=now,
            scored_at=now,
            prediction_latency=(now - pl.col("ingest_ts")).dt.total_microseconds() / seconds,
            backlog=(now - pl.col("ingested_at")).dt.total_microseconds() / seconds,
        )
        schema: Any = polars_schema(PREDICTIONS)
        return found.select(PREDICTIONS.names).cast(schema), tally

    def _decide(
        self, events: pl.DataFrame, score: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
        if self.champion is None:
            return score, (score >= self.threshold).astype(np.int32)
        one = self.champion
        scorer = _scorer(one.kind, one.file, one.details)
        scores = scorer.score(scoring.matrix(events, scorer.features))
        return scores.probability, scores.prediction

    def _written(self, held: list[pl.DataFrame], tally: Tally) -> pa.RecordBatch:
        rows = pl.concat(held)
        file = self.write_rows(rows)
        written = {
            "path": file.path, "size": file.size, "stats": file.stats, "rows": len(rows),
            "ids": hashed(rows["message_id"]).tobytes(), **_as_bytes(tally),
        }  # fmt: skip
        return pa.RecordBatch.from_pylist([written], schema=_ARROW)

    def write_rows(self, rows: pl.DataFrame) -> PendingFile:
        """Write predictions as a file that a commit is to name."""
        return write_file(
            rows, table_uri(self.lake_uri, PREDICTIONS.name), PREDICTIONS, self.options
        )


@dataclass(frozen=True)
class Written:
    """A file of predictions that a task has written, with the ids in it and what they add."""

    file: PendingFile
    ids: Ids
    tally: Tally

    @classmethod
    def of(cls, row: Mapping[str, Any], trees: HalfSpaceTrees) -> Written:
        """From a row of `WRITTEN_SCHEMA`."""
        tally = Tally(
            row["rows"],
            np.frombuffer(row["low"]),
            np.frombuffer(row["high"]),
            np.frombuffer(row["masses"], np.int64).reshape(trees.latest.shape),
            np.frombuffer(row["scores"], np.int64),
        )
        file = PendingFile(row["path"], row["size"], row["stats"])
        return cls(file, np.frombuffer(row["ids"], np.uint64), tally)


def hashed(ids: pl.Series) -> Ids:
    """64 bits of each id: equal ids have equal ones, and others hardly ever."""
    return ids.hash(_HASH_SEED).to_numpy()


def _standing(champion: Champion) -> tuple[int, str]:
    return champion.version, champion.run_id


def _as_bytes(tally: Tally) -> dict[str, bytes]:
    return {
        name: np.ascontiguousarray(getattr(tally, name)).tobytes()
        for name in ("low", "high", "masses", "scores")
    }


@lru_cache(maxsize=2)
def _scorer(kind: str, file: bytes, details: tuple[tuple[str, Any], ...]) -> Scorer:
    return model_kind(kind).load(file, dict(details))
