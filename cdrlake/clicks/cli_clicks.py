"""Commands on the shop: `cdrlake clicks ...`."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Annotated

import typer

from cdrlake.clicks import position
from cdrlake.console import CONSOLE
from flaskapp.clicks import shop
from flaskapp.clicks import traffic as visits
from lakehouse import ticks
from lakehouse.clock import SystemClock
from lakehouse.domains.clicks import names
from lakehouse.domains.settings import load
from lakehouse.publisher import Publisher
from lakehouse.schema_registry.client import Address, SchemaClient

clicks = typer.Typer(no_args_is_help=True, help="Traffic on the shop.")


@clicks.command()
def traffic(
    users: Annotated[int, typer.Option(min=1, help="How many users visit.")] = 200,
    bots: Annotated[float, typer.Option(min=0, max=1, help="The share of bots among them.")] = 0.1,
    minutes: Annotated[
        float, typer.Option(min=0, help="How many minutes of clicks to send.")
    ] = 60.0,
    ago: Annotated[
        float, typer.Option(min=0, help="How many minutes ago the last click was.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same traffic.")] = 42,
) -> None:
    """Register users in the database and send their clicks of the last minutes to Kafka."""
    settings = load()
    wanted = visits.Traffic(users, bots, minutes, ago, seed)
    parts = Publisher(settings.kafka), SchemaClient(Address.of(settings)), SystemClock()
    sent = visits.send(wanted, partial(shop.register, settings), *parts)
    CONSOLE.print(
        f"sent: {sent.clicks:,} clicks of {sent.users:,} users, {sent.bots:,} of them bots"
    )


@clicks.command()
def close() -> None:
    """Close every window: say that the time of the clicks is eleven minutes from now."""
    ticks.send(load(), names.TOPIC_EVENTS, SystemClock().now() + timedelta(minutes=11))
    CONSOLE.print("Windows close with the next micro-batches; clicks before then are late.")


@clicks.command()
def users(
    resnapshot: Annotated[
        bool, typer.Option("--resnapshot", help="Read the whole table at the next start.")
    ] = False,
) -> None:
    """Show where Kafka Connect is in the database's binary log, or let it begin again."""
    settings = load()
    if resnapshot:
        gone = position.resnapshot(settings)
        CONSOLE.print(
            f"The connector reads the table of users at its next start; {gone:,} users who have "
            "left meanwhile are removed."
        )
        return
    position.require_log(settings)
    CONSOLE.print(f"next in the binary log: {position.log_file(settings) or 'a first snapshot'}")
