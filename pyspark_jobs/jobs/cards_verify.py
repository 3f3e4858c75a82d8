"""Compare the door's decisions with the lake: `spark-submit ... cards_verify.py`."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from lakehouse.domains.cards.domain import FRAUD
from lakehouse.domains.settings import load
from lakehouse.errors import StorageError
from lakehouse.registry import open_registry
from pyspark_jobs.cards.parity import compare
from pyspark_jobs.engine import runtime

LOG = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Compare all decisions; 0 when every one was computed again to the bit."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--days", type=int, help="has no effect: all decisions are compared")
    parser.add_argument("--all", action="store_true", help="the same")
    parser.parse_args(argv)
    with runtime.job("cards_verify", load) as job:
        found = compare(job.spark, job.settings, open_registry(job.settings, FRAUD))
        LOG.info(
            "%d decisions compared, %d transactions undecided", found.compared, found.undecided
        )
        if not found.holds:
            raise StorageError(
                "decisions", "those that follow from the lake, to the bit",
                f"{found.other_features} with other features and {found.other_scores} with other "
                f"scores, such as {', '.join(found.samples)}",
                "see whether the topic still has everything since the door's last snapshot",
            )  # fmt: skip
    return job.exit_code


if __name__ == "__main__":
    sys.exit(main())
