"""`python -m bench.eda_memory`: whether an analysis of 10,000,000 rows stays within 4 GiB."""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl
from deltalake import write_deltalake

import eda
from bench.measure import seconds
from bench.usage import own_peak_mib
from lakehouse.domains.cdr import names
from lakehouse.domains.cdr.contracts import LABEL, MEASURE_NAMES
from lakehouse.domains.settings import Settings
from lakehouse.names import table_uri

ROWS, DAYS = 10_000_000, 40
FIRST = date(2026, 3, 2)
BAR_MIB = 4_096


def _settings(folder: Path) -> Settings:
    output = {"output_dir": str(folder / "output")}
    places = {"state_dir": str(folder / "state"), "lake": {"uri": str(folder / "lake")}}
    return Settings.model_validate(places | {"monitoring": output})


def make(folder: Path, rows: int) -> None:
    """Write `rows` rows of usage, an event and an outcome for each subscriber and day."""
    settings, users = _settings(folder), rows // DAYS
    for number in range(DAYS):
        day, rng = FIRST + timedelta(days=number), np.random.default_rng(number)
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 made aware below
        label = (np.arange(users) % 20 == 0).astype(np.int8)
        usage = {name: rng.poisson(5 - 2 * label).astype(np.float64) for name in MEASURE_NAMES}
        moment = pl.lit(midnight) + pl.duration(seconds=pl.int_range(users) % 86_400)
        frame = pl.DataFrame({**usage, LABEL: label}).with_columns(
            id=pl.int_range(users) + number * users,
            Date=pl.lit(day),
            DP_DATE=moment.dt.replace_time_zone("UTC").dt.cast_time_unit("us"),
            DP_MSISDN=pl.format("999{}", pl.int_range(users).cast(pl.String).str.zfill(8)),
            event_id=pl.format("bench:{}", pl.int_range(users) + number * users),
        )
        outcomes = frame.select("DP_MSISDN", pl.col("Date").alias("date"), LABEL)
        for table, part in (
            (names.BRONZE_EVENTS, frame.drop(LABEL)),
            (names.BRONZE_OUTCOMES, outcomes),
        ):
            uri = table_uri(settings.lake_uri, table)
            write_deltalake(uri, part.to_arrow(), mode="append")


def main() -> int:
    """Make the rows in a child process, analyse them in this one; 1 where it takes too much."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        child = get_context("spawn").Process(target=make, args=(folder, rows))
        child.start()
        child.join()
        config = folder / "query_params.json"
        last = FIRST + timedelta(days=DAYS - 1)
        asked = {"start_date": str(FIRST), "end_date": str(last), "source": "lake"}
        config.write_text(json.dumps(asked), encoding="utf-8")
        took = seconds(lambda: eda.run(config, _settings(folder)))
    peak = own_peak_mib()
    print(f"{rows:,} rows: {took:.0f} s, peak memory {peak:,.0f} MiB (at most {BAR_MIB:,})")
    return int(peak > BAR_MIB)


if __name__ == "__main__":
    sys.exit(main())
