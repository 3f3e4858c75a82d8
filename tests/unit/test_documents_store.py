"""Documents replaced by their key, against the server that TEST_MONGO_URI names."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from lakehouse import documents
from lakehouse.errors import SettingsError, UnreachableError
from lakehouse.settings.outside import DocumentSettings
from pyspark_jobs.engine import failures

KEY = ("user_id", "window_start")
URI = os.environ.get("TEST_MONGO_URI")
MOMENT = datetime(2026, 1, 1, 10, tzinfo=UTC)


def rows(count: int, prediction: str) -> list[dict[str, object]]:
    return [
        {"user_id": str(i), "window_start": MOMENT, "prediction": prediction} for i in range(count)
    ]


def test_an_identity_is_the_key_with_the_date() -> None:
    assert documents.identity(KEY, rows(1, "bot")[0]) == "0|2026-01-01T10:00:00+00:00"


def test_without_an_address_there_is_no_store() -> None:
    with pytest.raises(SettingsError, match=r"documents\.uri is not set"):
        documents.upsert(DocumentSettings(), "c", KEY, rows(1, "bot"))


def test_a_server_that_is_not_there_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(documents, "TIMEOUT_MS", 200)
    nowhere = DocumentSettings(uri=SecretStr("mongodb://127.0.0.1:9"))
    with pytest.raises(UnreachableError, match="document store: expected an answer") as found:
        documents.upsert(nowhere, "c", KEY, rows(1, "bot"))
    assert failures.is_transient(failures.text_of(found.value))


@pytest.mark.skipif(URI is None, reason="needs TEST_MONGO_URI, a server of MongoDB's protocol")
def test_rows_that_come_again_replace_their_documents() -> None:
    settings = DocumentSettings(uri=SecretStr(URI or ""), database=f"test_{uuid.uuid4().hex[:8]}")
    assert documents.upsert(settings, "results", KEY, rows(25, "user")) == 25
    documents.upsert(settings, "results", KEY, rows(12, "bot"))
    found = documents.find(settings, "results")
    assert len(found) == 25
    assert sum(one["prediction"] == "bot" for one in found) == 12
