"""`python -m bench`: run the measurements that make the figures in docs/.

Each part runs in a process of its own, for a process holds one Spark session at most.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys

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
        return max(subprocess.run([*command, part], check=False).returncode for part in PARTS)
    measured = importlib.import_module(f"bench.parts.{options.part}").run(options.size)
    for one in measured:
        print(f"{one.name}: {one.ours:,.4g} {one.unit}, {one.against}: {one.theirs:,.4g}, "
              f"ratio {one.ratio:.2f} (spread {one.spread:.2f})")  # fmt: skip
    if options.size == "full":
        if measured:
            results.write(options.part, measured)
        results.publish()
    return 0


if __name__ == "__main__":
    sys.exit(main())
