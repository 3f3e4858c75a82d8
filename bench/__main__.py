"""`python -m bench`: run the measurements that make the figures in docs/.

Each part runs in a process of its own, for a process holds one Spark session at most.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Iterable

from bench import results

ORDER = ("world", "loader", "relay", "ingest", "path", "aggregate", "day", "freshness", "growth",
         "scaling", "score", "train", "model", "monitor", "quality", "startup")  # fmt: skip
PARTS = [part for part in ORDER if importlib.util.find_spec(f"bench.parts.{part}")]


def main() -> int:
    """Run one part here, or all of them one after the other; exit code of the first that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("all", *PARTS), default="all")
    parser.add_argument("--size", choices=("small", "full"), default="full")
    options = parser.parse_args()
    if options.part == "all":
        command = [sys.executable, "-m", "bench", "--size", options.size, "--part"]
        return first_failure(
            subprocess.run([*command, part], check=False).returncode for part in PARTS
        )
    measured = importlib.import_module(f"bench.parts.{options.part}").run(options.size)
    for one in measured:
        print(f"{one.name}: {one.ours:,.4g} {one.unit}, {one.against}: {one.theirs:,.4g}, "
              f"ratio {one.ratio:.2f} (spread {one.spread:.2f})")  # fmt: skip
    if options.size == "full":
        if measured:
            results.write(options.part, measured)
        results.publish()
    return 0


def first_failure(codes: Iterable[int]) -> int:
    """The first exit code that is not 0, after all parts have run; 1 for a part that was killed."""
    first = next((code for code in list(codes) if code), 0)
    return 1 if first < 0 else first


if __name__ == "__main__":
    sys.exit(main())
