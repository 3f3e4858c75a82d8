"""Documents in any server that speaks MongoDB's protocol, each replaced by its key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

from pymongo import MongoClient, ReplaceOne
from pymongo.errors import ConnectionFailure, PyMongoError

from lakehouse.errors import CdrlakeError, ServiceError, SettingsError, UnreachableError
from lakehouse.settings.outside import DocumentSettings

# Some servers never answer when many replacements of documents come at once.
AT_ONCE = 10
TIMEOUT_MS = 20_000
SEPARATOR = "|"
Document = dict[str, Any]


def identity(key: tuple[str, ...], row: Mapping[str, Any]) -> str:
    """The `_id` of a row: the values of its key, moments in ISO format.

    >>> identity(("user_id", "start"), {"user_id": "7", "start": datetime(2026, 1, 1, 10)})
    '7|2026-01-01T10:00:00'
    """
    values = (row[name] for name in key)
    texts = (one.isoformat() if isinstance(one, datetime) else str(one) for one in values)
    return SEPARATOR.join(texts)


def upsert(
    settings: DocumentSettings,
    collection: str,
    key: tuple[str, ...],
    rows: Iterable[Mapping[str, Any]],
) -> int:
    """Keep each row as the document of its key, instead of an earlier one; how many there were.

    Raises `UnreachableError` when the server does not answer, and `ServiceError` when it refuses
    them. It is safe to do again.
    """
    count = 0
    with _database(settings) as database:
        for some in _batched(iter(rows)):
            documents = [{"_id": identity(key, row), **row} for row in some]
            replaced = [ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in documents]
            database[collection].bulk_write(replaced, ordered=False)
            count += len(some)
    return count


def find(settings: DocumentSettings, collection: str) -> list[Document]:
    """All documents of a collection. Raises `UnreachableError` when the server does not answer."""
    with _database(settings) as database:
        found: list[Document] = list(database[collection].find())
    return found


@contextmanager
def _database(settings: DocumentSettings) -> Iterator[Any]:
    if settings.uri is None:
        raise SettingsError.sentence("documents.uri is not set, so there is no document store.")
    client: MongoClient[Document] = MongoClient(
        settings.uri.get_secret_value(),
        socketTimeoutMS=TIMEOUT_MS,
        serverSelectionTimeoutMS=TIMEOUT_MS,
        tz_aware=True,
    )
    try:
        yield client[settings.database]
    except PyMongoError as error:
        kind: type[CdrlakeError] = ServiceError
        if isinstance(error, ConnectionFailure):  # a query that meets this is started again
            kind = UnreachableError
        raise kind(
            "the document store", "an answer", str(error)[:300], "check documents.uri"
        ) from error
    finally:
        client.close()


def _batched(rows: Iterator[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    while some := list(islice(rows, AT_ONCE)):
        yield some
