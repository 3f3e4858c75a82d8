"""A service with the three models of segments, and a lake with the history of a few cards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import msgspec
import polars as pl
import uvicorn
from deltalake import write_deltalake

from bench.segments_data import Study, made
from cdrlake.services.ports import free_ports
from lakehouse.clock import SystemClock
from lakehouse.domains.segments import names
from lakehouse.domains.segments.card_features import card_features
from lakehouse.domains.segments.contracts import GOLD_HISTORY
from lakehouse.domains.segments.domain import WILL_SPEND
from lakehouse.domains.segments.next_purchase import FIRST_DAY, HORIZON, day_number
from lakehouse.domains.segments.segments import SHOWN, TYPE_FEATURES
from lakehouse.models import bundle, hazard, kmeans
from lakehouse.models.hazard import HazardModel
from lakehouse.models.kmeans import KMeansModel
from lakehouse.models.manifest import Costs, Figures, Manifest
from lakehouse.models.model_kinds import HAZARD, KMEANS, model_kind
from lakehouse.names import table_uri
from lakehouse.registry import Registry
from lakehouse.registry.stores import MemoryStore
from lakehouse.settings import Settings
from pyspark_jobs.segments import train
from pyspark_jobs.segments.hazard_fit import here
from serving.models import Models
from serving.rest import extension
from serving.rest.app import App
from serving.rest.door import Door
from serving.rest.features import FeatureSource
from serving.rest.log import PredictionLog
from serving.rest.metrics import Metrics
from serving.rest.server import Config
from tests.rest.service import Kept

SCORE_FROM = date(2016, 6, 6)
AS_OF = (date(2016, 5, 2), date(2016, 5, 9))
CLOCK = SystemClock()
TYPES = KMeansModel(
    features=TYPE_FEATURES,
    mean=(2.5, 5.5, 1.8),
    scale=(1.2, 1.8, 0.9),
    centroids=((-1.0, -1.0, -1.0), (0.0, 0.0, 0.0), (1.1, 1.1, 1.1)),
    names=("seldom", "now and then", "often"),
)


@dataclass
class Service:
    """A running service, what it logged, and the keys of cards with a history."""

    client: httpx.Client
    log: Kept
    cards: list[str]
    history: HazardModel

    def ask(self, given: Any, path: str = "/api-ml-model") -> httpx.Response:
        body = {"input": given} if "invocations" not in path else given
        return self.client.post(path, json=body)


@contextmanager
def running(folder: Path, **serving: Any) -> Iterator[Service]:
    """The service on a free port; its routes are those of an installation."""
    port, study = free_ports(1)[0], made()
    settings = Settings.model_validate(
        {"state_dir": str(folder / "state"), "serving": {"port": port, **serving}}
    )
    history, request = _hazards(study)
    registries = {
        names.TYPES: _registry(folder, names.TYPES, KMEANS, kmeans.encode(TYPES), TYPES.features),
        names.WILL_SPEND: _hazard(folder, names.WILL_SPEND, history),
        names.REQUEST: _hazard(folder, names.REQUEST, request),
    }
    kept, metrics = Kept(), Metrics()
    log = PredictionLog(lambda: kept, CLOCK, 1_000, metrics.log_dropped.inc)
    lookups = {names.WILL_SPEND: FeatureSource(settings, WILL_SPEND)}
    door = Door(Models(registries, CLOCK), settings.serving, CLOCK, metrics, log, lookups)
    routes = extension.arranged(
        {names.NAME: extension.named(names.NAME)}, settings.serving.plain_paths
    )
    server = uvicorn.Server(Config(App(door, settings, routes), settings.serving))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    never = threading.Event()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        never.wait(0.01)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield Service(client, kept, _lake(settings, study), history)
    server.should_exit = True
    thread.join()


def _hazards(study: Study) -> tuple[HazardModel, HazardModel]:
    rows = study.train_rows()
    history = train.fit_history(here(rows), here(rows))
    request = train.fit_request(here(rows), here(rows))
    return train.with_sampling_interval(history, rows), train.with_interval(request, rows, history)


def _hazard(folder: Path, name: str, model: HazardModel) -> Registry:
    return _registry(folder, name, HAZARD, hazard.encode(model), model.features)


def _registry(
    folder: Path, name: str, kind: str, data: bytes, features: tuple[str, ...]
) -> Registry:
    place = folder / f"{name} bundle"
    place.mkdir()
    (place / model_kind(kind).file).write_bytes(data)
    (place / bundle.CARD).write_text("# A model of the tests")
    pl.DataFrame({"card": ["a"]}).write_parquet(place / bundle.REFERENCE)
    day = dict.fromkeys(("train_start", "train_end", "test_start", "test_end"), SCORE_FROM)
    manifest = msgspec.convert(
        {
            "kind": kind, "features": features, "feature_hash": bundle.feature_hash(features),
            "recipe": {"feature_version": 1, SHOWN: {"8": 5}}, "contract_version": 1,
            "threshold": 0.0 if kind == KMEANS else 0.5, "costs": Costs(1.0, 1.0), "params": {},
            "folds": "none", **day, "score_from": SCORE_FROM, "train_rows": 1,
            "train_positives": 1, "delta_versions": {}, "git_commit": "unknown",
            "figures": Figures(rows=1, entities=1, positives=1, metrics={}), "files": {},
        },
        Manifest,
    )  # fmt: skip
    registry = Registry(MemoryStore(folder / name), CLOCK)
    version = registry.register(place, bundle.finalize(place, manifest))
    registry.promote(version.number, "a test")
    return registry


def _lake(settings: Settings, study: Study) -> list[str]:
    """Two weeks of history of three cards, under keys as the lake has them."""
    chosen = ["c0", "c1", "c2"]
    keys = [f"{number:032x}" for number in range(3)]
    parts = [
        card_features(study.purchases.filter(pl.col("card").is_in(chosen)), day).with_columns(
            pl.col("card").replace_strict(chosen, keys),
            pl.lit(day).alias("as_of"),
            pl.lit(float(day_number(day))).alias(FIRST_DAY),
            pl.lit(7.0).alias(HORIZON),
        )
        for day in AS_OF
    ]
    rows = pl.concat(parts).select(GOLD_HISTORY.names)
    write_deltalake(table_uri(settings.lake_uri, GOLD_HISTORY.name), rows.to_arrow())
    return sorted(set(rows["card"]))
