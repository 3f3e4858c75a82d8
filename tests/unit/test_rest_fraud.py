"""The fraud service's routes over HTTP: what its users send, and what they get."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from lakehouse.clock import SystemClock
from lakehouse.domains.fraud.contracts import FEATURES
from serving.fraud import routes
from serving.rest.extension import arranged
from tests.rest.samples import seal_logistic
from tests.rest.service import NAME, Running, running

NOW = SystemClock().now().timestamp()
EVENT: dict[str, Any] = {
    **{name: str(round(0.1 * number, 1)) for number, name in enumerate(FEATURES)},
    "Amount": "33.62", "ingest_ts": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routes, "MODEL_NAME", NAME)
        extra = tuple(arranged({"fraud": routes.ROUTES}, {}))
        with running(tmp_path_factory.mktemp("service"), extra=extra) as found:
            for seed in (7, 8):
                place = found.folder / f"fraud-{seed}"
                found.registry.register(*seal_logistic(place, seed, FEATURES))
            found.promote(3)
            yield found


def by_hand(service: Running, version: int, event: dict[str, Any]) -> float:
    scorer = service.models.version(NAME, version).scorer
    row = np.array([[float(event[name]) for name in FEATURES]])
    return float(scorer.score(row).probability[0])


def test_the_answer_repeats_the_request_and_says_who_decided_when(service: Running) -> None:
    sent = EVENT | {"message_id": "a:1", "note": {"any": [1, None]}, "ingest_ts": NOW - 5}
    for path in ("/predict", "/fraud/predict"):
        answer = service.post(path, sent)
        found = answer.json()
        assert answer.status_code == 200
        assert {name: found[name] for name in sent} == sent
        assert found["result"] == str(by_hand(service, 3, sent))
        assert found["version"] == 3
        assert found["prediction_latency"] >= 5
        late = found["prediction_ts"] - found["ingest_ts"]
        assert found["prediction_latency"] == pytest.approx(late, abs=0.002)


def test_the_named_version_answers_and_not_the_current_one(service: Running) -> None:
    found = service.post("/predict", EVENT | {"version": 2}).json()
    assert (found["version"], found["result"]) == (2, str(by_hand(service, 2, EVENT)))
    assert service.post("/predict", EVENT | {"version": "2"}).json()["version"] == 2
    assert found["result"] != service.post("/predict", EVENT).json()["result"]
    unknown = service.post("/predict", EVENT | {"version": 20})
    assert unknown.status_code == 404 and "versions are: 1, 2, 3" in unknown.json()["error"]
    assert service.post("/predict", EVENT | {"version": 0}).status_code == 404


def test_every_feature_goes_to_its_own_coefficient(service: Running) -> None:
    for name in FEATURES:
        moved = EVENT | {name: 4.5}
        result = service.post("/predict", dict(reversed(moved.items()))).json()["result"]
        assert result == str(by_hand(service, 3, moved))
        assert result != service.post("/predict", EVENT).json()["result"]


@pytest.mark.parametrize("moment", [1.5, "1.5", "1970-01-01T00:00:01.5Z"])
def test_a_moment_is_a_number_or_a_text(service: Running, moment: object) -> None:
    found = service.post("/predict", EVENT | {"ingest_ts": moment}).json()
    assert found["ingest_ts"] == moment
    assert found["prediction_ts"] - found["prediction_latency"] == pytest.approx(1.5, abs=0.002)


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in EVENT.items() if key != name}


WRONG: list[tuple[Any, int, str | None]] = [
    (without("ingest_ts"), 422, "ingest_ts"),
    (without("V28"), 422, "V28"),
    (EVENT | {"V3": "much"}, 422, "V3"),
    (EVENT | {"V3": "NaN"}, 422, "V3"),
    (EVENT | {"V3": None}, 422, "V3"),
    (EVENT | {"ingest_ts": None}, 422, "ingest_ts"),
    (EVENT | {"ingest_ts": 1e300}, 422, "ingest_ts"),
    (EVENT | {"ingest_ts": "1970-01-01T00:00:01"}, 422, "ingest_ts"),
    (EVENT | {"ingest_ts": "nan"}, 422, "ingest_ts"),
    (EVENT | {"version": "newest"}, 422, "version"),
    ([EVENT], 422, None),
    (b"{", 400, None),
]


@pytest.mark.parametrize(("body", "status", "field"), WRONG)
def test_a_wrong_request_is_told_what_is_wrong(
    service: Running, body: Any, status: int, field: str | None
) -> None:
    answer = service.post("/predict", body)
    assert answer.status_code == status, answer.text
    assert answer.json().get("field") == field


def test_the_history_has_the_figures_of_every_version(service: Running) -> None:
    for path in ("/metrics/history", "/fraud/metrics/history"):
        found = service.client.get(path).json()
        assert [one["version"] for one in found] == [1, 2, 3]
        assert {(one["rocauc"], one["prauc"]) for one in found} == {(0.95, 0.8)}
        assert [one["is_champion"] for one in found] == [False, False, True]
