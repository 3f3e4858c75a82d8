"""What is in the repository but made from the code: `make generated` writes it.

Of a page only its end is made, from the first line of the generated text on; what stands above that
line is written by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from flaskapp.cdr.mappings import reference
from lakehouse import files, json_schemas
from lakehouse.domains import DOMAINS
from lakehouse.domains.cdr.features import features_table
from lakehouse.domains.cdr.settings import CdrSettings
from lakehouse.settings import ROOT

CONTRACTS = Path("conf") / "contracts"


def generated(root: Path = ROOT) -> dict[Path, str]:
    """Path below `root` and whole text of each file, as it has to be."""
    contracts = json_schemas.files(feed.message for domain in DOMAINS for feed in domain.feeds)
    pages = {
        Path("docs") / "features.md": features_table(CdrSettings().feature_windows),
        Path("docs") / "mappings.md": f"{reference.keys()}\n",
    }
    return {CONTRACTS / name: text for name, text in contracts.items()} | {
        path: _with_end((root / path).read_text(encoding="utf-8"), end)
        for path, end in pages.items()
    }


def orphans(root: Path = ROOT) -> Iterator[Path]:
    """Published contracts, below `root`, of topics that no domain has."""
    wanted = generated(root)
    found = (path.relative_to(root) for path in sorted((root / CONTRACTS).glob("*.json")))
    return (path for path in found if path not in wanted)


def write(root: Path = ROOT) -> list[Path]:
    """Write every file that is not as it has to be, and delete the orphans; what was changed."""
    gone = list(orphans(root))
    for path in gone:
        (root / path).unlink()
    changed = []
    for path, text in generated(root).items():
        place = root / path
        if not place.exists() or place.read_text(encoding="utf-8") != text:
            files.replace(place, text.encode())
            changed.append(path)
    return changed + gone


def _with_end(page: str, end: str) -> str:
    """The page with everything from the first line of `end` on replaced by `end`.

    >>> _with_end("by hand\\n| a |\\n| 1 |\\n", "| a |\\n| 2 |\\n")
    'by hand\\n| a |\\n| 2 |\\n'
    """
    first = end.splitlines(keepends=True)[0]
    by_hand, found, _ = page.partition(f"\n{first}")
    if not found:
        raise ValueError(f"the page has no line {first.strip()!r}, at which its made part begins")
    return f"{by_hand}\n{end}"


if __name__ == "__main__":
    lines = [f"changed: {path}" for path in write()] or ["nothing has changed"]
    sys.stdout.write("\n".join(lines) + "\n")
