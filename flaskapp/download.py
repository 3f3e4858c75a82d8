"""Fetches the source file from Google Cloud Storage: resumable, verified, unpacked."""

from __future__ import annotations

import base64
import gzip
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import google_crc32c
from google.api_core.exceptions import Forbidden, GoogleAPICallError, NotFound, Unauthorized
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.oauth2 import service_account

from lakehouse.errors import SourceError

CHUNK_BYTES = 8 << 20
SCHEME = "gs://"

Connect = Callable[[Path], Any]
Progress = Callable[[float, float], None]


def _silent(_done: float, _total: float) -> None:
    """Ignores progress."""


def connect(key: Path) -> Any:
    """A storage client of the service account in the key file `key`.

    Raises `SourceError` when there is no such file or it is no key.
    """
    if not key.is_file():
        raise SourceError(str(key), "the key file of a service account", "none", "check --key")
    try:
        account = service_account.Credentials.from_service_account_file(str(key))
    except (ValueError, GoogleAuthError):
        raise SourceError(
            str(key), "the key file of a service account", "something else", "fetch the key anew"
        ) from None
    return storage.Client(project=account.project_id, credentials=account)


def download(
    url: str, key: Path, target: Path, progress: Progress = _silent, connect: Connect = connect
) -> Path:
    """Fetch `gs://bucket/object` to `target`, unpacked if the object's name ends in `.gz`.

    An interrupted download resumes where it stopped, as long as the object is the same. `progress`
    is told the bytes done and the total. Raises `SourceError` for a URL that is not gs://, a
    missing key, a bucket that is forbidden or absent, and an object that comes short.
    """
    bucket, name = split(url)
    try:
        blob = connect(key).bucket(bucket).get_blob(name)
        if blob is None:
            raise SourceError(url, "an object", "none", "check the URL")
        partial = target.with_name(f"{target.name}.{blob.generation}.part")
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(blob, partial, progress)
    except (Forbidden, Unauthorized):
        raise SourceError(
            url, "the right to read it", "a refusal", "grant the account Storage Object Viewer"
        ) from None
    except NotFound:
        raise SourceError(url, "a bucket", f"none called {bucket}", "check the URL") from None
    except (GoogleAPICallError, GoogleAuthError, OSError) as error:
        raise SourceError(url, "a whole download", str(error), "repeat it to go on") from None
    _verify(url, blob, partial)
    _place(url, partial, target, unpack=name.endswith(".gz"))
    return target


def split(url: str) -> tuple[str, str]:
    """Bucket and object of a URL.

    >>> split("gs://bucket/folder/RawData.csv.gz")
    ('bucket', 'folder/RawData.csv.gz')
    """
    bucket, _, name = url.removeprefix(SCHEME).partition("/")
    if not url.startswith(SCHEME) or not bucket or not name:
        raise SourceError("the URL", "gs://bucket/object", repr(url), "correct it")
    return bucket, name


def _fetch(blob: Any, partial: Path, progress: Progress) -> None:
    done = partial.stat().st_size if partial.exists() else 0
    with partial.open("ab") as file:
        while done < blob.size:
            last = min(done + CHUNK_BYTES, blob.size) - 1
            chunk = blob.download_as_bytes(
                start=done,
                end=last,
                raw_download=True,
                checksum=None,
                if_generation_match=blob.generation,
            )
            if not chunk:
                return
            file.write(chunk)
            done += len(chunk)
            progress(done, blob.size)


def _verify(url: str, blob: Any, partial: Path) -> None:
    size = partial.stat().st_size
    if size < blob.size:
        raise SourceError(url, f"{blob.size} bytes", str(size), "repeat it to go on")
    digest = google_crc32c.Checksum()
    with partial.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    found = base64.b64encode(digest.digest()).decode()
    if found != blob.crc32c:
        partial.unlink()
        raise SourceError(url, f"the checksum {blob.crc32c}", found, "download it again")


def _place(url: str, partial: Path, target: Path, unpack: bool) -> None:
    if unpack:
        unpacked = target.with_name(f"{target.name}.unpacked")
        try:
            with gzip.open(partial) as packed, unpacked.open("wb") as file:
                shutil.copyfileobj(packed, file, CHUNK_BYTES)
        except (OSError, EOFError, zlib.error) as error:
            unpacked.unlink(missing_ok=True)
            partial.unlink()
            raise SourceError(url, "a whole gzip file", str(error), "upload it anew") from None
        partial.unlink()
        partial = unpacked
    partial.replace(target)
