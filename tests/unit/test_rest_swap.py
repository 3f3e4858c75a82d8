"""Champions swapped under load, some of them broken: no request fails, no version goes back."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx

from lakehouse.models.manifest import FOREST
from lakehouse.models.model_kinds import model_kind
from tests.rest.samples import records
from tests.rest.service import NAME, Running, running

SWAPS, BROKEN, CLIENTS = 20, (5, 11), 4


def ask(service: Running, stop: threading.Event, seen: list[tuple[int, int]]) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{service.port}") as client:
        while not stop.is_set():
            response = client.post(f"/models/{NAME}/predict", json=records(1)[0])
            found = response.json().get("version", 0)
            seen.append((response.status_code, found))


def test_swaps_under_load_lose_no_request_and_never_go_back(tmp_path: Path) -> None:
    stop, seen = threading.Event(), [list[tuple[int, int]]() for _ in range(CLIENTS)]
    with running(tmp_path) as service:
        clients = [threading.Thread(target=ask, args=(service, stop, one)) for one in seen]
        for client in clients:
            client.start()
        for swap in range(SWAPS):
            number = service.register(seed=swap + 1)
            if swap in BROKEN:
                (service.store.folder(number) / model_kind(FOREST).file).write_bytes(b"half a f")
            service.registry.promote(number, "a swap")
            service.models.hint()
            wanted = number - 1 if swap in BROKEN else number
            while service.models.served(NAME).champion.version < wanted:
                stop.wait(0.005)
        marks = [len(one) for one in seen]
        while any(len(one) < mark + 2 for one, mark in zip(seen, marks, strict=True)):
            stop.wait(0.005)
        stop.set()
        for client in clients:
            client.join()
        refused = service.models.refused(NAME)
    for one in seen:
        versions = [version for _, version in one]
        assert {status for status, _ in one} == {200}
        assert versions == sorted(versions) and versions[-1] == SWAPS + 1
    assert set(refused) == {swap + 2 for swap in BROKEN}
