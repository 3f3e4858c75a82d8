"""Finding Java: what is refused, and what the refusal says."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdrlake.services.jars import find_java
from lakehouse.errors import ServiceError


def fake_java(home: Path, version: str) -> None:
    (home / "bin").mkdir()
    java = home / "bin" / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n", encoding="utf-8")
    java.chmod(0o755)


def test_no_java_says_which_versions_and_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ServiceError, match=r"Java 17 or 21 is needed, and none .*openjdk-17-jre-headless"
    ):
        find_java()


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_292", "25"])
def test_a_wrong_java_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    fake_java(tmp_path, version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ServiceError, match=rf"is version {version.split('.')[0]};"):
        find_java()


@pytest.mark.parametrize("version", ["17.0.15", "21.0.1"])
def test_accepted_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    fake_java(tmp_path, version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert find_java().major == int(version.split(".")[0])
