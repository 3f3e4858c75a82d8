"""`python -m bench.soak`: a day's traffic in minutes, and what memory each process holds meanwhile.

Five million live events, in many small batches, through an installation as `make up` starts it;
then every count of the ledger must agree. The figures go to docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench import results, soak_page
from bench.faults.plant import PROCESSES, Plant
from bench.soak_page import Sample
from bench.usage import MIB
from lakehouse.progress import read_pipeline

WORLD = {"WORLD__SUBSCRIBERS": "10000"}
EVENTS, BATCH = 5_000_000, 10_000
EVERY_S, READY_S, STREAM_S = 5.0, 600.0, 7_200.0


def main() -> int:
    """Run it; 0 when nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    options = parser.parse_args()
    scratch = tempfile.TemporaryDirectory(prefix="cdrlake-soak-")
    with scratch as folder, Plant(Path(folder), WORLD) as plant:
        samples = _run(plant, options.events)
    for line in soak_page.table(samples).splitlines():
        print(line)
    if options.events >= EVENTS:
        soak_page.keep(samples, options.events)
        results.publish()
    return 0


def _run(plant: Plant, events: int) -> list[Sample]:
    """Samples of all processes from the beginning of the service until all counts agree."""
    plant.until(lambda: _serves(plant), "the service", READY_S)
    began = plant.clock.monotonic()
    samples = [_sample(plant, 0.0)]

    def sampled(ended: bool) -> bool:
        now = plant.clock.monotonic() - began
        if now - samples[-1].at_s >= EVERY_S:
            samples.append(_sample(plant, now))
        return ended

    body = {"mode": "live", "batch_size": BATCH, "num_batches": events // BATCH, "interval": 1}
    plant.stream(**body)
    plant.until(lambda: sampled(not plant.streaming()), "the stream to end", STREAM_S)
    print(f"all sent after {plant.clock.monotonic() - began:,.0f} s", flush=True)
    plant.settled()
    samples.append(_sample(plant, plant.clock.monotonic() - began))
    return samples


def _serves(plant: Plant) -> bool:
    found = read_pipeline(plant.settings.state)
    return found is not None and found.phase == "service"


def _sample(plant: Plant, at_s: float) -> Sample:
    memory, cpu = {}, {}
    for name in PROCESSES:
        parts = plant.tree(name)
        memory[name] = sum(part.memory_info().rss for part in parts) / MIB
        times = [part.cpu_times() for part in parts]
        cpu[name] = sum(one.user + one.system for one in times)
    return Sample(at_s, memory, cpu)


if __name__ == "__main__":
    sys.exit(main())
