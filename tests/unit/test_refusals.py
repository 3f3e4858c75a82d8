"""Bad input: one sentence that says where, what was needed, what came and what to do."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from cdrlake import main_job
from cdrlake.doctor import require_disk, require_folders
from cdrlake.services.ports import free_ports
from lakehouse.domains.settings import load
from lakehouse.errors import LedgerError, ServiceError
from lakehouse.ledger import Comparison, Ledger


def cdrlake(tmp_path: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    state = {"CDRLAKE_STATE_DIR": str(tmp_path / "state")}
    return subprocess.run(
        [sys.executable, "-m", "cdrlake.cli", *words],
        env=os.environ | state | env,
        capture_output=True,
        text=True,
    )


def assert_refused(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode == 1
    assert done.stderr.startswith("error ")
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr


def conf_with(tmp_path: Path, local: str) -> str:
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "settings.yaml").write_text("{}\n", encoding="utf-8")
    (conf / "settings.local.yaml").write_text(local, encoding="utf-8")
    return str(conf)


def test_an_unknown_settings_key(tmp_path: Path) -> None:
    conf = conf_with(tmp_path, "kafak: {port: 1}\n")
    assert_refused(
        cdrlake(tmp_path, "status", CDRLAKE_CONF=conf), "'kafak'", "did you mean 'kafka'"
    )


def test_malformed_yaml(tmp_path: Path) -> None:
    conf = conf_with(tmp_path, "kafka: {port: 1\n")
    assert_refused(cdrlake(tmp_path, "status", CDRLAKE_CONF=conf), "line 2", "valid YAML")


def test_missing_java(tmp_path: Path) -> None:
    done = cdrlake(tmp_path, "up", JAVA_HOME=str(tmp_path / "nowhere"))
    assert_refused(done, "17 or 21", "openjdk-17-jre-headless")
    assert not (tmp_path / "state" / "mysql").exists()


def test_a_taken_port(tmp_path: Path) -> None:
    # An installation may be running beside the tests, on the ports that are usual.
    others = ("KAFKA__PORT", "KAFKA__CONTROLLER_PORT", "MYSQL__PORT", "MONITORING__PORT",
              "SERVING__PORT")  # fmt: skip
    ports = dict(zip(others, map(str, free_ports(len(others))), strict=True))
    env = {f"CDRLAKE_{name}": value for name, value in ports.items()}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cdrlake(tmp_path, "up", CDRLAKE_SIMULATOR__PORT=str(port), **env)
    assert_refused(done, f"port {port}", "simulator.port", f"pid {os.getpid()}")
    assert not (tmp_path / "state" / "mysql").exists()


def test_an_unreadable_file(tmp_path: Path) -> None:
    done = cdrlake(tmp_path, "demo", "--csv", str(tmp_path / "none.csv"))
    assert_refused(done, "none.csv")
    assert not (tmp_path / "state").exists()


def test_an_unknown_mapping(tmp_path: Path) -> None:
    done = cdrlake(tmp_path, "demo", "--csv", "x.csv", "--mapping", "copenhagn")
    assert_refused(done, "did you mean 'copenhagen'")


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10, 10, 1024))
    with pytest.raises(ServiceError, match=r"has 0\.00 GiB left and 2 GiB are needed.*state_dir"):
        require_disk(tmp_path / "not" / "yet")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    settings = load({"CDRLAKE_STATE_DIR": str(tmp_path / "locked" / "state")})
    with pytest.raises(ServiceError, match=r"Cannot write to .*locked/state.*set state_dir"):
        require_folders(settings)


def test_a_state_folder_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    for command in ("up", "demo"):
        done = cdrlake(tmp_path, command)
        assert_refused(done, f"Cannot write to {tmp_path / 'state'}", "state_dir")
        assert len(done.stderr.splitlines()) == 1


def test_a_demo_never_wipes_an_installation(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    settings = load({"CDRLAKE_STATE_DIR": str(tmp_path)})
    with pytest.raises(ServiceError, match="cdrlake reset"):
        main_job.prepare_state(settings)
    assert (tmp_path / "kafka").exists()


def test_counts_that_differ_are_named_with_both_numbers() -> None:
    found = Ledger((), (Comparison("a = b", 3, 3), Comparison("bronze = silver", 1234, 1233)))
    with pytest.raises(LedgerError, match="bronze = silver is 1,234 against 1,233"):
        main_job.require_balance(found)
