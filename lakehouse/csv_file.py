"""A CSV file from a path or an object store, with the columns that somebody needs of it."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from polars.exceptions import PolarsError

from lakehouse.errors import SourceError


def read(
    address: str,
    kinds: Mapping[str, pl.DataType | type[pl.DataType]],
    options: Mapping[str, str] | None = None,
    optional: tuple[str, ...] = (),
) -> pl.DataFrame:
    """The columns in `kinds` of the file at a path or a `gs://` or `s3://` address, in its order.

    `.gz` is unpacked. `options` are the object store's. A column that is `optional` may be missing,
    and then it is missing in the result. Raises `SourceError` for a file that cannot be read or has
    not all of the others.
    """
    try:
        # With kinds from the first lines alone, an amount such as 5 would make a column of ints.
        found = pl.read_csv(
            address, schema_overrides=dict(kinds), storage_options=dict(options or {}) or None
        )
    except (PolarsError, OSError) as error:
        raise SourceError(
            address, "a readable CSV file", str(error).splitlines()[0],
            "check the address, and the options of the object store",
        ) from None  # fmt: skip
    needed = [name for name in kinds if name not in optional]
    missing = [name for name in needed if name not in found.columns]
    if missing:
        raise SourceError(
            address, f"the columns {', '.join(needed)}", f"none called {missing[0]}",
            "use the file as it was published",
        )  # fmt: skip
    return found.select([name for name in kinds if name in found.columns])
