"""`python -m bench`: run the measurements that make the figures in docs/."""

from __future__ import annotations

import argparse
import runpy
import sys

PARTS = {"monitor": "bench.monitor_quality"}


def main() -> int:
    """Run one part, or all of them one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("all", *PARTS), default="all")
    parser.add_argument("--size", choices=("small", "full"), default="full")
    options = parser.parse_args()
    chosen = PARTS if options.part == "all" else [options.part]
    for part in chosen:
        sys.argv = [part, "--size", options.size]
        runpy.run_module(PARTS[part], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
