"""The domains that run on the shared pipeline; adding one takes one line here."""

from __future__ import annotations

from lakehouse.domain import Domain
from lakehouse.domains.cards import CARDS
from lakehouse.domains.cdr import CDR
from lakehouse.domains.clicks import CLICKS
from lakehouse.domains.feedback import FEEDBACK
from lakehouse.domains.fraud import FRAUD
from lakehouse.domains.segments import SEGMENTS
from lakehouse.errors import SettingsError, closest
from lakehouse.names import OPS_TABLES

DOMAINS = (CDR, FRAUD, CARDS, SEGMENTS, CLICKS, FEEDBACK)


def domain(name: str) -> Domain:
    """The domain called `name`; raises `SettingsError` with the closest name for any other."""
    known = {one.name: one for one in DOMAINS}
    if name not in known:
        said = f"There is no domain {name!r}; {closest(name, known)}"
        raise SettingsError.sentence(said, where="--domain", got=repr(name))
    return known[name]


def tables(domains: tuple[Domain, ...] = DOMAINS) -> tuple[str, ...]:
    """Every table of these domains, and the tables that all domains share."""
    return (*(table for one in domains for table in one.tables), *OPS_TABLES)
