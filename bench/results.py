"""The results kept as JSON, one file a part, and docs/benchmarks.md made from all of them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import msgspec

from bench import scaling_page, soak_page
from bench.lanes import ON_DEMAND
from bench.measure import Measurement
from lakehouse.settings import ROOT

RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
PLOT = ROOT / "docs" / "images" / "benchmarks.png"
NAMED = ", ".join(f"`{part}`" for part in ON_DEMAND[:-1]) + f" and `{ON_DEMAND[-1]}`"
TOP = f"""# Benchmarks

Made by `make bench`; one part anew by `make bench PART=score`. Ours and the other way run in turns
on the same data in one process tree; the figures are medians, the ratio is above 1 where ours is
better, and the spread is the distance between the quartiles of the ratios. Every line says on what
machine and with how many rounds it was made. `make bench SIZE=small` shows within two minutes
that the parts run ({NAMED} only where they are named);
its figures mean nothing.
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
    figure, axes = plt.subplots(figsize=(9, 0.42 * len(found) + 1.2))
    axes.set_xscale("log")
    places = range(len(found))
    colours = ["#0072b2" if one.ratio >= 1 else "#d55e00" for one in found]
    # A bar begins at 1, so that its length says how much better or worse.
    axes.barh(places, [one.ratio - 1 for one in found], left=1, color=colours)
    for place, one in zip(places, found, strict=True):
        better = one.ratio >= 1
        axes.annotate(_number(one.ratio), (one.ratio, place), (4 if better else -4, 0),
                      textcoords="offset points", va="center", ha="left" if better else "right",
                      fontsize=8)  # fmt: skip
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(places, [_label(one) for one in found], fontsize=8)
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.set_xlim(min(one.ratio for one in found) / 3, max(one.ratio for one in found) * 3)
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("ratio (right of 1: ours is better)")
    figure.tight_layout()
    figure.savefig(PLOT, dpi=120)
    plt.close(figure)


def _label(one: Measurement) -> str:
    other = one.size if one.against == "the bar" else f"against {one.against}"
    return f"{one.name}\n{textwrap.shorten(other, 60, placeholder=' ...')}"
