"""A mapping of a file of calls, for tests that change a part of it."""

from __future__ import annotations

LOCAL = {"columns": ["start"], "formats": ["%Y-%m-%d %H:%M:%S"]}
CALLS = {
    "kind": "calls",
    "delimiter": ";",
    "time": LOCAL,
    "from": {"column": "a"},
    "to": {"column": "b"},
    "duration": {"column": "seconds"},
}
