"""Dockerfiles, their steps, and the file of secrets."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path

import pytest

from eda import config

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))
SCRIPTS = sorted(DOCKER.rglob("*.sh"))
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


def instructions(path: Path) -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", "", path.read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2]) for line in lines]


def arguments(path: Path, word: str) -> list[str]:
    return [text for name, text in instructions(path) if name == word]


def make_env(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(DOCKER / "make_env.sh"), str(folder / ".env")]
    return subprocess.run(command, capture_output=True, text=True)


def variables(folder: Path) -> dict[str, str]:
    lines = (folder / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def lock(*left_out: str) -> str:
    command = [str(DOCKER / "steps" / "requirements.sh"), *left_out]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_there_are_dockerfiles_and_steps() -> None:
    assert [path.stem for path in DOCKERFILES] == ["services", "spark"]
    assert len(SCRIPTS) >= 8


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_an_image_has_a_pinned_base_and_an_account_without_rights(path: Path) -> None:
    (base,) = arguments(path, "FROM")
    assert re.fullmatch(r"[a-z/]+:\d+\.\d+\.\d+-\S+", base)
    assert instructions(path)[-1] == ("USER", "cdrlake")


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_each_run_is_one_step_that_exists_and_was_copied_before(path: Path) -> None:
    copied = False
    for word, text in instructions(path):
        copied |= (word, text) == ("COPY", "docker/steps docker/steps")
        if word == "RUN":
            assert copied
            assert (ROOT / text.split()[0]).is_file()


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_what_is_copied_exists_and_reaches_the_builder(path: Path) -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for text in arguments(path, "COPY"):
        for source in text.split()[:-1]:
            assert (ROOT / source).exists()
            assert source == "." or f"!{Path(source).parts[0]}" in ignored


def test_no_secret_reaches_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert "*" in lines
    assert all((ROOT / name).is_dir() for name in allowed)
    assert {"conf/settings.local.yaml", "**/.env", "**/GCP-Key.json"} <= set(lines)
    for path in DOCKERFILES:
        assert not re.search(r"PASSWORD|TOKEN|SECRET", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_executable_stops_at_errors_and_parses(path: Path) -> None:
    assert path.stat().st_mode & stat.S_IXUSR
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert subprocess.run(["bash", "-n", str(path)]).returncode == 0


def test_files_that_the_steps_read_exist() -> None:
    python = (DOCKER / "steps" / "python.sh").read_text(encoding="utf-8")
    assert "locks/build.txt" in python
    assert (ROOT / "locks" / "build.txt").is_file()
    for path in DOCKERFILES:
        assert "locks locks" in arguments(path, "COPY")


def test_the_jars_of_an_image_are_those_of_files_that_were_copied_before() -> None:
    copied = " ".join(arguments(DOCKER / "spark.Dockerfile", "COPY"))
    step = (DOCKER / "steps" / "jars.sh").read_text(encoding="utf-8")
    retrieved = re.findall(r"^retrieve (\S+) (\S+) \S+$", step, re.MULTILINE)
    wanted = {"ivy.xml": "spark", "ivy-s3.xml": "s3", "ivy-connect.xml": "connect"}
    assert dict(retrieved) == wanted
    for name, configuration in retrieved:
        assert f"conf/{name}" in copied
        assert f'conf name="{configuration}"' in (ROOT / "conf" / name).read_text(encoding="utf-8")


def test_the_whole_lock_is_taken_unless_packages_are_left_out() -> None:
    assert lock() == (ROOT / "locks" / "runtime.txt").read_text(encoding="utf-8")


def test_a_package_left_out_takes_its_hashes_along_and_nothing_else() -> None:
    whole, rest = lock().splitlines(), lock("pyspark").splitlines()
    gone = [line for line in whole if line not in set(rest)]
    assert gone[0].startswith("pyspark==")
    assert all("--hash=" in line or line.lstrip().startswith("#") for line in gone[1:])
    assert any(line.startswith("delta-spark==") for line in rest)
    assert rest[-1] == whole[-1]


def test_secrets_are_random_private_and_all_that_compose_asks_for(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        assert make_env(folder).returncode == 0
        assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    made, other = variables(first), variables(second)
    required = set(re.findall(r"\$\{(\w+):\?", COMPOSE))
    assert required == set(made) - {"CDRLAKE_UID"}
    for name in required:
        assert re.fullmatch(r"[\w-]{40,}", made[name])
    assert len({made[name] for name in required} | {other[name] for name in required}) == 2 * len(
        required
    )
    assert made["CDRLAKE_UID"] != "0"


def test_the_folders_of_output_are_there_before_docker_makes_them_as_root(tmp_path: Path) -> None:
    make_env(tmp_path)
    mounted = re.findall(r"- \./((?:output|data)[\w/]*):", COMPOSE)
    assert mounted
    assert all((tmp_path / folder).is_dir() for folder in mounted)


def test_the_days_to_explore_are_there_from_the_start_and_stay_as_they_were_edited(
    tmp_path: Path,
) -> None:
    make_env(tmp_path)
    params = tmp_path / "data" / "query_params.json"
    found = config.read(params)
    assert (found.end_date - found.start_date).days == 59
    params.write_text("{}", encoding="utf-8")
    (tmp_path / ".env").unlink()
    make_env(tmp_path)
    assert params.read_text(encoding="utf-8") == "{}"


def test_an_existing_file_keeps_its_secrets_and_gets_those_that_it_lacks(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KEPT=1\nCDRLAKE_MYSQL__PASSWORD=old\n", encoding="utf-8")
    said = make_env(tmp_path).stdout
    first = variables(tmp_path)
    assert first["KEPT"] == "1" and first["CDRLAKE_MYSQL__PASSWORD"] == "old"
    assert "MONGO_PASSWORD" in said and "CDRLAKE_MYSQL__PASSWORD" not in said
    assert "has all of them" in make_env(tmp_path).stdout
    assert variables(tmp_path) == first
