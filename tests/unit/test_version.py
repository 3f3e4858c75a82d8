"""One version, told by the build and by services that are installed nowhere."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path

import pytest
from flask import Flask

from lakehouse.http import openapi
from lakehouse.settings.model import ApiSettings
from lakehouse.version import VERSION

ROOT = Path(__file__).resolve().parents[2]


def test_services_tell_it_where_the_project_is_only_on_the_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def not_installed(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", not_installed)
    document = openapi.document(Flask(__name__), "a service", ApiSettings())
    assert document["info"]["version"] == VERSION


def test_the_build_reads_the_same() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"] == {"path": "lakehouse/version.py"}
    assert importlib.metadata.version("cdrlake") == VERSION
