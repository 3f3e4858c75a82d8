"""What the commands do."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import psutil

from cdrlake import demos, main_job, service_table, wipe
from cdrlake import doctor as machine
from cdrlake import status as state_of
from cdrlake.console import CONSOLE, Steps, working
from cdrlake.services import jars, process
from cdrlake.stack import Stack
from lakehouse import kafka, outages
from lakehouse.clock import SystemClock
from lakehouse.domain import Domain
from lakehouse.domains.settings import Settings
from lakehouse.errors import LedgerError, ServiceError, SettingsError, SourceError, closest
from lakehouse.settings import ROOT

WATCH_S = 1.0
STOP_S = 40.0


def demo(settings: Settings, domains: Sequence[Domain], cluster: bool = False) -> None:
    """Run the main job of each domain; raises when two counts differ, or it took too much memory.

    Of several domains, those without a main job are left out.
    """
    _refuse_second(settings)
    machine.require_folders(settings)
    if len(domains) == 1:
        main_job.run(settings, domains[0], cluster)
        return
    able = list(filter(main_job.has_demo, domains))
    demos.run_all(able, lambda domain: main_job.run(settings, domain, cluster))


def up(settings: Settings, domains: Sequence[Domain], cluster: bool = False) -> None:
    """Start everything, print the addresses, and stay until Ctrl-C or SIGTERM.

    A process that dies is started again; raises `ServiceError` for one that keeps dying.
    """
    _refuse_second(settings)
    machine.require_folders(settings)
    (settings.state / main_job.MARKER).unlink(missing_ok=True)
    clock, never = SystemClock(), threading.Event()
    with (
        process.registered(settings.state, "up"),
        Steps() as steps,
        Stack(settings, steps, clock, cluster, domains) as stack,
    ):
        outages.forget(settings.state)
        stack.start()
        for service in service_table.services(domains):
            if address := service_table.address(stack.settings, service):
                steps.note(f"{service.name:<11} {address}")
        home = service_table.address(stack.settings, service_table.SIMULATOR)
        steps.note(f"All of it, in a browser: {home}/home")
        steps.note("Ctrl-C stops all of it.")
        while True:
            for news in [*stack.heed(outages.away(settings.state)), *stack.revive()]:
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


def reset(settings: Settings, keep_models: bool = False) -> None:
    """Stop everything, then remove the state, with or without the registry, and the output."""
    down(settings)
    wipe.wipe(settings, keep_models)
    kept = f"models stay in {settings.state / wipe.REGISTRY}, " if keep_models else ""
    CONSOLE.print(
        f"wiped {wipe.describe(settings)}; {kept}downloads stay in {settings.cache}",
        soft_wrap=True,
    )


def status(settings: Settings, domain: Domain | None = None) -> None:
    """Print processes and queries, those of one domain where it is given."""
    state_of.show(CONSOLE, settings, domain)


def ledger(settings: Settings, domain: Domain) -> None:
    """Print the reconciliation of a domain; raises `LedgerError` when two counts differ.

    Raises `LedgerError` too for a domain that has no stations to count at.
    """
    if not domain.stations:
        raise LedgerError.sentence(f"The domain {domain.name} has no stations to count rows at.")
    with working("Counting the rows at every station"):
        from cdrlake.ledger_table import ledger_table
        from lakehouse import audit, registry

        starts = {
            scored.model: registry.open_registry(settings, scored).scoring_start()
            for scored in domain.scored
        }
        found = audit.audit(settings, domain, starts)
    CONSOLE.print(ledger_table(found))
    main_job.require_balance(found)


def doctor(settings: Settings, domains: Sequence[Domain]) -> None:
    """Print what was checked; raises when something is missing."""
    findings = machine.examine(settings, domains)
    for finding in findings:
        mark = "[green]✓[/]" if finding.ok else "[red]✗[/]"
        CONSOLE.print(f"{mark} {finding.name:<12} {finding.detail}", soft_wrap=True)
    missing = [finding.name for finding in findings if not finding.ok]
    if missing:
        raise ServiceError.sentence(
            f"This machine is not ready: {', '.join(missing)}. The lines marked ✗ say what to do.",
            where="this machine",
            got=f"no {missing[0]}",
        )


def fetch_jars(settings: Settings) -> None:
    """Get the jars that are missing, and say where they are."""
    with Steps() as steps, steps.step("Resolve jars") as step:
        found = jars.fetch(settings, jars.find_java(), step.say)
    CONSOLE.print(f"jars of Spark: {found.spark}", soft_wrap=True)


def topics(settings: Settings, domain: Domain) -> None:
    """Create the domain's missing topics and print all of them with their counts."""
    kafka.create_topics(settings.kafka, domain.topics)
    for topic in domain.topics:
        count = kafka.message_count(settings.kafka, topic.name)
        CONSOLE.print(f"{topic.name:<18} {count:>12,} messages")


def readable(path: Path) -> Path:
    """`path` made absolute; raises `SourceError` when it cannot be read."""
    try:
        with path.open("rb"):
            return path.resolve()
    except OSError as error:
        raise SourceError.sentence(f"Cannot read {path}: {error.strerror}.") from None


def profile_of_mapping(mapping: str) -> str | None:
    """The settings profile named like the mapping, if any; raises for an unknown mapping."""
    known = [file.stem for file in (ROOT / "conf" / "mappings").glob("*.yaml")]
    if mapping not in known:
        raise SettingsError.sentence(
            f"There is no mapping {mapping!r} in conf/mappings; {closest(mapping, known)}"
        )
    return mapping if (ROOT / "conf" / "profiles" / f"{mapping}.yaml").exists() else None


def _refuse_second(settings: Settings) -> None:
    running = process.find_running(settings.state)
    if running:
        raise ServiceError.sentence(
            f"An installation runs on {settings.state} already ({', '.join(running)}); stop it "
            "with `cdrlake down`.",
            where=str(settings.state),
            got=", ".join(running),
        )
