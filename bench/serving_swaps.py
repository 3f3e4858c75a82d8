"""Champions swapped under load: `make swaps`, 200 of them in a minute, ten of them broken.

Clients ask without pause. No request may fail, no client may see an older version after a newer
one, and after the last swap every client must see it within a second.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import httpx

from lakehouse.models.manifest import FOREST
from lakehouse.models.model_kinds import model_kind
from tests.rest.samples import records
from tests.rest.service import NAME, Running, running


@dataclass
class Client:
    """What one client saw: status, version and moment of each answer."""

    seen: list[tuple[int, int, float]] = field(default_factory=list)

    def ask(self, port: int, stop: threading.Event) -> None:
        """Ask until `stop` is set."""
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            while not stop.is_set():
                answer = client.post(f"/models/{NAME}/predict", json=records(1)[0])
                version = answer.json().get("version", 0)
                self.seen.append((answer.status_code, version, time.perf_counter()))

    @property
    def failed(self) -> int:
        """Answers other than 200."""
        return sum(status != 200 for status, _, _ in self.seen)

    @property
    def backwards(self) -> int:
        """Answers of an older version than the one before."""
        versions = [version for _, version, _ in self.seen]
        return sum(after < before for before, after in pairwise(versions))

    def first(self, version: int) -> float | None:
        """When this version was first seen."""
        return next((at for _, one, at in self.seen if one == version), None)


@dataclass(frozen=True)
class Result:
    """How it went; `latest_s` is when the last client saw the last version, after its promotion."""

    clients: list[Client]
    last: int
    latest_s: float
    refused: dict[int, str]


def run(
    folder: Path, swaps: int, broken: set[int], clients: int, pace: Callable[[], object]
) -> Result:
    """Swap so many times, the swaps in `broken` to a model that is half a file.

    `pace` is called after each swap.
    """
    stop, asking = threading.Event(), [Client() for _ in range(clients)]
    with running(folder) as service:
        threads = [threading.Thread(target=one.ask, args=(service.port, stop)) for one in asking]
        for thread in threads:
            thread.start()
        last, promoted = 1, time.perf_counter()
        for swap in range(swaps):
            number = _register(service, swap, swap in broken)
            promoted = time.perf_counter()
            service.registry.promote(number, "a swap")
            service.models.hint()
            last = last if swap in broken else number
            pace()
        while not all(one.first(last) for one in asking):
            stop.wait(0.01)
        stop.set()
        for thread in threads:
            thread.join()
        latest = max(one.first(last) or 0.0 for one in asking) - promoted
        return Result(asking, last, latest, service.models.refused(NAME))


def _register(service: Running, swap: int, is_broken: bool) -> int:
    number = service.register(seed=swap + 1)
    if is_broken:
        (service.store.folder(number) / model_kind(FOREST).file).write_bytes(b"half a f")
    return number


def main() -> int:
    """Run from the command line; returns 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--swaps", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    never, began, done = threading.Event(), time.perf_counter(), [0]

    def pace() -> None:
        done[0] += 1
        ahead = given.seconds * done[0] / given.swaps - (time.perf_counter() - began)
        never.wait(max(ahead, 0))

    broken = set(range(7, given.swaps - 1, max(given.swaps // 10, 1)))
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), given.swaps, broken, 4, pace)
    failed = sum(one.failed for one in found.clients)
    backwards = sum(one.backwards for one in found.clients)
    asked = sum(len(one.seen) for one in found.clients)
    print(
        f"{given.swaps} swaps ({len(broken)} broken, {len(found.refused)} refused) in "
        f"{time.perf_counter() - began:.0f} s, {asked:,} requests: {failed} failed, "
        f"{backwards} versions backwards; every client on version {found.last} after "
        f"{found.latest_s:.2f} s"
    )
    return int(bool(failed or backwards or found.latest_s > 1))


if __name__ == "__main__":
    sys.exit(main())
