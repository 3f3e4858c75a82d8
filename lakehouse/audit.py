"""The audit: an exact ledger with every check of the domain, computed from the rows themselves.

Whatever grows with the data is read in batches, so an audit needs bounded memory.
"""

from __future__ import annotations

from confluent_kafka import KafkaException

from lakehouse import ledger, mysql
from lakehouse.amounts import Counter, Starts
from lakehouse.checks import At, Check, Conflicts, Lost, Net
from lakehouse.domain import Domain, Station
from lakehouse.errors import DatabaseError, ServiceError
from lakehouse.ledger import Comparison, Ledger, Netted, Note, Step
from lakehouse.settings import Settings

EXAMPLES = 3


def audit(settings: Settings, domain: Domain, starts: Starts) -> Ledger:
    """Counts of a domain with every check, exact: ids are read, not estimated.

    `starts` gives for each model the moment at which its champion began to score, None before there
    is one. Raises `CdrlakeError` when a source cannot be reached.
    """
    try:
        return _audit(settings, domain, Counter(settings, domain, starts))
    except KafkaException as error:
        where = f"Kafka at {settings.kafka.bootstrap_servers}"
        raise ServiceError(where, "its offsets", error.args[0].str(), _DO) from error
    except mysql.Error as error:
        where = f"database {settings.mysql.database}"
        raise DatabaseError(where, "its counts", str(error), _DO) from error


_DO = "check that it runs (`cdrlake status`)"


def _audit(settings: Settings, domain: Domain, counter: Counter) -> Ledger:
    compared = tuple(_compare(check, counter) for check in domain.checks)
    steps = tuple(_step(station, counter) for station in domain.stations)
    notes = (*ledger.quarantined(settings, domain), *_notes(domain, counter))
    return Ledger(steps, compared, notes)


def _compare(check: Check, counter: Counter) -> Comparison:
    """Compare both amounts; the known reasons are only evaluated when they differ."""
    left, right = counter.count(check.left), counter.count(check.right)
    gap, netted = left - right, []
    for net in check.nets:
        missing = gap if net.missing == "right" else -gap
        recorded = counter.count(net.amount) if missing > 0 else 0
        count = min(missing, recorded)
        if count > 0:
            netted.append(Netted(net.name, count, recorded, net.unit, net.missing))
            gap -= count if net.missing == "right" else -count
    return Comparison(check.name, left, right, tuple(netted))


def _step(station: Station, counter: Counter) -> Step:
    return Step(station.name, counter.count(At(station.name)), station.unit)


def _notes(domain: Domain, counter: Counter) -> list[Note]:
    """A line for each reason with anything on record, whether it was needed or not."""
    found: dict[str, Note] = {}
    for net in (net for check in domain.checks for net in check.nets):
        is_record = isinstance(net.amount, Lost)
        count = counter.count(net.amount) if is_record else counter.known(net.amount)
        if count:
            found.setdefault(net.name, Note(net.name, count, net.unit, detail=_named(net, counter)))
    return list(found.values())


def _named(net: Net, counter: Counter) -> str:
    if not isinstance(net.amount, Conflicts):
        return ""
    return f"such as {', '.join(counter.examples(net.amount, EXAMPLES))}"
