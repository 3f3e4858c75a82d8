"""What a domain declares in one place is listed in the others that work from it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import TypeVar

import pytest

from flaskapp import migrations
from lakehouse.contracts import Contract
from lakehouse.domain import Domain
from lakehouse.domains import DOMAINS
from lakehouse.names import QueryIdentity

T = TypeVar("T")
each_domain = pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)


def declared(domain: Domain, kind: type[T]) -> list[T]:
    """Values of that kind to which a module of the domain's folder gives a name."""
    package = importlib.import_module(f"lakehouse.domains.{domain.name}")
    names = [one.name for one in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]
    modules = [package, *map(importlib.import_module, names)]
    return [one for module in modules for one in vars(module).values() if isinstance(one, kind)]


@each_domain
def test_every_table_of_the_lake_is_maintained_and_verified(domain: Domain) -> None:
    tables = {one.name for one in declared(domain, Contract) if "." in one.name}
    assert tables <= set(domain.tables)


@each_domain
def test_every_query_begins_with_its_domain_and_is_among_the_queries(domain: Domain) -> None:
    queries = set(declared(domain, QueryIdentity))
    assert [query for query in queries if not query.job.startswith(f"{domain.name}_")] == []
    names = importlib.import_module(f"lakehouse.domains.{domain.name}.names")
    assert queries == set(names.QUERIES)


@each_domain
def test_what_is_mirrored_keeps_its_changes(domain: Domain) -> None:
    assert [one.name for one in domain.mirrors if not one.contract.change_feed] == []


@each_domain
def test_the_migrations_create_every_column_of_a_mirrored_table(domain: Domain) -> None:
    made = [one.text for one in migrations.find()]
    for mirror in domain.mirrors:
        about = re.compile(rf"TABLE (?:IF NOT EXISTS )?{re.escape(mirror.mysql_table)}\b")
        words = set(re.findall(r"\w+", " ".join(text for text in made if about.search(text))))
        missing = [name for name in mirror.published.names if name not in words]
        assert missing == [], f"no file in conf/sql creates these columns of {mirror.mysql_table}"
