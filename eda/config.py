"""What to look at: `query_params.json`, checked."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

import msgspec

from lakehouse.errors import SourceError

START_YEAR = 1970


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dates are calendar dates, both inclusive. `sample_rows` bounds what is held for plots."""

    start_date: date
    end_date: date
    source: Literal["mysql", "lake"] = "mysql"
    sample_rows: int = 60_000


def read(path: Path) -> Config:
    """The configuration in `path`. Raises `SourceError` that says where and what is wrong."""
    try:
        config = msgspec.json.decode(path.read_bytes(), type=Config)
    except OSError as error:
        raise SourceError(
            str(path), "a readable file", error.strerror or "none", "give --config another path"
        ) from None
    except msgspec.ValidationError as error:
        raise SourceError(
            str(path), "dates like 2026-01-31 under start_date and end_date", str(error),
            "correct the value",
        ) from None  # fmt: skip
    except msgspec.DecodeError as error:
        raise SourceError(
            str(path), "plain JSON, without comments", str(error), "correct the file"
        ) from None
    return _checked(path, config)


def _checked(path: Path, config: Config) -> Config:
    if config.end_date < config.start_date:
        raise SourceError(
            str(path), f"an end_date from {config.start_date} on", str(config.end_date),
            "swap the two",
        )  # fmt: skip
    if config.start_date.year < START_YEAR or config.sample_rows < 1:
        raise SourceError(
            str(path), f"dates from {START_YEAR} on and at least one row",
            f"{config.start_date}, {config.sample_rows}", "correct the values",
        )  # fmt: skip
    return config
