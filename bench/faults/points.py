"""The faults: what is done to which process, how often, and what is promised."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

import psutil

from bench.faults import messages
from bench.faults.network import WELL, Condition, Link
from bench.faults.plant import PROCESSES, Plant
from bench.faults.truth import Truth
from lakehouse.domains.cdr.names import BRONZE_EVENTS
from lakehouse.names import QueryIdentity, table_uri

PAUSE_S, FULL_S, REFUSAL_S, RESETS = 30.0, 8.0, 240.0, 5
LONGEST_MOMENT_S = 2.5
GOES_ON = "it resumes where it stopped"
WAITS = "the others wait, then all continue"
REFUSES = "the query stops and names the path; once the file is restored, it continues"
# A batch of a thousand has fewer bad messages than good ones, so that the query does not stop.
# Fewer are sent again than two days have, so that none is too late.
BAD, FOREIGN, AGAIN = 400, 2_000, 400


@dataclass(frozen=True)
class Scene:
    """Where a fault happens: the installation, its seeded dice, and the independent ledger."""

    plant: Plant
    random: Random
    truth: Truth


@dataclass(frozen=True)
class Point:
    """A fault point: it gets `share` of all kills or, if it is not a kill, runs `times` times."""

    name: str
    promise: str
    hurt: Callable[[Scene], None]
    share: float = 0.0
    times: int = 1


def kill(scene: Scene, *names: str) -> None:
    """Kill at a random moment, then start again."""
    scene.plant.wait(scene.random.uniform(0.05, LONGEST_MOMENT_S))
    for name in names:
        scene.plant.kill(name)
    scene.plant.revive()


def pause(scene: Scene, name: str) -> None:
    """Suspend a process and its children for half a minute."""
    stopped = scene.plant.tree(name)
    _signal(stopped, signal.SIGSTOP)
    scene.plant.wait(PAUSE_S)
    _signal(stopped, signal.SIGCONT)


def restart(scene: Scene, name: str, away_s: float = 0.0) -> None:
    """Stop cleanly, and start again after a while."""
    scene.plant.wait(scene.random.uniform(0.05, LONGEST_MOMENT_S))
    scene.plant.child(name).stop(20)
    scene.plant.wait(away_s)
    scene.plant.revive()


def refuse_writes(scene: Scene, name: str) -> None:
    """Keep the process's files from growing, as on a full disk; then restart it with room."""
    for part in scene.plant.tree(name):
        with suppress(psutil.NoSuchProcess):
            part.rlimit(psutil.RLIMIT_FSIZE, (1, psutil.RLIM_INFINITY))
    scene.plant.wait(FULL_S)
    restart(scene, name)


def worsen(scene: Scene, name: str, condition: Condition) -> None:
    """Make the network before a server worse for half a minute; some connection must feel it."""
    link = scene.plant.link(name)
    before = link.touched
    link.change(condition)
    try:
        scene.plant.wait(PAUSE_S)
    finally:
        link.change(WELL)
    _require_touched(link, before)
    scene.plant.revive()


def resets(scene: Scene, name: str) -> None:
    """Reset every connection to a server at five random moments."""
    link = scene.plant.link(name)
    before = link.touched
    for _ in range(RESETS):
        scene.plant.wait(scene.random.uniform(0.05, LONGEST_MOMENT_S))
        link.reset()
    _require_touched(link, before)
    scene.plant.revive()


def _require_touched(link: Link, before: int) -> None:
    if link.touched == before:
        raise AssertionError("no connection was open while the network was bad")


def cut(scene: Scene, find: Callable[[Path], Path]) -> None:
    """Cut a file of the lake in half while the jobs are stopped, see it refused, and restore it."""
    plant = scene.plant
    plant.until(lambda: not plant.streaming(), "the stream to end", 120)
    plant.child("pipeline").stop(40)
    path = find(Path(plant.settings.lake_uri))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    try:
        words = plant.refused("pipeline", REFUSAL_S)
    finally:
        path.write_bytes(whole)
    if str(path.parent) not in words:
        raise AssertionError(f"{path.parent} is not named in what the jobs said: {words[-2000:]}")
    plant.revive()


def newest_offsets(lake: Path) -> Path:
    """The newest entry in the offset log of the query that reads Kafka."""
    folder = Path(QueryIdentity("cdr_ingest", BRONZE_EVENTS, 1).checkpoint(str(lake))) / "offsets"
    return max((file for file in folder.iterdir() if file.name.isdigit()), key=_number)


def newest_commit(lake: Path) -> Path:
    """The newest entry in the log of bronze."""
    log = Path(table_uri(str(lake), BRONZE_EVENTS)) / "_delta_log"
    return max(log.glob("*.json"), key=_number)


def burst(scene: Scene) -> None:
    """Ten times the load: ten days a second."""
    scene.plant.until(lambda: not scene.plant.streaming(), "the stream to end", 120)
    scene.plant.stream(days_per_batch=10, num_batches=5)


def again(scene: Scene) -> None:
    """Send the last events again, backwards."""
    kafka = scene.plant.settings.kafka
    messages.send(kafka, messages.latest(kafka, AGAIN)[::-1])


def shuffled(scene: Scene) -> None:
    """Send events of another source from the last three days, shuffled."""
    sent = _foreign(scene, "shuffled", days=3)
    scene.random.shuffle(sent)
    messages.send(scene.plant.settings.kafka, messages.encoded(sent))


def newer_source(scene: Scene) -> None:
    """Send events with unknown fields, in another order, and with counts as text."""
    sent = _foreign(scene, "newer", days=1)
    values = [messages.of_next_version(event, scene.random) for event in sent]
    messages.send(scene.plant.settings.kafka, values)


def wrong_clock(scene: Scene) -> None:
    """Send as a producer whose clock is as far ahead as a broker accepts, then two days behind."""
    now = scene.plant.clock.now()
    for name, off in (("ahead", timedelta(minutes=50)), ("behind", timedelta(days=-2))):
        sent = _foreign(scene, name, days=1)
        moment = now + off
        messages.send(scene.plant.settings.kafka, messages.encoded(sent), moment)


def poison(scene: Scene) -> None:
    """Send bad messages of fifteen kinds."""
    model = messages.events(scene.random, "poison", scene.plant.last_day(), 1, 1)[0]
    messages.send(scene.plant.settings.kafka, messages.poison(model, scene.random, BAD))


def _foreign(scene: Scene, name: str, days: int) -> list[messages.Event]:
    day = scene.plant.last_day()
    # A day may be affected twice, and an id belongs to one event.
    source = f"{name}-{day}-{scene.random.getrandbits(32):08x}"
    sent = messages.events(scene.random, source, day, days, FOREIGN)
    scene.truth.produced(messages.rows(sent))
    return sent


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _number(path: Path) -> int:
    return int(path.stem)


def _on(hurt: Callable[..., None], *arguments: object) -> Callable[[Scene], None]:
    return lambda scene: hurt(scene, *arguments)


_SHARES = {"kafka": 0.17, "mysql": 0.18, "simulator": 0.2, "pipeline": 0.1, "mirror": 0.2,
           "monitoring": 0.1}  # fmt: skip
_LIVE = {"kafka": "the broker", "mysql": "the database"}
_NETWORKS = {
    "slow (0.3 s each way)": Condition(delay_s=0.3),
    "narrow (30 kB/s)": Condition(bytes_per_s=30_000),
    "silent": Condition(silent=True),
    "closed": Condition(closed=True),
}
POINTS = (
    *(
        Point(f"kill -9 of {_LIVE.get(name, name)}", GOES_ON, _on(kill, name), share)
        for name, share in _SHARES.items()
    ),
    Point("kill -9 of all six at once", GOES_ON, _on(kill, *PROCESSES), 0.05),
    *(
        Point(f"SIGSTOP of {_LIVE.get(name, name)} for 30 s", WAITS, _on(pause, name))
        for name in PROCESSES
    ),
    Point("broker restarted", WAITS, _on(restart, "kafka"), times=2),
    Point("database restarted", WAITS, _on(restart, "mysql"), times=2),
    Point("broker away for 30 s", WAITS, _on(restart, "kafka", 30.0)),
    Point("database away for 60 s", WAITS, _on(restart, "mysql", 60.0)),
    *(
        Point(f"disk full for {_LIVE.get(name, name)}", WAITS, _on(refuse_writes, name))
        for name in ("kafka", "mysql", "pipeline")
    ),
    *(
        Point(f"network to {_LIVE[name]} {what} for 30 s", WAITS, _on(worsen, name, condition))
        for name in _LIVE
        for what, condition in _NETWORKS.items()
    ),
    *(
        Point(f"connections to {_LIVE[name]} reset, five times", WAITS, _on(resets, name))
        for name in _LIVE
    ),
    Point("offset log of a checkpoint cut in half", REFUSES, _on(cut, newest_offsets)),
    Point("Delta log of bronze cut in half", REFUSES, _on(cut, newest_commit)),
    Point("delivered again, backwards", "each event counts once", again, times=3),
    Point("reordered within the allowed lateness", "the sums stay the same", shuffled, times=3),
    Point("poison, fifteen kinds", "all in quarantine, no query stops", poison),
    Point("ten times the load", "it takes longer", burst),
    Point("a newer source's fields", "known ones are read, unknown ones kept", newer_source),
    Point("a producer's clock ahead and behind", "the event's own time decides", wrong_clock),
)  # fmt: skip
