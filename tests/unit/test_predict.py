"""`predict` on batches of rows: any model by name, the same numbers, no silent NULL."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lakehouse.clock import SystemClock
from lakehouse.errors import ModelError, ServiceError
from lakehouse.models.calibration import Calibration
from lakehouse.models.forest import LEAF, from_nodes
from lakehouse.models.forest_model import ForestModel
from lakehouse.models.inputs import Inputs
from lakehouse.registry import ModelVersion, Registry
from lakehouse.registry.stores import MemoryStore
from pyspark_jobs.sql import predict
from pyspark_jobs.sql.live_models import MOST_NAMES, LiveModels
from tests.unit.conftest import MakeBundle

FEATURES = ("country=FR", "country=PL", "platform=Linux", "views", "orders")
MODEL = "Bot Detector"


class Clock(SystemClock):
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.now_s += seconds
        return stop.is_set()


class Broken(MemoryStore):
    """A store that can be out of reach."""

    is_down = False
    looks = 0

    def aliases(self) -> dict[str, int]:
        self.looks += 1
        if self.is_down:
            raise ServiceError.sentence("The registry does not answer.")
        return super().aliases()


def polish_model(vote: float = 0.9) -> ForestModel:
    """One tree: more than two views vote for a bot, but not from Poland."""
    forest = from_nodes(
        np.array([0]), np.array([3, 0, 1, 0, 0]), np.array([2.0, 0, 0.5, 0, 0]),
        np.array([[1, 2], [LEAF, LEAF], [3, 4], [LEAF, LEAF], [LEAF, LEAF]]),
        np.array([0.4, 0.1, 0.7, vote, 0.2]),
    )  # fmt: skip
    return ForestModel(FEATURES, forest, Calibration(1.0, 0.0), 0.5)


class Site:
    """A registry in memory, and the models of one worker over it."""

    def __init__(self, root: Path, make_bundle: MakeBundle) -> None:
        self.clock, self.store, self._make = Clock(), Broken(root), make_bundle
        self.registry = Registry(self.store, SystemClock())
        self.models = LiveModels(self._open, self.clock)

    def _open(self, model: str) -> Registry:
        return self.registry if model == MODEL else Registry(MemoryStore(Path()), SystemClock())

    def add(self, model: ForestModel) -> ModelVersion:
        return self.registry.promote(
            self.registry.register(*self._make(model)).number, "for the test"
        )

    def ask(self, name: str | None, *values: pa.Array) -> list[dict[str, Any]]:
        names = pa.array([name] * len(values[0]), pa.string())
        answers: list[dict[str, Any]] = predict.score(self.models, names, *values).to_pylist()
        return answers


@pytest.fixture
def site(tmp_path: Path, make_bundle: MakeBundle) -> Site:
    made = Site(tmp_path / "store", make_bundle)
    made.add(polish_model())
    return made


TEXTS = pa.array([["PL", "Linux"], ["FR", None], ["XX", "Linux"]], pa.list_(pa.string()))
NUMBERS = pa.array([[5, 1], [5, 1], [1, 0]], pa.list_(pa.int32()))


def test_texts_and_numbers_give_the_number_that_the_scorer_gives_to_the_bit(site: Site) -> None:
    answers = site.ask(MODEL, TEXTS, NUMBERS)
    rows = np.array([[0, 1, 1, 5, 1], [1, 0, 0, 5, 1], [0, 0, 1, 1, 0]], float)
    scorer = site.registry.load(site.registry.version(1)).scorer
    assert [one["probability"] for one in answers] == scorer.score(rows).probability.tolist()
    assert [one["prediction"] for one in answers] == ["0", "1", "0"]
    assert {one["model_version"] for one in answers} == {1}
    assert {one["error"] for one in answers} == {None}


def test_a_struct_is_taken_by_the_names_of_its_fields(site: Site) -> None:
    columns = {
        "orders": pa.array([1, 1, 0], pa.int64()),
        "views": pa.array([5.0, 5.0, 1.0]),
        "aside": pa.array(["a", "b", "c"]),
        "platform": pa.array(["Linux", None, "Linux"]),
        "country": pa.array(["PL", "FR", "XX"]),
    }
    struct = pa.StructArray.from_arrays(list(columns.values()), names=list(columns))
    assert site.ask(MODEL, struct) == site.ask(MODEL, TEXTS, NUMBERS)


@pytest.mark.parametrize(
    ("texts", "numbers", "error"),
    [
        (["PL", "Linux"], [None, 1], "views is NULL"),
        (["PL"], [1, 1], "it needs 2 texts (country, platform) and 2 numbers (views, orders), "
         "but got 1 and 2"),
        (["PL", "Linux"], None, "it needs 2 texts (country, platform) and 2 numbers (views, "
         "orders), but got 2 and 0"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_scored_says_why_and_spares_its_neighbours(
    site: Site, texts: list[str], numbers: list[int] | None, error: str
) -> None:
    both = pa.array([["FR", "Linux"], texts], pa.list_(pa.string()))
    values = pa.array([[5, 1], numbers], pa.list_(pa.int32()))
    good, bad = site.ask(MODEL, both, values)
    assert (good["prediction"], good["error"]) == ("1", None)
    assert (bad["prediction"], bad["probability"], bad["error"]) == (None, None, error)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("Bot Detectr", "There is no model called 'Bot Detectr' in the registry."),
        ("Bot Detector$7", "registry: expected one of the versions 1, but got 7; choose one."),
        ("it's", '"it\'s" is not the name of a model.'),
        (None, "the name of the model is NULL"),
    ],
)
def test_a_model_that_is_not_there_is_an_error_in_every_row(
    site: Site, name: str | None, error: str
) -> None:
    assert {one["error"] for one in site.ask(name, TEXTS, NUMBERS)} == {error}


def test_arguments_of_other_types_are_an_error_in_every_row(site: Site) -> None:
    assert {one["error"] for one in site.ask(MODEL, pa.array([1, 2, 3]))} == {predict.USAGE}
    swapped = site.ask(MODEL, NUMBERS, TEXTS)
    assert {one["error"] for one in swapped} == {"views is of type string"}


def test_a_promotion_is_noticed_after_a_second_and_looked_for_once_a_second(site: Site) -> None:
    site.ask(MODEL, TEXTS, NUMBERS)
    site.add(polish_model(vote=0.3))
    looks = site.store.looks
    for _ in range(5):
        assert site.ask(MODEL, TEXTS, NUMBERS)[1]["model_version"] == 1
    assert site.store.looks == looks
    site.clock.now_s += 1.0
    after = site.ask(MODEL, TEXTS, NUMBERS)[1]
    assert (after["model_version"], after["prediction"]) == (2, "0")
    pinned = site.ask("Bot Detector$1", TEXTS, NUMBERS)[1]
    assert (pinned["model_version"], pinned["prediction"]) == (1, "1")


def test_the_last_good_model_stays_while_the_registry_is_out_of_reach(site: Site) -> None:
    before = site.ask(MODEL, TEXTS, NUMBERS)
    site.store.is_down = True
    site.clock.now_s += 5.0
    assert site.ask(MODEL, TEXTS, NUMBERS) == before


def test_a_model_that_comes_later_is_found(tmp_path: Path, make_bundle: MakeBundle) -> None:
    site = Site(tmp_path / "store", make_bundle)
    with pytest.raises(ModelError, match="There is no model"):
        site.models.get(MODEL)
    site.add(polish_model())
    site.clock.now_s += 1.0
    assert site.models.get(MODEL).number == 1


def test_rows_may_ask_different_models(site: Site) -> None:
    site.add(polish_model(vote=0.3))
    names = pa.array([MODEL, f"{MODEL}$1", "none"], pa.string())
    answers = predict.score(site.models, names, TEXTS, NUMBERS).to_pylist()
    assert [one["model_version"] for one in answers] == [2, 1, None]


def test_rows_of_many_models_keep_their_places(site: Site) -> None:
    site.add(polish_model(vote=0.3))
    asked = [[MODEL, None, f"{MODEL}$1", "it's"][i * i % 7 % 4] for i in range(50)]
    rows = pa.array([i % 3 for i in range(50)])
    answers = predict.score(
        site.models, pa.array(asked, pa.string()), TEXTS.take(rows), NUMBERS.take(rows)
    ).to_pylist()
    alone = {name: site.ask(name, TEXTS, NUMBERS) for name in set(asked)}
    assert answers == [alone[name][i % 3] for i, name in enumerate(asked)]


def test_of_names_that_come_from_a_column_the_latest_are_remembered() -> None:
    opened = list[str]()

    def open_registry(model: str) -> Registry:
        opened.append(model)
        return Registry(MemoryStore(Path()), SystemClock())

    models = LiveModels(open_registry, Clock())

    def ask(name: str) -> bool:
        """Whether the registry had to be opened for it."""
        before = len(opened)
        with pytest.raises(ModelError, match="There is no model"):
            models.get(name)
        return len(opened) > before

    assert all(ask(f"model {i}") for i in range(MOST_NAMES))
    assert not ask("model 0")
    assert ask("one more")
    assert ask("model 1")
    assert not ask("model 0")


def test_no_rows_give_no_answers() -> None:
    nothing = pa.array([], pa.string())
    models = LiveModels(lambda _: pytest.fail("asked"), SystemClock())
    assert len(predict.score(models, nothing, TEXTS[:0], NUMBERS[:0])) == 0


def test_a_boolean_counts_as_a_number() -> None:
    matrix = Inputs(("is_known", "n")).matrix(
        {"is_known": pa.array([True, False]), "n": pa.array([1, 2])}
    )
    assert matrix.rows.tolist() == [[1, 1], [0, 2]]
