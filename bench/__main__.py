"""`python -m bench`: run the measurements that make the figures in docs/.

At full size each part runs in a process of its own, so that none finds a machine that another has
warmed. At the small size, which only shows that they run, all parts share one process, its servers
and its Spark session.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import traceback
from collections.abc import Iterable

from bench import results
from bench.measure import Measurement, Size, seconds
from bench.stand import Stand

ORDER = ("world", "loader", "relay", "ingest", "path", "aggregate", "day", "freshness", "growth",
         "scaling", "score", "train", "model", "monitor", "quality", "startup")  # fmt: skip


def main() -> int:
    """Run one part or all of them, one after the other; exit code of the first that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("all", *ORDER), default="all")
    parser.add_argument("--size", choices=("small", "full"), default="full")
    options = parser.parse_args()
    wanted = ORDER if options.part == "all" else (options.part,)
    if options.size == "full" and len(wanted) > 1:
        command = [sys.executable, "-m", "bench", "--size", options.size, "--part"]
        return first_failure(subprocess.run([*command, part], check=False).returncode
                             for part in wanted)  # fmt: skip
    with Stand() as stand:
        return first_failure(_run(part, options.size, stand) for part in wanted)


def first_failure(codes: Iterable[int]) -> int:
    """The first exit code that is not 0, after all parts have run; 1 for a part that was killed."""
    first = next((code for code in list(codes) if code), 0)
    return 1 if first < 0 else first


def _run(part: str, size: Size, stand: Stand) -> int:
    """Measure, print and, at full size, publish; 1 when that failed, for the others still run."""
    measured: list[Measurement] = []
    try:
        took = seconds(lambda: measured.extend(_measure(part, size, stand)))
    except Exception:
        traceback.print_exc()
        return 1
    for one in measured:
        print(f"{one.name}: {one.ours:,.4g} {one.unit}, {one.against}: {one.theirs:,.4g}, "
              f"ratio {one.ratio:.2f} (spread {one.spread:.2f})")  # fmt: skip
    print(f"{part} done in {took:.1f} s", flush=True)
    if size == "full":
        if measured:
            results.write(part, measured)
        results.publish()
    return 0


def _measure(part: str, size: Size, stand: Stand) -> list[Measurement]:
    found: list[Measurement] = importlib.import_module(f"bench.parts.{part}").run(size, stand)
    return found


if __name__ == "__main__":
    sys.exit(main())
