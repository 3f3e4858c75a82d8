"""`python -m bench`: run the measurements that make the figures in docs/.

At full size each part has a process to itself, one after the other, so that none finds a machine
that another has warmed. The small size only shows that the parts run: two processes share them,
side by side, each with its servers and its Spark session. It leaves out those that take longest to
begin; they run where they are named.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from bench import results
from bench.lanes import LANES, PARTS
from bench.measure import Measurement, Size, seconds
from bench.stand import Stand
from lakehouse.children import die_with_parent

# Code that runs once is compiled quickly rather than well.
QUICK = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"}


def main() -> int:
    """Run the parts that are asked for; exit code of the first process that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", default="all", help="all, or names with commas between them")
    parser.add_argument("--size", choices=("small", "full"), default="full")
    options = parser.parse_args()
    if options.size == "small":
        os.environ.update(QUICK)
    if options.part == "all" and options.size == "small":
        return _in_processes(LANES, "small", at_once=len(LANES))
    wanted = PARTS if options.part == "all" else tuple(options.part.split(","))
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if options.size == "full" and len(wanted) > 1:
        return _in_processes([(part,) for part in wanted], "full", at_once=1)
    with Stand() as stand:
        return first_failure([_run(part, options.size, stand) for part in wanted])


def first_failure(codes: Iterable[int]) -> int:
    """The first exit code that is not 0; 1 for a process that was killed."""
    first = next((code for code in codes if code), 0)
    return 1 if first < 0 else first


def _in_processes(groups: Sequence[Sequence[str]], size: Size, at_once: int) -> int:
    def run(parts: Sequence[str]) -> int:
        command = [sys.executable, "-m", "bench", "--size", size, "--part", ",".join(parts)]
        return subprocess.run(command, check=False, preexec_fn=die_with_parent()).returncode

    with ThreadPoolExecutor(at_once) as threads:
        return first_failure(list(threads.map(run, groups)))


def _run(part: str, size: Size, stand: Stand) -> int:
    """Measure, print and, at full size, publish; 1 when that failed, for the others still run."""
    measured: list[Measurement] = []
    print(f"{part} begins", flush=True)
    try:
        took = seconds(lambda: measured.extend(_shown(_measure(part, size, stand))))
    except Exception:
        traceback.print_exc()
        return 1
    print(f"{part} done in {took:.1f} s", flush=True)
    if size == "full":
        if measured:
            results.write(part, measured)
        results.publish()
    return 0


def _shown(found: Iterable[Measurement]) -> Iterator[Measurement]:
    """The same, each printed as soon as it is there: a part may take half an hour."""
    for one in found:
        print(f"{one.name}: {one.ours:,.4g} {one.unit}, {one.against}: {one.theirs:,.4g}, "
              f"ratio {one.ratio:.2f} (spread {one.spread:.2f})", flush=True)  # fmt: skip
        yield one


def _measure(part: str, size: Size, stand: Stand) -> Iterable[Measurement]:
    found: Iterable[Measurement] = importlib.import_module(f"bench.parts.{part}").run(size, stand)
    return found


if __name__ == "__main__":
    sys.exit(main())
