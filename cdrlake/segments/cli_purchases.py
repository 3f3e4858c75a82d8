"""Commands on purchases: `cdrlake purchases ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cdrlake.console import CONSOLE
from flaskapp.segments import purchase_file
from flaskapp.segments.purchase_file import Columns
from lakehouse.domains.segments.names import TOPIC_PURCHASES
from lakehouse.domains.settings import load
from lakehouse.publisher import Publisher

purchases = typer.Typer(no_args_is_help=True, help="Purchases of cards.")


@purchases.callback()
def group() -> None:
    """Purchases of cards."""


@purchases.command()
def send(
    file: Annotated[Path, typer.Argument(help="CSV file of purchases.")],
    card: Annotated[str, typer.Option(help="Column of the card number.")] = "card",
    merchant: Annotated[str, typer.Option(help="Column of the merchant.")] = "merchant",
    amount: Annotated[str, typer.Option(help="Column of the amount.")] = "amount",
    day: Annotated[str, typer.Option("--date", help="Column of the date.")] = "date",
    form: Annotated[str, typer.Option(help="Form of the dates.")] = "%Y-%m-%d",
) -> None:
    """Send the purchases of a file; card numbers become keys before they leave this process."""
    settings = load()
    columns, secret = Columns(card, merchant, amount, day, form), settings.segments.secret()
    publisher = Publisher(settings.kafka)
    sent = purchase_file.send(file, columns, secret, publisher, TOPIC_PURCHASES)
    CONSOLE.print(f"{sent:,} purchases sent to {TOPIC_PURCHASES}", markup=False)
