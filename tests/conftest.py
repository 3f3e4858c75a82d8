"""For all tests under this folder."""

from __future__ import annotations

import os

import pytest

from lakehouse.children import end_with_parent

# A JVM of a test runs most of its code a few times only: compiled quickly, not well, it takes a
# sixth less of the processors.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")


def pytest_configure(config: pytest.Config) -> None:
    """A process that runs tests for another one ends with it, however that one ends."""
    if hasattr(config, "workerinput"):
        end_with_parent()
