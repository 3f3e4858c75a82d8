"""What callers get: predictions, with the model and version that made them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from lakehouse.models import scoring
from lakehouse.models.forest import Floats
from lakehouse.models.scoring import Scores
from serving.served import LoadedModel

encode = msgspec.json.Encoder().encode


class Reason(msgspec.Struct, frozen=True):
    """A feature that moved the score, its value, and in which direction."""

    feature: str
    value: float | None
    direction: str


class Prediction(msgspec.Struct, frozen=True, omit_defaults=True):
    """The prediction for one record: 1 if the probability reaches the threshold, else 0.

    `as_of` is the moment of the features, if they were looked up.
    """

    request_id: str
    model: str
    version: int
    threshold: float
    prediction: int
    probability: float
    reasons: list[Reason] | None = None
    as_of: str | None = None


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """The prediction for one record of a list."""

    prediction: int
    probability: float
    reasons: list[Reason] | None = None


class Predictions(msgspec.Struct, frozen=True):
    """The predictions for a list of records, in its order."""

    request_id: str
    model: str
    version: int
    threshold: float
    predictions: list[Item]


@dataclass(frozen=True)
class Scored:
    """Rows and the scores that a model gave them; `seconds` is what each stage took.

    `key` is whose rows they are, where the caller said so, and `as_of` their moment if looked up.
    `text` is the JSON list in which the caller named each row's features, if it was one.
    """

    model: LoadedModel
    rows: Floats
    scores: Scores
    key: str | None = None
    as_of: str | None = None
    text: bytes | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def probabilities(self) -> list[float]:
        """Probabilities in the order of the rows."""
        values: list[float] = self.scores.probability.tolist()
        return values

    @property
    def predictions(self) -> list[int]:
        """Decisions, 0 or 1, in the order of the rows."""
        values: npt.NDArray[np.int32] = self.scores.prediction
        decided: list[int] = values.tolist()
        return decided

    def reasons(self) -> list[list[Reason] | None]:
        """What moved each row's score most; None for a kind of model that cannot tell."""
        found = scoring.reasons(self.model.scorer, self.rows)
        return [_reasons(one) for one in found.to_list()]


def one(scored: Scored, request_id: str, explain: bool) -> Prediction:
    """The answer for one record."""
    model = scored.model
    return Prediction(
        request_id, model.name, model.version, model.threshold, scored.predictions[0],
        scored.probabilities[0], scored.reasons()[0] if explain else None, scored.as_of,
    )  # fmt: skip


def ones(scored: Scored, request_ids: list[str]) -> list[bytes]:
    """The answers for rows that are a record of a request each, as JSON."""
    name, version, threshold = scored.model.name, scored.model.version, scored.model.threshold
    told = zip(request_ids, scored.predictions, scored.probabilities, strict=True)
    return [encode(Prediction(one, name, version, threshold, p, q)) for one, p, q in told]


def many(scored: Scored, request_id: str, explain: bool) -> Predictions:
    """The answer for a list of records."""
    model, why = scored.model, scored.reasons() if explain else None
    pairs = zip(scored.predictions, scored.probabilities, strict=True)
    items = [
        Item(prediction, probability, why[number] if why else None)
        for number, (prediction, probability) in enumerate(pairs)
    ]
    return Predictions(request_id, model.name, model.version, model.threshold, items)


def _reasons(text: str | None) -> list[Reason] | None:
    found: Any = None if text is None else msgspec.json.decode(text, type=list[Reason])
    reasons: list[Reason] | None = found
    return reasons
