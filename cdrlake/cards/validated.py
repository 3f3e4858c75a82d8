"""Verdicts as a training file, and estimates made from them."""

from __future__ import annotations

from pathlib import Path

from pyarrow import fs

from flaskapp.cards import verdicts
from lakehouse import files, mysql
from lakehouse.domains.cards.estimate import Estimate
from lakehouse.domains.settings import Settings
from lakehouse.errors import SourceError
from lakehouse.settings.root import from_root

FILE, WEIGHTS = "validated.csv", "validated_weights.csv"


def save(settings: Settings, to: str | None = None) -> tuple[int, str]:
    """Write `validated.csv` and the weights of its rows; the number of rows, and where.

    `to` is a folder, or a place in an object store such as `s3://bucket/folder`. Raises
    `SourceError` when it cannot be written.
    """
    place = to or settings.cards.validated_dir
    with mysql.connect(settings.mysql) as connection:
        rows, weights = verdicts.validated(connection)
    for name, text in ((FILE, rows), (WEIGHTS, weights)):
        _write(place, name, text.encode())
    return len(weights.splitlines()) - 1, f"{place.rstrip('/')}/{FILE}"


def quality(settings: Settings) -> dict[str, Estimate]:
    """Recall and precision, estimated from verdicts."""
    with mysql.connect(settings.mysql) as connection:
        return dict(zip(("recall", "precision"), verdicts.quality(connection), strict=True))


def _write(place: str, name: str, content: bytes) -> None:
    if "://" not in place:
        files.replace(from_root(place) / name, content)
        return
    try:
        store, path = fs.FileSystem.from_uri(place)
        with store.open_output_stream(str(Path(path) / name)) as file:
            file.write(content)
    except (OSError, ValueError) as error:
        raise SourceError(
            place, "a place that can be written", str(error), "check its address and credentials"
        ) from None
