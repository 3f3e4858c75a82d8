"""Who the subscribers are: segments with their habits, and regions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Segment:
    """Habits of one kind of subscriber; rates are per active day."""

    name: str
    share: float
    activity: float
    calls: float
    texts: float
    sessions: float
    call_seconds: float
    session_megabytes: float
    wavering: float
    weekend: float
    payday: float


SEGMENTS = (
    Segment("prepaid_light", 0.35, 0.55, 1.2, 0.8, 1.0, 70, 8, 1.5, 0.95, 1.35),
    Segment("prepaid_heavy", 0.20, 0.85, 5.0, 2.0, 4.0, 110, 25, 1.2, 1.05, 1.20),
    Segment("postpaid", 0.25, 0.92, 6.0, 1.5, 6.0, 160, 40, 0.6, 0.80, 1.00),
    Segment("data_first", 0.20, 0.93, 1.5, 0.5, 14.0, 60, 90, 0.9, 1.20, 1.05),
)
REGIONS = ("north", "east", "south", "west", "centre")
REGION_SHARES = (0.18, 0.17, 0.20, 0.15, 0.30)
