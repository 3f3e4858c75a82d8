"""What the page of segments says, as plain values."""

from __future__ import annotations

from datetime import date

import msgspec


class Segment(msgspec.Struct, frozen=True):
    """A segment in the newest week.

    `share` is of all cards, `share_before` that in the first week with segments; `spent` is the
    mean spending of a card in the 28 days before; `p_7` and `p_30` are mean probabilities. `weeks`
    are its shares week by week; `examples` are cards, each as purchases a week in half a year.
    """

    number: int
    name: str
    cards: int
    share: float
    share_before: float
    spent: float
    p_7: float
    p_30: float
    weeks: list[float]
    examples: list[list[int]]


class Flow(msgspec.Struct, frozen=True):
    """Cards that have changed from one segment to another since the week before."""

    before: str
    after: str
    cards: int


class Bin(msgspec.Struct, frozen=True):
    """A tenth of the predictions: mean probability, and the share that came true."""

    predicted: float
    observed: float
    rows: int


class Calibration(msgspec.Struct, frozen=True):
    """How the probabilities of one k compare with what happened in windows that have closed."""

    k: int
    rows: int
    brier: float
    error: float
    bins: list[Bin]


class Week(msgspec.Struct, frozen=True):
    """The Brier score of k = 7 in one week: estimated at once, realised when the window closed."""

    as_of: date
    cards: int
    estimated: float
    realised: float | None


class Shift(msgspec.Struct, frozen=True):
    """A lasting shift of a feature, seen at a purchase of that day."""

    day: date
    detectors: list[str]


class FeatureDrift(msgspec.Struct, frozen=True):
    """What the detectors saw in a feature of `events` purchases; nothing is an empty list."""

    feature: str
    events: int
    shifts: list[Shift]


class SegmentsReport(msgspec.Struct, frozen=True):
    """Everything the page shows.

    `psi` compares the shares of segments with those of the first week (0.2 is a common alarm);
    `movers` is the share of cards that changed segment since the week before, `type_movers` that
    of cards that changed type. `claim` says whether types are groups at all.
    """

    as_of: date
    cards: int
    claim: str
    segments: list[Segment]
    psi: float
    movers: float | None
    type_movers: float | None
    flows: list[Flow]
    calibration: list[Calibration]
    weeks: list[Week]
    drift: list[FeatureDrift]
    false_alarms: str
