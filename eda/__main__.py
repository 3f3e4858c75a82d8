"""`python -m eda --config query_params.json`: the analysis as a program of its own."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from eda.run import run
from lakehouse import logs
from lakehouse.domains.settings import load
from lakehouse.errors import CdrlakeError

LOG = logging.getLogger("eda")


def main(argv: list[str] | None = None) -> int:
    """Analyse the days that the configuration names; 0 when the report is written."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--config", type=Path, required=True, help="query_params.json")
    options = parser.parse_args(argv)
    logs.configure()
    try:
        result = run(options.config, load())
    except CdrlakeError as error:
        LOG.error("%s", error)
        return 1
    LOG.info("report: %s", result.report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
