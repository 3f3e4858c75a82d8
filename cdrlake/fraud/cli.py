"""Commands on card fraud: `cdrlake fraud ...`."""

from __future__ import annotations

import os
import threading
from typing import Annotated

import typer
from rich.table import Table

from cdrlake import jobs
from cdrlake.console import CONSOLE, Steps
from cdrlake.main_job import PATIENCE_S
from cdrlake.services import process
from cdrlake.waiting import Waiter
from flaskapp.fraud.request import FraudRequest
from flaskapp.fraud.source import FraudSource
from flaskapp.runner import Runner
from lakehouse import kafka, mysql
from lakehouse.clock import SystemClock
from lakehouse.domains.fraud import FRAUD
from lakehouse.domains.fraud.domain import CARDS
from lakehouse.domains.fraud.names import NAME
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import StreamError
from lakehouse.registry import open_registry
from pyspark_jobs.fraud import exports, metadata
from pyspark_jobs.training import requests
from pyspark_jobs.training.requests import Answer

PIPELINE = "fraud-pipeline"
fraud = typer.Typer(no_args_is_help=True, help="Card fraud: events, training sets, versions.")
Csv = Annotated[
    str | None, typer.Option("--csv", help="creditcard.csv: a path, gs:// or s3:// address.")
]


@fraud.callback()
def group() -> None:
    """Card fraud: events, training sets, versions."""


@fraud.command()
def produce(
    csv: Csv = None,
    events: Annotated[int, typer.Option(min=1, help="How many events.")] = 10_000,
    rate: Annotated[int, typer.Option(min=1, help="Events per second.")] = 1_000,
    drift: Annotated[
        str | None, typer.Option(help="A plan by which the simulated world changes.")
    ] = None,
    replay: Annotated[
        bool,
        typer.Option("--replay", help="Keep the intervals of Time; send labels without waiting."),
    ] = False,
) -> None:
    """Send events to cc_events, and their truth to cc_truth when it is due."""
    if csv is not None:
        os.environ["CDRLAKE_FRAUD__SOURCE"] = csv
    settings, clock = load(), SystemClock()
    kafka.create_topics(settings.kafka, FRAUD.topics)
    size = min(rate, events)
    request = FraudRequest(
        batch_size=size, num_batches=-(-events // size), interval=1, drift=drift,
        mode="replay" if replay else "live",
    )  # fmt: skip
    runner = Runner(settings, clock, [FraudSource(settings, clock)])
    try:
        name = runner.start(request)
        _follow(settings, runner, name, clock)
    finally:
        runner.close()


def _follow(settings: Settings, runner: Runner, name: str, clock: SystemClock) -> None:
    """Print how far the stream is, until it ends."""
    never, seen = threading.Event(), -1
    while True:
        is_running = runner.is_running
        with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT state, sent_rows, sent_outcomes, error FROM Streams WHERE stream_id = %s",
                (name,),
            )
            state, rows, outcomes, error = cursor.fetchone()
        if rows + outcomes != seen:
            CONSOLE.print(f"{name}: {rows:,} events, {outcomes:,} truths", markup=False)
            seen = rows + outcomes
        if state == "failed":
            raise StreamError.sentence(f"The stream {name} failed: {error}")
        if not is_running:
            return
        clock.wait(never, 1.0)


@fraud.command()
def dataset(csv: Csv = None) -> None:
    """Build the next training set: version 0 from the raw file, then what was joined since."""
    options = ["--csv", csv] if csv else []
    jobs.run("fraud_train", "--dataset", *options)


@fraud.command()
def joined(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="Id that the file names contain.")
    ] = "1",
) -> None:
    """Export joined rows as part_<id>_<n>.csv, and their figures as dominostats.json."""
    settings = load()
    written, found = exports.joined(settings, name), exports.stats(settings)
    figures = ", ".join(
        f"{key} {'unknown' if value is None else format(value, '.4f')}"
        for key, value in found.items()
    )
    CONSOLE.print(f"{len(written)} files; {figures}")


@fraud.command()
def train() -> None:
    """Train on all truth joined so far; in the pipeline where it runs, else in a job."""
    settings = load()
    if PIPELINE not in process.find_running(settings.state):
        jobs.run("fraud_train")
        return
    with Steps() as steps, steps.step("Train") as step:
        told = by_pipeline(settings)
        if told.version is None:
            raise StreamError.sentence(f"No version was trained: {told.reason}")
        step.say(told.reason)


def by_pipeline(settings: Settings, waiter: Waiter | None = None) -> Answer:
    """Ask the running pipeline for a training and wait for what becomes of it."""
    request = requests.ask(settings, NAME)
    wait = waiter or Waiter(SystemClock(), PATIENCE_S)
    return wait.until(lambda: requests.answered(settings, NAME, request), "the training")


@fraud.command()
def history() -> None:
    """List the figures of every version, measured on payments later than its training."""
    table = Table("version", "kind", "training set", "PR-AUC", "ROC-AUC", "champion")
    for one in metadata.get_metrics_history(open_registry(load(), CARDS)):
        table.add_row(
            str(one["version"]), one["kind"], str(one["dataset_version"]),
            f"{one['prauc']:.4f}", f"{one['rocauc']:.4f}", "yes" if one["is_champion"] else "",
        )  # fmt: skip
    CONSOLE.print(table)
