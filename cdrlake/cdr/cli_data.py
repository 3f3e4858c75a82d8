"""Commands on the source database: `cdrlake db ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import polars as pl
import typer
from rich.table import Table
from rich.text import Text

from cdrlake import db_shell
from cdrlake.console import CONSOLE, Steps
from flaskapp import database
from flaskapp.cdr import loader
from lakehouse import display
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import SourceError

db = typer.Typer(no_args_is_help=True, help="The source database.")

REJECTS_SHOWN = 20
Files = Annotated[
    list[Path] | None, typer.Argument(help="Files; by default, the configured source.")
]
Mapping = Annotated[str, typer.Option(help="A mapping in conf/mappings: how to read the columns.")]
AllowRepeats = Annotated[
    bool, typer.Option("--allow-repeats", help="Load rows again even if they are already there.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be loaded, and load nothing.")
]


@db.command("init")
def init() -> None:
    """Create database, account, tables and procedure; safe to repeat."""
    settings = load()
    applied = database.initialise(settings)
    CONSOLE.print(f"{settings.mysql.database} is ready; applied: {', '.join(applied) or 'nothing'}")


@db.command("load")
def load_rows(
    files: Files = None,
    mapping: Mapping = "rawdata",
    dry_run: DryRun = False,
    allow_repeats: AllowRepeats = False,
) -> None:
    """Load history from files or from the configured source; resumes where it stopped.

    A dry run ends with exit code 1 when there is nothing to load.
    """
    settings = load()
    if dry_run:
        _preview(settings, tuple(files or settings.source.files), mapping)
        return
    with Steps() as steps, steps.step("Load") as step:
        if files:
            loaded = loader.load_file(
                settings, tuple(files), mapping, step.move, allow_repeats=allow_repeats
            )
        else:
            loaded = loader.load_history(settings, step.move)
    CONSOLE.print(loaded.message)
    if loaded.rejected:
        CONSOLE.print(f"Rejected lines: {loaded.rejected:,}, see {loaded.rejects}", soft_wrap=True)


def _preview(settings: Settings, files: tuple[Path, ...], mapping: str) -> None:
    if not files:
        raise SourceError.sentence(
            "A dry run needs files, and neither the command nor the setting source.files names one."
        )
    found = loader.preview_file(settings, files, mapping)
    CONSOLE.print(f"{found.rows:,} rows would be loaded; the first:")
    moment = pl.col("DP_DATE").dt.strftime("%Y-%m-%d %H:%M:%S")
    CONSOLE.print(_table(found.first.with_columns(moment)))
    CONSOLE.print(f"Lines that would be rejected: {found.rejects.height:,}")
    if found.rejects.height:
        CONSOLE.print(_table(found.rejects.head(REJECTS_SHOWN)))
    if not found.rows:
        raise SourceError.sentence(
            f"Nothing would be loaded from {', '.join(map(str, files))}: "
            f"{found.rejects.reason or 'there is no line in it'}."
        )


def _table(rows: pl.DataFrame) -> Table:
    """Rows as columns of text that fit a terminal: DP_MOC_COUNT is MOC above COUNT."""
    table = Table(box=None, padding=(0, 1, 0, 0))
    for name, kind in rows.schema.items():
        heading = name.removeprefix("DP_").replace("_", "\n")
        side: Literal["left", "right"] = "right" if kind.is_numeric() else "left"
        table.add_column(heading, justify=side, overflow="fold")
    for row in rows.rows():
        shown = ("" if value is None else display.printable(f"{value}") for value in row)
        table.add_row(*map(Text, shown))
    return table


@db.command("download")
def fetch(
    url: Annotated[str, typer.Argument(help="gs://bucket/object")],
    key: Annotated[Path, typer.Option(help="Service account's key file.")],
    to: Annotated[Path, typer.Option(help="Where to put the unpacked file.")],
) -> None:
    """Fetch the source file from object storage; goes on where it stopped."""
    from flaskapp import download  # its client library is large, and no other command needs it

    with Steps() as steps, steps.step(f"Download {url}") as step:
        target = download.download(url, key, to, step.move)
    CONSOLE.print(f"{target}", soft_wrap=True)


@db.command("shell", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def shell(context: typer.Context) -> None:
    """An SQL prompt on the database; options go to the client, such as -e 'SHOW TABLES'."""
    raise typer.Exit(db_shell.shell(load(), context.args))
