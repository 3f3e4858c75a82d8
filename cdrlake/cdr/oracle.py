"""The world's bounds beside a model: how close it comes to them on its test window.

Only a simulated world has them. The oracle knows each subscriber's hidden state, and the attainable
bound knows the world's laws, so both stay out of the lake and of training, and are only consulted
when a person looks at a model.
"""

from __future__ import annotations

import polars as pl

from cdrlake import bounds
from cdrlake.bounds import ATTAINABLE, ORACLE, Bounds
from flaskapp.cdr.world import Horizon, World
from flaskapp.cdr.world.attainable import silence_probability
from lakehouse import store
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import MEASURE_NAMES
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings
from lakehouse.models.bundle import Bundle
from lakehouse.models.manifest import Manifest
from lakehouse.names import table_uri

_KEY = [CHURN.entity, CHURN.time]
_AMOUNT = pl.sum_horizontal(name for name in MEASURE_NAMES if name.endswith("COUNT"))


def beside(bundle: Bundle, settings: Settings) -> Bounds | None:
    """The bounds on a model's test window; None if the data is not from this world.

    Drifts are left out, because they only affect days after the history.
    """
    silver = table_uri(settings.lake_uri, names.SILVER_DAILY)
    if settings.source.files or not store.exists(silver, settings.lake_options):
        return None
    lines = store.scan(silver, settings.lake_options)
    start = lines.select(pl.col("Date").min()).collect().item()
    horizon = Horizon(settings.cdr.label_horizon_days, settings.cdr.active_window_days)
    world = World(settings.world, start, horizon, settings.timezone)
    rows, papers = bundle.reference(), bundle.manifest
    truth = rows.join(probabilities(world, papers), on=_KEY)
    if len(truth) < len(rows):
        return None
    seen = lines.filter(pl.col("Date") <= papers.test_end).select(*_KEY, amount=_AMOUNT).collect()
    known = truth.join(attainable(world, papers, seen), on=_KEY)
    return bounds.judge(known if len(known) == len(rows) else truth, CHURN, settings.model.seed)


def probabilities(world: World, papers: Manifest) -> pl.DataFrame:
    """User, Date and the true probability on the test days of a model, as `oracle`."""
    first, last = _days(world, papers)
    found = [
        world.oracle_probability(number).select(
            User="DP_MSISDN", Date=pl.lit(world.date_of(number), pl.Date), **{ORACLE: "probability"}
        )
        for number in range(first, last + 1)
    ]
    return pl.concat(found)


def attainable(world: World, papers: Manifest, seen: pl.DataFrame) -> pl.DataFrame:
    """User, Date and what can be known of silence on the test days of a model, as `attainable`.

    `seen` has User, Date and `amount`, the sum of all counts, up to the last test day.
    """
    first, last = _days(world, papers)
    start = pl.lit(world.start)
    number = (pl.col("Date") - start).dt.total_days()
    usage = seen.select(DP_MSISDN="User", day=number, amount="amount")
    found = silence_probability(world, usage, range(first, last + 1))
    date = start + pl.duration(days="day")
    return found.select(User="DP_MSISDN", Date=date, **{ATTAINABLE: "probability"})


def _days(world: World, papers: Manifest) -> tuple[int, int]:
    """First and last test day, as numbers of the world's days."""
    return (papers.test_start - world.start).days, (papers.test_end - world.start).days
