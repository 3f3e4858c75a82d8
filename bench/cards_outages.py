"""`python -m bench.cards_outages`: take each part of the alarm path away, and each pair of parts.

Transactions keep coming meanwhile, as far as the source is there. After each outage everything is
worked off and compared with the world, made again from its seed: each transaction that the source
has handed out must be on `topic_1`, decided, and one row in the database, and each flagged one must
be told once.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import combinations

from bench.alarm_line import PARTS, SOURCE, Line, line, recorded, world_ids
from bench.faults.page import again
from bench.outages_page import NEEDS, Found, keep, wanted
from cdrlake.waiting import patiently
from flaskapp.cards import stations
from lakehouse import kafka, mysql
from lakehouse.domains.cards import names
from lakehouse.domains.settings import Settings

CARDS = 1_500
SHORT = (("source", "database"), ("broker", "registry"), ("database", "decision service"))
EVERY = (*((one,) for one in PARTS), *combinations(PARTS, 2))
PATIENCE_S = 300.0


def main() -> int:
    """Take away, bring back, compare; 0 if nothing is lost or doubled and all that can went on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long a part is away")
    parser.add_argument("--short", action="store_true", help="three pairs, away for a few messages")
    options = parser.parse_args()
    found = []
    with line(150 if options.short else CARDS) as made:
        ids = world_ids(made.settings)
        flowing(made)
        for parts in SHORT if options.short else EVERY:
            found.append(outage(made, parts, 0.0 if options.short else options.seconds, ids))
            print(found[-1].line(), flush=True)
    if not options.short:
        keep(found, options.seconds)
        again()
    return 0 if all(one.held for one in found) else 1


def flowing(made: Line) -> None:
    """Wait until every stage moves."""
    before = made.counts()
    patiently(lambda: set(_moved(before, made)) == set(NEEDS), "every stage to move", PATIENCE_S)


def outage(made: Line, parts: Sequence[str], seconds: float, ids: Sequence[str]) -> Found:
    """Take parts away for so many seconds, and until everything that can go on has."""
    due = wanted(parts)
    for part in parts:
        made.without(part)
    before, began = made.counts(), made.clock.monotonic()
    patiently(
        lambda: made.clock.monotonic() - began >= seconds and due <= set(_moved(before, made)),
        f"what goes on without {' and '.join(parts)}", PATIENCE_S + seconds,
    )  # fmt: skip
    went_on = _moved(before, made)
    drained = {"broker", "decision service"}.isdisjoint(parts) and "source" in parts
    if drained:
        patiently(partial(_is_decided, made), "topic_1 to be decided", PATIENCE_S)
    for part in parts:
        made.again(part)
    flowing(made)
    made.take_away(SOURCE)
    patiently(made.is_level, "everything to be worked off", PATIENCE_S)
    found = Found(tuple(parts), went_on, drained, *compare(made.settings, ids))
    made.restart(SOURCE)
    flowing(made)
    return found


def compare(settings: Settings, ids: Sequence[str]) -> tuple[int, int, int]:
    """How many transactions were handed out, how many are lost on the way, and how many doubled."""
    on_topic = Counter(_keys(settings, names.TOPIC_TRANSACTIONS, key="trans_num"))
    decided = Counter(_keys(settings, names.TOPIC_DECISIONS, key="trans_num"))
    with mysql.connect(settings.mysql) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT trans_num, is_fraud FROM {names.MYSQL_TABLE}")
        rows = dict(cursor.fetchall())
    told = Counter(_keys(settings, names.TOPIC_ALARMS))
    last = max(number for number, one in enumerate(ids) if one in on_topic) + 1
    handed, flagged = set(ids[:last]), {one for one, is_fraud in rows.items() if is_fraud}
    lost = sum(len(handed ^ set(there)) for there in (on_topic, decided, rows))
    lost += len(flagged ^ set(told))
    doubled = sum(told.values()) - len(told) + (recorded(settings) or 0) - len(rows)
    return last, lost, doubled


def _moved(before: dict[str, int | None], made: Line) -> tuple[str, ...]:
    now = made.counts()
    return tuple(name for name in NEEDS if (now[name] or 0) > (before[name] or 0))


def _is_decided(made: Line) -> bool:
    return stations.lags(made.settings)[names.GROUP_DOOR] == 0


def _keys(settings: Settings, topic: str, key: str | None = None) -> list[str]:
    """The ids of a topic's messages: their keys, or a field of them."""
    found: list[str] = []

    def read(message: object) -> None:
        value = message.value() if key else message.key()  # type: ignore[attr-defined]
        found.append(str(json.loads(value)[key]) if key else value.decode())

    kafka.read_all(settings.kafka, topic, read)
    return found


if __name__ == "__main__":
    sys.exit(main())
