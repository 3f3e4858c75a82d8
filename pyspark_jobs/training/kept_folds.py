"""Folds that have already been evaluated, kept across restarts for the same data and settings."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lakehouse import files
from lakehouse.models.forest import Floats
from pyspark_jobs.training.forests import Shape

LOG = logging.getLogger(__name__)
FOLDER = "training"


class KeptFolds:
    """Votes of forests on the validation rows of each fold, in a small file per fold.

    `basis` is everything that the votes depend on: versions of the tables, settings. Votes kept for
    another basis are removed. Without a folder nothing is kept.
    """

    def __init__(
        self, state: Path | None = None, basis: Mapping[str, object] | None = None
    ) -> None:
        text = json.dumps(dict(basis or {}), sort_keys=True, default=str)
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        self._folder = None if state is None else state / FOLDER / key
        for other in (state / FOLDER).glob("*") if state else ():
            if other != self._folder:
                shutil.rmtree(other, ignore_errors=True)

    def get(self, largest: Shape, fold: int, rows: int) -> dict[Shape, Floats] | None:
        """The votes of every forest cut out of `largest` on the `rows` rows of a fold, or None."""
        if self._folder is None:
            return None
        try:
            with np.load(_path(self._folder, largest, fold), allow_pickle=False) as kept:
                votes = {_shape(largest, name): kept[name] for name in kept.files}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            LOG.warning("fold %d is judged once more, its file cannot be read: %s", fold, error)
            return None
        return votes if all(len(one) == rows for one in votes.values()) else None

    def put(self, largest: Shape, fold: int, votes: Mapping[Shape, Floats]) -> None:
        """Keep the votes of a fold."""
        if self._folder is None:
            return
        content = io.BytesIO()
        named: dict[str, Any] = {f"{one.trees}x{one.depth}": vote for one, vote in votes.items()}
        np.savez(content, **named)
        files.replace(_path(self._folder, largest, fold), content.getvalue())

    def clear(self) -> None:
        """Remove all of them, once the training has ended."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _path(folder: Path, largest: Shape, fold: int) -> Path:
    rest = f"{largest.features_per_split}-{largest.min_instances}"
    return folder / f"{largest.trees}x{largest.depth}-{rest}-fold-{fold}.npz"


def _shape(largest: Shape, name: str) -> Shape:
    trees, _, depth = name.partition("x")
    return replace(largest, trees=int(trees), depth=int(depth))
