"""Champions swapped under load, some of them broken: no request fails, no version goes back."""

from __future__ import annotations

import threading
from pathlib import Path

from bench import serving_swaps

SWAPS, BROKEN, CLIENTS = 20, {5, 11}, 4


def test_swaps_under_load_lose_no_request_and_never_go_back(tmp_path: Path) -> None:
    never = threading.Event()
    found = serving_swaps.run(tmp_path, SWAPS, BROKEN, CLIENTS, lambda: bool(never.wait(0.02)))
    assert found.last == SWAPS + 1
    for client in found.clients:
        assert (client.failed, client.backwards) == (0, 0)
        assert client.first(found.last) is not None
    assert set(found.refused) <= {swap + 2 for swap in BROKEN}
