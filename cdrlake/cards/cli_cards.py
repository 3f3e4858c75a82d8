"""Commands of card transactions."""

from __future__ import annotations

from typing import Annotated

import typer

from cdrlake.cards import validated as export
from cdrlake.console import CONSOLE
from flaskapp.cards import stations
from lakehouse.domains.settings import load

app = typer.Typer(no_args_is_help=True)
To = Annotated[
    str | None,
    typer.Option("--to", help="A folder, gs:// or s3://; by default, cards.validated_dir."),
]


@app.command()
def validated(to: To = None) -> None:
    """Save what investigators found as training rows: validated.csv, is_fraud 0 or 1."""
    rows, place = export.save(load(), to)
    CONSOLE.print(f"{rows:,} rows in {place}", soft_wrap=True)


@app.command()
def drift() -> None:
    """Compare recent transactions with those that the model was tested on; report a drift."""
    from cdrlake.cards import drift as reported
    from lakehouse.clock import SystemClock

    found, path = reported.report(load(), SystemClock().now())
    CONSOLE.print(found.sentence or "No drift.")
    if path is not None:
        CONSOLE.print(f"{len(found.drifted)} of {len(found.features)} features: {path}",
                      soft_wrap=True)  # fmt: skip


@app.command()
def quality() -> None:
    """Estimate recall and precision from what investigators found."""
    for name, found in export.quality(load()).items():
        CONSOLE.print(f"{name}: {found.value:.3f} (standard error {found.error:.3f})")


@app.command()
def lag() -> None:
    """Show how many messages each stage has still to read."""
    for stage, left in stations.lags(load()).items():
        CONSOLE.print(f"{stage}: {left:,} messages")
