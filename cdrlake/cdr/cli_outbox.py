"""Commands on rows on their way to Kafka: `cdrlake outbox ...`."""

from __future__ import annotations

from typing import Annotated

import typer

from cdrlake.console import CONSOLE
from flaskapp.cdr import resend as again
from lakehouse.clock import SystemClock
from lakehouse.domains.settings import load

outbox = typer.Typer(no_args_is_help=True, help="Rows on their way from the database to Kafka.")


@outbox.callback()
def group() -> None:
    """Rows on their way from the database to Kafka."""


@outbox.command()
def resend(
    stream: Annotated[str, typer.Option(help="Stream that the rows belong to.")],
    first: Annotated[int, typer.Option("--from", help="Sequence number of the first row.")] = 0,
    last: Annotated[
        int | None,
        typer.Option(
            "--to", help="Sequence number of the last row; by default, the stream's last."
        ),
    ] = None,
    outcomes: Annotated[
        bool, typer.Option("--outcomes", help="Send the stream's outcomes instead of its events.")
    ] = False,
) -> None:
    """Send rows that are still in the database to Kafka once more; the lake drops repetitions."""
    kind: again.Kind = "outcome" if outcomes else "event"
    done = again.resend(load(), stream, first, last, SystemClock(), kind)
    CONSOLE.print(
        f"{done.rows:,} rows of {stream} ({done.first:,} to {done.last:,}) wait for the relay, "
        "which sends them while the simulator runs",
        markup=False,
        soft_wrap=True,
    )
