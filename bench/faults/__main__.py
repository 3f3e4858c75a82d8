"""`python -m bench.faults`: hurt an installation at every fault point and count what it lost.

All points together make docs/reliability.md; `--only kill` runs those whose name matches, and with
`--publish` they take the place of their rows there.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

from bench.faults import page
from bench.faults.plant import WORLD, Plant
from bench.faults.points import POINTS, Point, Scene
from bench.faults.truth import Truth
from lakehouse.errors import CdrlakeError


def main() -> int:
    """Run the points; 0 when every promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args()
    points = [point for point in POINTS if re.search(options.only, point.name)]
    with tempfile.TemporaryDirectory(prefix="cdrlake-faults-") as folder:
        rows = list(run(Path(folder), points, options))
    if options.publish or len(points) == len(POINTS):
        page.publish(rows, options.seed, [point.name for point in POINTS])
    return 0 if all(row.held for row in rows) else 1


def run(folder: Path, points: list[Point], options: argparse.Namespace) -> Iterator[page.Row]:
    """Each point with what came of it."""
    with Plant(folder, WORLD, linked=True) as plant:
        scene = Scene(plant, Random(options.seed), Truth(plant.world()))
        before = scene.truth.verdict(plant.settings, plant.last_day()).events
        for point in points:
            times = max(point.times, round(point.share * options.kills))
            row = _one(scene, point, times, before)
            print(row.line(), flush=True)
            before += row.events
            yield row


def _one(scene: Scene, point: Point, times: int, before: int) -> page.Row:
    plant, said = scene.plant, ""
    healed = plant.clock.monotonic()
    try:
        for _ in range(times):
            plant.until_streaming()
            point.hurt(scene)
        healed = plant.clock.monotonic()
        plant.settled()
    except (AssertionError, CdrlakeError) as error:
        # The next points still run: one broken promise is not to hide another.
        said = str(error)
    took = plant.clock.monotonic() - healed
    found = scene.truth.verdict(plant.settings, plant.last_day())
    return page.Row(point.name, point.promise, times, found.events - before, found.lost,
                    found.doubled, found.wrong_cells, round(took, 1), said)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
