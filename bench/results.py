"""The results kept as JSON, one file a part, and docs/benchmarks.md made from all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import msgspec

from bench import scaling_page, soak_page
from bench.measure import Measurement
from lakehouse.settings import ROOT

RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
PLOT = ROOT / "docs" / "images" / "benchmarks.png"
TOP = """# Benchmarks

Made by `make bench`; one part anew by `make bench PART=score`. Ours and the other way run in turns
on the same data in one process tree; the figures are medians, the ratio is above 1 where ours is
better, and the spread is the distance between the quartiles of the ratios. Every line says on what
machine and with how many rounds it was made. `make bench SIZE=small` shows in two minutes that all
parts run; its figures mean nothing.
"""


def write(part: str, measurements: Sequence[Measurement], folder: Path = RESULTS) -> None:
    """Keep the measurements of a part in place of its earlier ones."""
    folder.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(list(measurements)))
    (folder / f"{part}.json").write_bytes(text + b"\n")


def read(folder: Path = RESULTS) -> dict[str, list[Measurement]]:
    """All kept measurements by part."""
    return {
        path.stem: msgspec.json.decode(path.read_bytes(), type=list[Measurement])
        for path in sorted(folder.glob("*.json"))
    }


def publish() -> None:
    """Write the page and its plot from what is kept."""
    parts = read()
    PAGE.write_text(page(parts), encoding="utf-8")
    _plot([one for found in parts.values() for one in found])


def page(parts: dict[str, list[Measurement]]) -> str:
    """All measurements as Markdown."""
    sections = [_section(part, found) for part, found in parts.items() if found]
    plot = "![ratio of each measurement](images/benchmarks.png)\n"
    rest = [scaling_page.section(), soak_page.section()]
    return "\n".join([TOP, plot, *sections, *rest]).rstrip() + "\n"


def _section(part: str, found: list[Measurement]) -> str:
    rows = "\n".join(
        f"| `{one.name}` | {_number(one.ours)} {one.unit} | {one.against} "
        f"| {_number(one.theirs)} | {one.ratio:.2f} | {one.spread:.2f} | {one.rounds} "
        f"| {one.size} |"
        for one in found
    )
    notes = "".join(f"\n- `{one.name}`: {one.note}" for one in found if one.note)
    machines = "; ".join(sorted({one.machine for one in found}))
    return f"""## {part}

| figure | ours | against | theirs | ratio | spread | rounds | data |
| --- | --- | --- | --- | --- | --- | --- | --- |
{rows}
{notes}

Machine: {machines}.
"""


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _plot(found: list[Measurement]) -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    sns.set_theme(style="whitegrid")
    labels = [f"{one.name}\nagainst {one.against}" for one in found]
    figure, axes = plt.subplots(figsize=(9, 0.55 * len(found) + 1.2))
    colours = ["#0072b2" if one.ratio >= 1 else "#d55e00" for one in found]
    axes.barh(labels, [one.ratio for one in found], color=colours)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_xlabel("ratio (right of 1: ours is better)")
    axes.tick_params(axis="y", labelsize=8)
    axes.invert_yaxis()
    figure.tight_layout()
    figure.savefig(PLOT, dpi=120)
    plt.close(figure)
