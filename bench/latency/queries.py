"""The three queries, the events that they read, and what follows from an event.

Databricks compares its own engines by a query without state, a count by group and a join of a
stream with a table that stands still, on events of about 1.2 kB. These are the same three, over
views of pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal, get_args

import msgspec

from lakehouse.settings.kafka import KafkaSettings

Query = Literal["stateless", "count", "join"]
QUERIES: tuple[Query, ...] = get_args(Query)
PAGES, CATEGORIES, BYTES = 1_000, 20, 1_200
# What a query's table holds: the category of each page.
CATEGORY_OF = {f"page-{number:04d}": f"category-{number % CATEGORIES}" for number in range(PAGES)}


@dataclass(frozen=True)
class Job:
    """A query from one topic to another; `folder` is for what the engine keeps."""

    query: Query
    kafka: KafkaSettings
    topic_in: str
    topic_out: str
    folder: Path


class View(msgspec.Struct):
    """A view of a page, the one of this `number` from 1; `at` is its stamp in nanoseconds."""

    event_id: str
    page: str
    number: int
    amount: float
    at: int
    rest: str = ""


class Followed(msgspec.Struct, omit_defaults=True):
    """What a query writes: of an event, or how many there were of a page so far."""

    event_id: str = ""
    page: str = ""
    cents: int = 0
    category: str = ""
    views: int = 0


def views(count: int, seed: int = 1) -> Iterator[View]:
    """Views in random order of pages, without their stamps."""
    random, seen = Random(seed), dict.fromkeys(CATEGORY_OF, 0)
    pages = list(CATEGORY_OF)
    for _ in range(count):
        page = random.choice(pages)
        seen[page] += 1
        amount = round(random.uniform(1, 500), 2)
        yield View(f"{page}:{seen[page]}", page, seen[page], amount, 0)


def stamped(view: View, at: int) -> bytes:
    """The view as a message of 1.2 kB with its stamp."""
    view.at = at
    bare = len(msgspec.json.encode(view))
    view.rest = "x" * (BYTES - bare)
    encoded = msgspec.json.encode(view)
    view.rest = ""
    return encoded
