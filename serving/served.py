"""A loaded model, and which of a model's versions answers whom."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lakehouse.errors import ModelError
from lakehouse.models import scoring
from lakehouse.models.bundle import Bundle
from lakehouse.models.scoring import Scorer


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """One version of a model: its files checked against the registry, and ready to score.

    Each loading makes another value, which is only equal to itself.
    """

    name: str
    version: int
    sha256: str
    bundle: Bundle

    @property
    def id(self) -> tuple[int, str]:
        """The version with the SHA-256 of its manifest."""
        return self.version, self.sha256

    @property
    def scorer(self) -> Scorer:
        """What scores."""
        return self.bundle.scorer

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in the order in which the scorer takes them."""
        return self.bundle.scorer.features

    @property
    def threshold(self) -> float:
        """The prediction is 1 for probabilities from this value up."""
        return self.bundle.scorer.threshold


@dataclass(frozen=True)
class Served:
    """What answers for a model at one moment; a change is another value.

    The `shadow` scores what the champion answers, and is never the answer. The `variant` answers
    the part `share` of all keys.
    """

    champion: LoadedModel
    shadow: LoadedModel | None = None
    variant: LoadedModel | None = None
    share: float = 0.0

    def choose(self, key: str | None) -> LoadedModel:
        """Who answers the caller with this key, always the same one while the split lasts.

        A caller without a key is answered by the champion.
        """
        if self.variant is None or key is None:
            return self.champion
        is_in = share_of(self.champion.name, key) < self.share
        return self.variant if is_in else self.champion


def share_of(name: str, key: str) -> float:
    """Where a key stands between 0 and 1 in the split of a model.

    >>> share_of("a", "k") == share_of("a", "k"), 0 <= share_of("a", "k") < 1
    (True, True)
    """
    digest = hashlib.sha256(f"{name}\n{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def warm(name: str, version: int, sha256: str, load: Callable[[], Bundle]) -> LoadedModel:
    """Load a model and let it score and explain a row, so that no caller waits for a first time.

    Raises `ModelError` for a model whose files are not the registered ones or that does not score.
    """
    loaded = LoadedModel(name, version, sha256, load())
    row = np.zeros((1, len(loaded.features)))
    scores = loaded.scorer.score(row)
    scoring.reasons(loaded.scorer, row)
    if scores.probability.shape != (1,) or not np.isfinite(scores.probability[0]):
        raise ModelError(
            f"model {name}, version {version}", "one finite probability for one row",
            str(scores.probability)[:80], "register a model that scores",
        )  # fmt: skip
    return loaded
