"""Settings: layers, refusals, secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from lakehouse.errors import SettingsError
from lakehouse.settings import load


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    (tmp_path / "conf" / "profiles").mkdir(parents=True)
    write(tmp_path, "settings.yaml", f"state_dir: {tmp_path}/state\nkafka: {{port: 1111}}\n")
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / "conf" / name).write_text(text, encoding="utf-8")


def test_later_layers_win(conf: Path) -> None:
    write(conf, "profiles/short.yaml", "kafka: {port: 2222, partitions: 3}\n")
    write(conf, "settings.local.yaml", "kafka: {port: 3333}\n")
    settings = load({"CDRLAKE_PROFILE": "short", "CDRLAKE_MYSQL__PORT": "4444"}, conf)
    assert (settings.kafka.port, settings.kafka.partitions, settings.mysql.port) == (3333, 3, 4444)
    assert settings.profile == "short"


def test_an_unknown_key_names_the_closest_known_one(conf: Path) -> None:
    write(conf, "settings.local.yaml", "kafka: {prot: 1}\n")
    with pytest.raises(SettingsError, match=r"settings\.local\.yaml: kafka.*'prot'.*'port'"):
        load({}, conf)


def test_an_unknown_variable_refuses(conf: Path) -> None:
    with pytest.raises(SettingsError, match=r"environment.*'kafak'.*'kafka'"):
        load({"CDRLAKE_KAFAK__PORT": "1"}, conf)


def test_malformed_yaml_names_line_and_column(conf: Path) -> None:
    write(conf, "settings.local.yaml", "kafka:\n  port: [1\n")
    with pytest.raises(SettingsError, match=r"settings\.local\.yaml line 3, column 1"):
        load({}, conf)


def test_a_wrong_kind_names_the_setting_and_the_value(conf: Path) -> None:
    with pytest.raises(SettingsError, match=r"setting kafka\.port: .*'many'"):
        load({"CDRLAKE_KAFKA__PORT": "many"}, conf)


def test_an_unknown_profile_names_the_closest_one(conf: Path) -> None:
    write(conf, "profiles/short.yaml", "{}\n")
    with pytest.raises(SettingsError, match="did you mean 'short'"):
        load({}, conf, profile="shrot")


def test_secrets_print_as_stars_and_errors_hide_them(conf: Path) -> None:
    settings = load({"CDRLAKE_MYSQL__PASSWORD": "12345", "CDRLAKE_API_TOKEN": "t0ken"}, conf)
    assert settings.mysql.password is not None
    assert settings.mysql.password.get_secret_value() == "12345"
    assert "12345" not in repr(settings)
    assert "t0ken" not in repr(settings)
    write(conf, "settings.local.yaml", "mysql: {password: [s3cret]}\n")
    with pytest.raises(SettingsError) as caught:
        load({}, conf)
    assert "s3cret" not in str(caught.value)


def test_generated_secrets_are_read_and_the_environment_wins(conf: Path) -> None:
    (conf / "state").mkdir()
    (conf / "state" / "secrets.yaml").write_text("mysql: {password: made}\n", encoding="utf-8")
    made = load({}, conf).mysql.password
    given = load({"CDRLAKE_MYSQL__PASSWORD": "given"}, conf).mysql.password
    assert made is not None and made.get_secret_value() == "made"
    assert given is not None and given.get_secret_value() == "given"


def test_settings_are_frozen(conf: Path) -> None:
    with pytest.raises(ValidationError):
        load({}, conf).kafka.port = 1  # type: ignore[misc]


def test_the_shipped_settings_and_profiles_load() -> None:
    assert load({}).kafka.port == 19092
    assert load({}, profile="copenhagen").cdr.label_horizon_days == 3
