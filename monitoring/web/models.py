"""What the HTTP interface of monitoring takes and answers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from monitoring.analysis.findings import Finding, State
from monitoring.analysis.labels import LabelShift
from monitoring.chunks import MAX_ROWS, MIN_ROWS
from monitoring.report import Performance

MAX_VERSION = 2**31 - 1
Links = dict[str, str]


class RunQuery(Struct, frozen=True):
    """The run that is asked for; what is not given is left to the settings and the champion."""

    start_date: date | None = None
    end_date: date | None = None
    model_version: Annotated[int, Meta(ge=1, le=MAX_VERSION)] | None = None
    period: (
        Annotated[
            str,
            Meta(
                pattern="^(D|W|[0-9]*H|[0-9]+min|[0-9]+)$",
                description="D, W, hours as in 6H, minutes as in 30min, or a number of rows "
                f"from {MIN_ROWS} to {MAX_ROWS}",
            ),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        if self.start_date and self.end_date and self.end_date < self.start_date:
            raise ValueError(
                f"end_date must be a date from {self.start_date} on, not {self.end_date}"
            )


class PageQuery(Struct, frozen=True):
    """The run that the page shows, by default the latest."""

    run_id: str | None = None


class Latest(Struct, frozen=True):
    """How many runs to list."""

    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class RunAnswer(Struct, frozen=True, kw_only=True):
    """A run in short: a message, or a warning where performance could not be measured."""

    message: str | UnsetType = UNSET
    warning: str | UnsetType = UNSET
    run_id: str
    model: str
    model_version: int
    period: str
    start_date: str
    end_date: str
    rows: int
    labelled: int
    verdicts: dict[str, State]
    findings: list[Finding]
    performance: Performance
    labels: LabelShift | None
    quality: list[str]
    links: Links


class Warned(Struct, frozen=True):
    """A run that has nothing to tell, and why."""

    warning: str
    reason: str


class RunLine(Struct, frozen=True):
    """A run in the list; its links are those of files that are still kept."""

    run_id: str
    started_at: datetime
    finished_at: datetime
    model_version: int
    period: str
    verdict: str
    links: Links


class RunList(Struct, frozen=True):
    """Runs, newest first."""

    runs: list[RunLine]


class Health(Struct, frozen=True):
    """Whether the service works, and its last run."""

    status: str
    last_run: str | None
    token_required: bool
    reason: str | UnsetType = UNSET


class Watched(Struct, frozen=True):
    """A model under watch: its name in the registry, its title, and where its page is."""

    model: str
    title: str
    path: str


class ModelList(Struct, frozen=True):
    """All models under watch."""

    models: list[Watched]


class Pipeline(Struct, frozen=True):
    """Counts at every station, the phase, the streaming queries, and notices between runs."""

    ledger: dict[str, Any]
    phase: dict[str, Any] | None
    queries: list[dict[str, Any]]
    notices: list[str]
