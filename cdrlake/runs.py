"""What the commands do."""

from __future__ import annotations

import threading
from pathlib import Path

import psutil

from cdrlake import doctor as machine
from cdrlake import status as state_of
from cdrlake import wipe
from cdrlake.cdr import demo as main_job
from cdrlake.cdr import summary
from cdrlake.console import CONSOLE, Steps
from cdrlake.http import Api
from cdrlake.memory import PeakMemory
from cdrlake.services import jars, process
from cdrlake.stack import Stack
from lakehouse import audit, kafka, registry
from lakehouse.clock import SystemClock
from lakehouse.domains.cdr import CDR, names
from lakehouse.domains.cdr.domain import CHURN
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import ServiceError, SettingsError, SourceError, closest
from lakehouse.settings import ROOT

WATCH_S = 1.0
STOP_S = 40.0


def demo(settings: Settings, cluster: bool = False) -> None:
    """Run the main job and print its summary; raises when two counts differ.

    It raises too when it took more memory than the machine is asked to have.
    """
    _refuse_second(settings)
    main_job.prepare_state(settings)
    settings = load()  # the passwords of an earlier demo went with its state
    clock = SystemClock()
    began = clock.monotonic()
    with (
        Steps() as steps,
        Stack(settings, steps, clock, cluster) as stack,
        PeakMemory(stack.memory_bytes, clock) as memory,
    ):
        stack.start()
        outcome = main_job.act(stack, clock)
    took = clock.monotonic() - began
    summary.show(CONSOLE, stack.settings, outcome, summary.Cost(took, memory.at_peak))
    main_job.require_balance(outcome.ledger)
    if not cluster:
        require_memory(memory.peak_bytes)


def require_memory(peak_bytes: int) -> None:
    """Raise `ServiceError` when the main job has taken more memory than is promised."""
    limit = summary.MAX_MEMORY_GIB
    if peak_bytes > limit * 1024**3:
        raise ServiceError(
            "memory of the main job",
            f"at most {limit} GiB",
            f"{peak_bytes / 1024**3:.1f} GiB",
            "see which process in the table above",
        )


def up(settings: Settings, cluster: bool = False) -> None:
    """Start everything, print the addresses, and stay until Ctrl-C or SIGTERM.

    A process that dies is started again; raises `ServiceError` for one that keeps dying.
    """
    _refuse_second(settings)
    (settings.state / main_job.MARKER).unlink(missing_ok=True)
    clock, never = SystemClock(), threading.Event()
    with (
        process.registered(settings.state, "up"),
        Steps() as steps,
        Stack(settings, steps, clock, cluster) as stack,
    ):
        stack.start()
        api = Api(stack.settings)
        steps.note(
            f"simulator   {api.simulator}\nmonitoring  {api.monitor}\nCtrl-C stops all of it."
        )
        while True:
            for news in stack.revive():
                steps.note(news)
            clock.wait(never, WATCH_S)


def down(settings: Settings) -> None:
    """Stop the processes of this state folder, wherever they were started."""
    # First the one who would start the others again; it stops them in order.
    above = list(process.find_running(settings.state, process.SUPERVISOR).values())
    named = process.find_running(settings.state)
    for supervisor in above:
        supervisor.terminate()
    psutil.wait_procs(above, timeout=STOP_S)
    process.kill(above)
    running = process.find_running(settings.state)
    trees = [part for child in running.values() for part in process.tree(child.pid)]
    for child in running.values():
        child.terminate()
    psutil.wait_procs(list(running.values()), timeout=STOP_S)
    process.kill(trees)
    CONSOLE.print(f"stopped: {', '.join(named | running) or 'nothing ran'}")


def reset(settings: Settings) -> None:
    """Stop everything, then remove the state and what was written to the output."""
    down(settings)
    wipe.wipe(settings)
    CONSOLE.print(
        f"wiped {wipe.describe(settings)}; downloads stay in {settings.cache}", soft_wrap=True
    )


def status(settings: Settings) -> None:
    """Print processes and queries."""
    for table in state_of.tables(settings):
        CONSOLE.print(table)


def ledger(settings: Settings) -> None:
    """Print the reconciliation; raises `LedgerError` when two counts differ."""
    starts = {names.MODEL_NAME: registry.open_registry(settings, CHURN).scoring_start()}
    found = audit.audit(settings, CDR, starts)
    CONSOLE.print(summary.ledger_table(found))
    main_job.require_balance(found)


def doctor(settings: Settings) -> None:
    """Print what was checked; raises when something is missing."""
    findings = machine.examine(settings)
    for finding in findings:
        mark = "[green]✓[/]" if finding.ok else "[red]✗[/]"
        CONSOLE.print(f"{mark} {finding.name:<12} {finding.detail}", soft_wrap=True)
    missing = [finding.name for finding in findings if not finding.ok]
    if missing:
        raise ServiceError(
            "this machine", "all of the above", f"no {missing[0]}", "do what its line says"
        )


def fetch_jars(settings: Settings) -> None:
    """Get the jars that are missing, and say where they are."""
    with Steps() as steps, steps.step("Resolve jars") as step:
        found = jars.fetch(settings, jars.find_java(), step.say)
    CONSOLE.print(f"jars of Spark: {found.spark}", soft_wrap=True)


def topics(settings: Settings) -> None:
    """Create missing topics and print all with their counts."""
    kafka.create_topics(settings.kafka, CDR.topics)
    for topic in names.TOPICS:
        CONSOLE.print(f"{topic:<18} {kafka.message_count(settings.kafka, topic):>12,} messages")


def readable(path: Path) -> Path:
    """`path` made absolute; raises `SourceError` when it cannot be read."""
    try:
        with path.open("rb"):
            return path.resolve()
    except OSError as error:
        raise SourceError(
            str(path), "a readable file", str(error.strerror), "name another"
        ) from None


def profile_of_mapping(mapping: str) -> str | None:
    """The settings profile named like the mapping, if any; raises for an unknown mapping."""
    known = [file.stem for file in (ROOT / "conf" / "mappings").glob("*.yaml")]
    if mapping not in known:
        raise SettingsError("mapping", "a file in conf/mappings", mapping, closest(mapping, known))
    return mapping if (ROOT / "conf" / "profiles" / f"{mapping}.yaml").exists() else None


def _refuse_second(settings: Settings) -> None:
    running = process.find_running(settings.state)
    if running:
        raise ServiceError(
            str(settings.state),
            "no other installation on this state folder",
            f"running {', '.join(running)}",
            "stop it with `cdrlake down`",
        )
