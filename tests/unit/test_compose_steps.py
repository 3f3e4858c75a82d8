"""The compose file's steps and profiles: who is started with whom, and with which settings."""

from __future__ import annotations

import pytest
import yaml

from lakehouse.domain import Domain
from lakehouse.domains import DOMAINS
from lakehouse.domains.cdr import CDR, names
from lakehouse.domains.settings import load
from lakehouse.http.hosts import is_known_host
from tests.unit.compose_file import BUILT, ROOT, SERVICES, checks, needed_by, words


def test_settings_of_ones_own_reach_who_reads_settings_and_no_server() -> None:
    own = {name for name in BUILT if SERVICES[name]["env_file"]}
    assert own == set(BUILT) - {"mlflow", "spark-master"}
    for name in own:
        assert SERVICES[name]["env_file"] == [{"path": "settings.env", "required": False}]


def test_a_container_that_serves_gets_time_to_drain() -> None:
    service = SERVICES["serving"]
    drained = load(service["environment"]).serving.drain_seconds
    assert float(service["stop_grace_period"].removesuffix("s")) > drained


def test_steps_go_on_without_a_first_model() -> None:
    awaited = {
        other: wish["condition"]
        for name in ("score", "jobs")
        for other, wish in SERVICES[name]["depends_on"].items()
    }
    assert awaited["train"] == "service_started"
    assert words(SERVICES["score"]) == ["docker/score.sh"]


def test_services_on_all_addresses_of_their_container_have_a_token() -> None:
    sections = {
        "flaskapp": "simulator",
        "monitoring": "monitoring",
        "serving": "serving",
        "cards-source": "cards",
        "cards-page": "cards",
        "connect": "connect",
    }
    for name, section in sections.items():
        settings = load(SERVICES[name]["environment"])
        assert getattr(settings, section).host == "0.0.0.0"
        assert settings.api.token is not None
    assert words(SERVICES["jobs"])[-1] == "0.0.0.0"
    assert load(SERVICES["jobs"]["environment"]).api.token is not None


def test_prometheus_asks_a_service_of_ours_by_a_name_that_it_goes_by() -> None:
    scrapes = yaml.safe_load((ROOT / "conf" / "prometheus.yml").read_text(encoding="utf-8"))
    for scrape in scrapes["scrape_configs"]:
        (target,) = scrape["static_configs"][0]["targets"]
        service = SERVICES[target.split(":")[0]]
        if words(service)[0] == "python":
            assert is_known_host(target, load(service["environment"]).api), target


def test_every_streaming_query_is_under_a_health_check() -> None:
    checked = {word for service in SERVICES.values() for word in checks(service)}
    assert {query.job for query in names.QUERIES} <= checked


def test_who_waits_for_health_or_an_end_can_get_it() -> None:
    for service in SERVICES.values():
        for other, wish in service.get("depends_on", {}).items():
            awaited = SERVICES[other]
            if wish["condition"] == "service_healthy":
                assert "healthcheck" in awaited, other
            if wish["condition"] == "service_completed_successfully":
                assert awaited["restart"] in ("no", "on-failure"), other


def test_the_four_steps_that_users_know_run_alone() -> None:
    source = {"mysql", "kafka", "init"}
    assert needed_by("flaskapp") == {"flaskapp", *source}
    assert needed_by("eda") == {"eda", *source}
    assert needed_by("monitoring") == {"monitoring", "mlflow", *source}
    assert needed_by("serving") == {"serving", "mlflow", *source}
    assert {"ingest", "transform", "train", "score", "mirror", "flaskapp"} <= needed_by("jobs")
    for step in ("flaskapp", "eda", "jobs", "monitoring", "serving"):
        profiles = {*SERVICES[step].get("profiles", [])}
        assert all({*SERVICES[name].get("profiles", [])} <= profiles for name in needed_by(step))


@pytest.mark.parametrize("domain", [one for one in DOMAINS if one is not CDR and one.tables])
def test_a_domain_has_a_profile_with_all_of_its_processes(domain: Domain) -> None:
    profiled = [one for one in SERVICES.values() if one.get("profiles") == [domain.name]]
    modules = {words(one)[2] for one in profiled if words(one)[:2] == ["python", "-m"]}
    jobs = {words(one)[1] for one in profiled if words(one)[:1] == ["docker/submit.sh"]}
    for service in domain.services:
        if service.job:
            assert service.module.rpartition(".")[2] in jobs, service.name
        elif service.name not in SERVICES or "build" in SERVICES[service.name]:
            assert service.module in modules, service.name


def test_only_preparation_and_the_server_know_the_administrator() -> None:
    knowing = {
        name
        for name, service in SERVICES.items()
        if {"MYSQL_ROOT_PASSWORD", "CDRLAKE_MYSQL__ADMIN_PASSWORD"}
        & set(service.get("environment", {}))
    }
    assert knowing == {"mysql", "init"}
