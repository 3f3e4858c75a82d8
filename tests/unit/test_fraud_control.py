"""Announcements, and clients that watch a swap; the broker and the service are left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path

import pytest

from cdrlake.fraud.clients import COUNT, Client, Clients
from lakehouse.clock import SystemClock
from lakehouse.domains.fraud.contracts import FEATURES
from lakehouse.domains.fraud.settings import FraudSettings
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError
from lakehouse.registry import ModelVersion, Registry
from lakehouse.registry.stores import MemoryStore
from pyspark_jobs.fraud import control, metadata
from tests.rest.samples import seal_logistic


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(fraud=FraudSettings(project_dir=str(tmp_path / "project")))


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Two versions; the first is champion."""
    made = Registry(MemoryStore(tmp_path / "store"), SystemClock())
    for seed in (1, 2):
        made.register(*seal_logistic(tmp_path / f"bundle-{seed}", seed, FEATURES))
    made.promote(1, "first")
    return made


def test_a_version_whose_training_died_before_its_announcement_is_announced_once(
    settings: Settings, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[int, bool]] = []

    def announce(_: Settings, version: ModelVersion, promoted: bool, folder: Path) -> bytes:
        assert (folder / "figures.json").exists()
        if version.number == 2 and not sent[1:]:
            sent.append((0, False))
            raise ServiceError.sentence("The broker is away.")
        sent.append((version.number, promoted))
        return b"{}"

    monkeypatch.setattr(control, "announce", announce)
    with pytest.raises(ServiceError, match="away"):
        control.announce_missing(settings, registry)
    assert control.announce_missing(settings, registry) == [2]
    assert control.announce_missing(settings, registry) == []
    assert sent == [(1, True), (0, False), (2, False)]
    kept = json.loads(metadata.path(settings).read_bytes())
    assert (kept["current_version"], kept["model_version"]) == (-1, 1)


def test_metadata_begins_with_no_version_and_is_not_begun_again(settings: Settings) -> None:
    metadata.begin(settings)
    first = json.loads((settings.fraud.project / "model_metadata_initial.json").read_bytes())
    assert first == metadata.read(settings) == metadata.INITIAL
    assert first["current_version"] == -1 and first["dataset_file"] == "ds.csv"
    metadata.write(settings, current_version=3)
    metadata.begin(settings)
    assert metadata.read(settings)["current_version"] == 3


def test_the_history_has_rocauc_and_prauc_of_every_version(registry: Registry) -> None:
    found = metadata.get_metrics_history(registry)
    assert [(one["version"], one["rocauc"], one["prauc"]) for one in found] == [
        (1, 0.95, 0.8), (2, 0.95, 0.8),
    ]  # fmt: skip


def watched(answers: Iterator[int], last: int) -> Clients:
    """Clients that were given these answers, until all of them got the last one."""
    never = SystemClock()
    with Clients(lambda: next(answers), never) as clients:
        while not clients.are_at(last):
            pass
    return clients


def test_clients_that_saw_every_swap_in_order_say_how_much_they_asked() -> None:
    clients = watched(repeat(1), 1)
    assert "none failed, answered by version 1" in clients.verdict((1,))
    assert len(clients.all) == COUNT


def test_an_answer_of_a_replaced_version_is_told() -> None:
    clients = Clients(lambda: 1, SystemClock())
    clients.all = [Client([1, 1, 2, 1, 1])]
    assert "5 requests" in clients.verdict((1, 2, 1))
    clients.all = [Client([1, 2, 1, 2, 1])]
    with pytest.raises(ServiceError, match="answered by 1, then 2, then 1, then 2, then 1"):
        clients.verdict((1, 2, 1))


def test_a_failed_request_is_told() -> None:
    def ask() -> int:
        value = next(answers)
        if value == 0:
            raise ServiceError.sentence("503, no model.")
        return value

    answers = chain([0], repeat(1))
    clients = Clients(ask, SystemClock())
    with clients:
        while not clients.are_at(1) or not any(one.errors for one in clients.all):
            pass
    with pytest.raises(ServiceError, match=r"1 requests failed .* 503, no model\."):
        clients.verdict((1,))
