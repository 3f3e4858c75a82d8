"""Fetching the source file from object storage, against an emulator of it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gcp_storage_emulator.server import create_server
from google.api_core.exceptions import Forbidden
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from flaskapp import download as fetching
from flaskapp.download import download
from lakehouse.errors import SourceError

pytestmark = pytest.mark.integration
CONTENT = b"DP_DATE,DP_MSISDN\n" + b"2026-01-01,49171000001\n" * 2_000
KEY = Path("GCP-Key.json")


class InterruptedFetchError(Exception):
    """Stands for a lost connection."""


@dataclass
class Bucket:
    """A bucket of the emulator, and the way to reach it."""

    client: Any

    def put(self, name: str, content: bytes) -> str:
        """Store an object; its URL."""
        self.client.bucket("cdr").blob(name).upload_from_string(content)
        return f"gs://cdr/{name}"

    def connect(self, _key: Path) -> Any:
        """The client, whatever the key."""
        return self.client


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    server = create_server("127.0.0.1", 0, data_dir=str(tmp_path / "gcs"), default_bucket="cdr")
    server.start()
    port = server._api._httpd.server_address[1]
    client = storage.Client(
        project="test",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": f"http://127.0.0.1:{port}"},
    )
    yield Bucket(client)
    server.stop()


def test_a_plain_object_is_fetched_as_it_is(bucket: Bucket, tmp_path: Path) -> None:
    target = tmp_path / "flaskapp" / "RawData.csv"
    url = bucket.put("folder/RawData.csv", CONTENT)
    assert download(url, KEY, target, connect=bucket.connect) == target
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["RawData.csv"]


def test_a_gzipped_object_is_unpacked_and_its_archive_removed(
    bucket: Bucket, tmp_path: Path
) -> None:
    target = tmp_path / "out" / "RawData.csv"
    url = bucket.put("RawData.csv.gz", gzip.compress(CONTENT))
    download(url, KEY, target, connect=bucket.connect)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["RawData.csv"]


def test_an_interrupted_download_goes_on_where_it_stopped(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "CHUNK_BYTES", 10_000)
    url, target = bucket.put("RawData.csv", CONTENT), tmp_path / "RawData.csv"
    seen: list[float] = []

    def interrupt(done: float, _total: float) -> None:
        seen.append(done)
        if len(seen) == 2:
            raise InterruptedFetchError

    with pytest.raises(InterruptedFetchError):
        download(url, KEY, target, interrupt, bucket.connect)
    assert not target.exists()
    download(url, KEY, target, interrupt, bucket.connect)
    assert seen == [10_000, 20_000, 30_000, 40_000, len(CONTENT)]
    assert target.read_bytes() == CONTENT


def test_an_object_that_changed_in_between_is_fetched_anew(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "CHUNK_BYTES", 10_000)
    url, target = bucket.put("RawData.csv", CONTENT), tmp_path / "RawData.csv"

    def interrupt(_done: float, _total: float) -> None:
        raise InterruptedFetchError

    with pytest.raises(InterruptedFetchError):
        download(url, KEY, target, interrupt, bucket.connect)
    changed = CONTENT[::-1]
    bucket.put("RawData.csv", changed)
    download(url, KEY, target, connect=bucket.connect)
    assert target.read_bytes() == changed


def test_bytes_that_do_not_fit_the_checksum_are_refused(bucket: Bucket, tmp_path: Path) -> None:
    url, target = bucket.put("RawData.csv", CONTENT), tmp_path / "RawData.csv"
    generation = bucket.client.bucket("cdr").get_blob("RawData.csv").generation
    (tmp_path / f"RawData.csv.{generation}.part").write_bytes(CONTENT[::-1])
    with pytest.raises(SourceError, match="the checksum"):
        download(url, KEY, target, connect=bucket.connect)
    assert not target.exists()
    download(url, KEY, target, connect=bucket.connect)
    assert target.read_bytes() == CONTENT


def test_a_truncated_archive_leaves_no_half_file(bucket: Bucket, tmp_path: Path) -> None:
    target = tmp_path / "out" / "RawData.csv"
    url = bucket.put("RawData.csv.gz", gzip.compress(CONTENT)[:-20])
    with pytest.raises(SourceError, match="a whole gzip file"):
        download(url, KEY, target, connect=bucket.connect)
    assert list(target.parent.iterdir()) == []


class Short:
    """A client, bucket and object in one, whose bytes end before the size it promises."""

    generation, size, crc32c = 1, 100, ""

    def bucket(self, _name: str) -> Short:
        """Itself."""
        return self

    def get_blob(self, _name: str) -> Short:
        """Itself."""
        return self

    def download_as_bytes(self, **_: Any) -> bytes:
        """Nothing."""
        return b""


class Closed(Short):
    """The same, but nobody may look."""

    def get_blob(self, _name: str) -> Short:
        """A refusal."""
        raise Forbidden("no")


def test_an_object_that_comes_short_is_told_from_a_whole_one(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="expected 100 bytes, but got 0; repeat it to go on"):
        download("gs://cdr/a.csv", KEY, tmp_path / "a.csv", connect=lambda _key: Short())


def test_a_forbidden_bucket_says_which_right_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="Storage Object Viewer"):
        download("gs://cdr/a.csv", KEY, tmp_path / "a.csv", connect=lambda _key: Closed())


def test_an_absent_object_or_bucket_is_said(bucket: Bucket, tmp_path: Path) -> None:
    for url in ("gs://cdr/none.csv", "gs://elsewhere/none.csv"):
        with pytest.raises(SourceError, match="got none"):
            download(url, KEY, tmp_path / "a.csv", connect=bucket.connect)


@pytest.mark.parametrize("url", ["https://cdr/a.csv", "gs://", "gs://cdr", "gs:///a.csv", "a.csv"])
def test_a_url_that_is_not_of_the_storage_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="gs://bucket/object"):
        download(url, KEY, tmp_path / "a.csv")


@pytest.mark.parametrize("text", [None, "not json", json.dumps({"type": "service_account"})])
def test_a_missing_or_wrong_key_is_refused(text: str | None, tmp_path: Path) -> None:
    key = tmp_path / "GCP-Key.json"
    if text is not None:
        key.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match="the key file of a service account"):
        download("gs://cdr/a.csv", key, tmp_path / "a.csv")
