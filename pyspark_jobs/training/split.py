"""Which days are for training, tuning and testing; dates only, no data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from lakehouse.errors import ModelError

FoldKind = Literal["time", "entity"]
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Days:
    """Dates from `first` to `last`, both inclusive."""

    first: date
    last: date

    @property
    def count(self) -> int:
        """Number of days; 0 or less if there are none."""
        return (self.last - self.first).days + 1

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __str__(self) -> str:
        """`2026-01-01..2026-01-31`."""
        return f"{self.first}..{self.last}"


@dataclass(frozen=True)
class Fold:
    """One fold: fit on `fit`, evaluate on `validate`.

    `group` is None for a fold in time; otherwise the entities of that group are for validation and
    all others for fitting, on the same days.
    """

    fit: Days
    validate: Days
    group: int | None = None


@dataclass(frozen=True)
class Split:
    """Train days, test days, and the folds inside the train days."""

    train: Days
    test: Days
    folds: tuple[Fold, ...]

    @property
    def kind(self) -> FoldKind:
        """Whether the folds split the days or the entities."""
        return "time" if self.folds[0].group is None else "entity"


@dataclass(frozen=True)
class SplitRule:
    """Lengths in days: `embargo` is the label horizon, `warm_up` the longest lookback."""

    test: int
    embargo: int
    warm_up: int
    folds: int


def split(labelled: Days, rule: SplitRule) -> Split:
    """Split labelled days: train | embargo | test, with folds of the same order inside train.

    A label of day D looks at the `embargo` days after D, so that many days are left out between any
    two parts: no train label has seen an evaluation day. Days whose features would look back before
    the first day are left out of train as long as half of it remains. If there are too few train
    days for folds in time, the folds split the entities.

    Raises `ModelError` when no train day is left.
    """
    test = Days(labelled.last - (rule.test - 1) * _DAY, labelled.last)
    train = Days(labelled.first, _before(test, rule.embargo))
    if train.count < 1:
        needed = rule.test + rule.embargo + 1
        raise ModelError(
            "training", f"at least {needed} labelled days", f"{labelled.count} ({labelled})",
            "load more history, or shorten model.test_days or the horizon of the label",
        )  # fmt: skip
    ripe = Days(train.first + (rule.warm_up - 1) * _DAY, train.last)
    if 2 * ripe.count >= train.count:
        train = ripe
    return Split(train, test, _in_time(train, rule) or _by_entity(train, rule.folds))


def _in_time(train: Days, rule: SplitRule) -> tuple[Fold, ...]:
    """Consecutive validation days at the end of train, each fitted on days an embargo earlier.

    Half of the days left by the embargo are reserved for fitting the first fold.
    """
    length = min(rule.test, (train.count - rule.embargo) // (2 * rule.folds))
    if length < 1:
        return ()
    folds = []
    for back in range(rule.folds, 0, -1):
        first = train.last - (back * length - 1) * _DAY
        validate = Days(first, first + (length - 1) * _DAY)
        folds.append(Fold(Days(train.first, _before(validate, rule.embargo)), validate))
    return tuple(folds)


def _by_entity(train: Days, folds: int) -> tuple[Fold, ...]:
    return tuple(Fold(train, train, group) for group in range(folds))


def _before(days: Days, embargo: int) -> date:
    return days.first - (embargo + 1) * _DAY
