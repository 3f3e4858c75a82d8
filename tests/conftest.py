"""For all tests under this folder."""

from __future__ import annotations

import pytest

from lakehouse.children import end_with_parent


def pytest_configure(config: pytest.Config) -> None:
    """A process that runs tests for another one ends with it, however that one ends."""
    if hasattr(config, "workerinput"):
        end_with_parent()
