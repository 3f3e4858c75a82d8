"""Services come from a table: who starts when, where they listen, and what a domain adds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import cdrlake
from cdrlake import doctor, extension, jobs, service_table
from lakehouse.domain import Domain
from lakehouse.domains import settings as domain_settings
from lakehouse.domains.cards import CARDS
from lakehouse.domains.cdr import CDR
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError
from lakehouse.services import Service

TOY = Domain("toy", topics=(), feeds=(), tables=())


def names(*domains: Domain) -> list[str]:
    return [service.name for service in service_table.services(domains)]


def test_a_domain_adds_its_services_between_the_source_and_the_readers() -> None:
    serving = Service("toy-serving", "serving", "simulator.port", after=("toy-pipeline",))
    toy = replace(TOY, services=(serving, Service("toy-pipeline", "toy.pipeline", job=True)))
    own, others = ["toy-pipeline", "toy-serving"], ["mirror", "monitoring", "serving"]
    assert names(toy) == ["simulator", *own, *others]
    assert names(CDR, toy)[1:3] == ["pipeline", "toy-pipeline"]
    assert names(TOY) == ["simulator", "mirror", "monitoring", "serving"]


def test_two_services_of_one_name_and_a_circle_are_refused() -> None:
    twice = replace(TOY, services=(Service("mirror", "toy.mirror"),))
    with pytest.raises(ServiceError, match="one name"):
        names(twice)
    circle = (Service("a", "toy.a", after=("b",)), Service("b", "toy.b", after=("a",)))
    with pytest.raises(ServiceError, match="wait for each other"):
        names(replace(TOY, services=circle))


def test_the_ports_of_a_domain_are_checked_with_the_shared_ones() -> None:
    serving = Service("toy-serving", "serving", "cluster.page_port")
    found = doctor.service_ports(Settings(), [replace(TOY, services=(serving,))])
    assert [key for _, _, key in found] == [
        "simulator.port", "cluster.page_port", "monitoring.port", "serving.port",
    ]  # fmt: skip


def test_a_domain_without_an_extension_has_an_empty_one() -> None:
    assert extension.of(TOY) == extension.Extension()
    assert extension.of(CDR).load_history is not None


def test_an_empty_folder_is_no_extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "left_behind").mkdir()
    monkeypatch.setattr(cdrlake, "__path__", [*cdrlake.__path__, str(tmp_path)])
    assert extension.named("left_behind") == extension.Extension()


def test_a_job_that_a_domain_does_not_have_is_named() -> None:
    assert jobs.of(CDR, "train") == "cdr_train"
    with pytest.raises(ServiceError, match="domain toy has no job to train"):
        jobs.of(TOY, "train")


def test_a_service_whose_section_has_no_host_listens_on_this_machine_alone() -> None:
    found = doctor.service_ports(domain_settings.Settings(), [CARDS])
    assert ("127.0.0.1", 5021, "cards.page_port") in found
