"""Commands on the source database: `cdrlake db ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from cdrlake.console import CONSOLE, Steps
from flaskapp import database, loader
from lakehouse.settings import Settings, load

db = typer.Typer(no_args_is_help=True, help="The source database.")

Files = Annotated[list[Path] | None, typer.Argument(help="Files; none: the configured source.")]
Mapping = Annotated[str, typer.Option(help="How the columns are read: conf/mappings.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would happen; load nothing.")]


@db.command("init")
def init() -> None:
    """Create database, account, tables and procedure; safe to repeat."""
    settings = load()
    applied = database.initialise(settings)
    CONSOLE.print(f"{settings.mysql.database} is ready; applied: {', '.join(applied) or 'nothing'}")


@db.command("load")
def load_rows(files: Files = None, mapping: Mapping = "rawdata", dry_run: DryRun = False) -> None:
    """Load history from files or from the configured source; resumes where it stopped."""
    settings = load()
    if dry_run:
        _preview(settings, tuple(files or settings.source.files), mapping)
        return
    with Steps() as steps, steps.step("Load") as step:
        if files:
            loaded = loader.load_file(settings, tuple(files), mapping, step.move)
        else:
            loaded = loader.load_history(settings, step.move)
    CONSOLE.print(loaded.message)


def _preview(settings: Settings, files: tuple[Path, ...], mapping: str) -> None:
    found = loader.preview_file(settings, files, mapping)
    with pl.Config(tbl_cols=-1, tbl_rows=20, tbl_hide_dataframe_shape=True):
        CONSOLE.print(f"{found.rows:,} rows would be loaded; the first:")
        CONSOLE.print(str(found.first), markup=False)
        CONSOLE.print(f"{found.rejects.height:,} would be rejected; the first:")
        CONSOLE.print(str(found.rejects.head(20)), markup=False)


@db.command("download")
def fetch(
    url: Annotated[str, typer.Argument(help="gs://bucket/object")],
    key: Annotated[Path, typer.Option(help="Service account's key file.")],
    to: Annotated[Path, typer.Option(help="Where the file goes, unpacked.")],
) -> None:
    """Fetch the source file from object storage; goes on where it stopped."""
    from flaskapp import download  # its client library is large, and no other command needs it

    with Steps() as steps, steps.step(f"Download {url}") as step:
        target = download.download(url, key, to, step.move)
    CONSOLE.print(f"{target}", soft_wrap=True)
