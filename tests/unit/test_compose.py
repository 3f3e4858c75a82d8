"""The compose file: valid, and everything that it names exists in the project."""

from __future__ import annotations

import importlib
import json
import re
import zipfile
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest

from lakehouse.domains import DOMAINS
from lakehouse.domains.settings import load
from tests.unit.compose_file import BUILT, COMPOSE, ROOT, SERVICES, TEXT, VARIABLE, published, words

IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
SECRET = re.compile(r"PASSWORD|TOKEN|SECRET")
JOBS = {
    query.job
    for domain in DOMAINS
    for query in importlib.import_module(f"lakehouse.domains.{domain.name}.names").QUERIES
}
# Without a page: each lives as long as its process.
PAGELESS = {"mirror", "cards-producer", "cards-door", "cards-record", "cards-alarms"}


def test_it_passes_the_schema_of_the_compose_specification() -> None:
    schemas = distribution("check-jsonschema").locate_file("check_jsonschema/builtin_schemas")
    text = Path(str(schemas), "vendor", "compose-spec.json").read_text(encoding="utf-8")
    jsonschema.validate(COMPOSE, json.loads(text))


@pytest.mark.parametrize("name", BUILT)
def test_what_an_image_is_built_from_exists(name: str) -> None:
    build = SERVICES[name]["build"]
    assert (ROOT / build["context"] / build["dockerfile"]).is_file()


def test_no_container_keeps_its_log_for_ever() -> None:
    for name, service in SERVICES.items():
        assert service["logging"]["options"]["max-size"], name


def test_images_from_elsewhere_are_pinned() -> None:
    for name, service in SERVICES.items():
        tag = service["image"].rpartition(":")[2]
        assert re.search(r"\d+\.\d+\.\d+", tag), name


@pytest.mark.parametrize("name", BUILT)
def test_a_command_names_what_exists(name: str) -> None:
    match words(SERVICES[name]):
        case ["python", "-m", module, *options]:
            assert f"!{module.partition('.')[0]}" in IGNORED
            found = find_spec(module)
            is_package = found is not None and found.submodule_search_locations is not None
            main = find_spec(f"{module}.__main__") if is_package else found
            assert main is not None and main.origin is not None
            source = Path(main.origin).read_text(encoding="utf-8")
            assert all(f'"{option}"' in source for option in options if option.startswith("-"))
        case ["python", script, *_]:
            assert (ROOT / script).is_file()
        case ["docker/submit.sh", job, *options]:
            source = (ROOT / "pyspark_jobs" / "jobs" / f"{job}.py").read_text(encoding="utf-8")
            assert all(f'"{option}"' in source for option in options)
        case [script] if script.startswith("docker/"):
            assert (ROOT / script).is_file()
        case ["spark-class", main, *_]:
            jars = Path(str(distribution("pyspark").locate_file("pyspark/jars")))
            core = zipfile.ZipFile(next(jars.glob("spark-core_*.jar")))
            assert f"{main.replace('.', '/')}.class" in core.namelist()
        case ["mlflow", "server", *options]:
            cli = Path(str(distribution("mlflow").locate_file("mlflow/cli/__init__.py")))
            shared = cli.parent.parent / "utils" / "cli_args.py"
            known = cli.read_text(encoding="utf-8") + shared.read_text(encoding="utf-8")
            for option in options:
                assert f'"{option.partition("=")[0]}' in known, option
        case unknown:
            pytest.fail(f"no test for {unknown}")


@pytest.mark.parametrize("name", BUILT)
def test_its_settings_are_known_and_reach_the_right_servers(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    if not any(key.startswith("CDRLAKE_") for key in environment):
        return
    settings = load(environment)
    assert not settings.kafka.embedded
    assert not settings.mysql.embedded
    brokers = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"//{settings.kafka.bootstrap_servers}," in brokers
    assert (settings.mysql.host, settings.mysql.port) == ("mysql", 3306)
    assert settings.tracking_uri == "http://mlflow:5000"
    assert settings.schemas.address == "http://schema-registry:8081"
    # Nothing else can be written to in a container.
    written = settings.state, settings.processed, settings.fraud.project
    for folder in (*written, Path(settings.cards.validated_dir)):
        assert folder.is_relative_to("/var/lib/cdrlake"), folder


def test_the_copies_of_processed_data_are_found_outside_of_the_container() -> None:
    transform = SERVICES["transform"]
    mounts = {mount.split(":")[1]: mount.split(":")[0] for mount in transform["volumes"]}
    assert mounts[str(load(transform["environment"]).processed)] == "./output/processed"


def test_ports_are_on_loopback_and_those_of_the_settings() -> None:
    assert {host for _, host, _, _ in published()} == {"127.0.0.1"}
    ports = {name: (outside, inside) for name, _, outside, inside in published()}
    settings = load({})
    assert ports["flaskapp"] == (settings.simulator.port,) * 2
    assert ports["monitoring"] == (settings.monitoring.port,) * 2
    assert ports["serving"] == (settings.serving.port,) * 2
    assert ports["kafka"] == (settings.kafka.port,) * 2
    assert ports["mysql"] == (settings.mysql.port, 3306)
    assert ports["connect"] == (settings.connect.port,) * 2
    assert ports["schema-registry"] == (settings.schemas.port,) * 2
    assert ports["cards-source"] == (settings.cards.source_port,) * 2
    assert ports["cards-page"] == (settings.cards.page_port,) * 2


@pytest.mark.parametrize("name", BUILT)
def test_a_health_check_asks_for_what_is_there(name: str) -> None:
    check = SERVICES[name].get("healthcheck", {}).get("test")
    match check:
        case None:
            service = SERVICES[name]
            assert service["restart"] in ("no", "on-failure") or name in PAGELESS
        case ["CMD", "python", "docker/healthy.py", "http", url]:
            inside = {port for other, _, _, port in published() if other == name}
            port = int(url.split(":")[2].split("/")[0])
            assert port in inside or f"--webui-port={port}" in words(SERVICES[name])
        case ["CMD", "python", "docker/healthy.py", "queries", *jobs]:
            assert set(jobs) <= JOBS
        case unknown:
            pytest.fail(f"no test for {unknown}")


def test_the_old_container_names_answer() -> None:
    aliases = {
        alias
        for service in SERVICES.values()
        if isinstance(service["networks"], dict)
        for alias in service["networks"]["lake"]["aliases"]
    }
    assert aliases == {
        "flaskapp-db",
        "flaskapp-flaskapp-db-1",
        "flaskapp-flaskapp-app-1",
        "pyspark-pyspark-analysis-1",
        "pyspark-pyspark-model-1",
    }


def test_every_state_has_a_declared_volume_and_every_mounted_file_exists() -> None:
    made = (ROOT / "docker" / "make_env.sh").read_text(encoding="utf-8")
    used = set()
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if not source.startswith("./"):
                used.add(source)
            elif not (ROOT / source).exists():
                assert Path(source).parts[0] in made, source
    assert used == set(COMPOSE["volumes"])


def test_no_secret_stands_in_the_file() -> None:
    for line in TEXT.splitlines():
        key, _, value = line.strip().partition(": ")
        if SECRET.search(key) and not key.startswith("#"):
            assert VARIABLE.fullmatch(value), line
