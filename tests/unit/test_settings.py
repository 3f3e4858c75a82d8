"""Settings: layers, refusals, secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from lakehouse.domains.settings import load
from lakehouse.errors import SettingsError


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
    with pytest.raises(SettingsError, match=r"setting kafka\.port should be .*'many'"):
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


SECRET = "Pa$$w0rd"
SECRET_OPTION = "CDRLAKE_LAKE__STORAGE_OPTIONS__AWS_SECRET_ACCESS_KEY"


@pytest.mark.parametrize(
    "environ",
    [
        {"CDRLAKE_LAKE__STORAGE_OPTIONS": f"{{AWS_SECRET_ACCESS_KEY: '{SECRET}}}"},
        {"CDRLAKE_LAKE__STORAGE_OPTIONS": f"AWS_SECRET_ACCESS_KEY={SECRET}"},
        {"CDRLAKE_LAKE__STORAGE_OPTIONS": f"!{SECRET}"},
        {"CDRLAKE_LAKE__STORAGE_OPTIONS": f"{{AWS_SECRET_ACCESS_KEY={SECRET}}}"},
        {"CDRLAKE_MYSQL": f"{{password={SECRET}}}"},
        {"CDRLAKE_KAFKA__OPTIONS": f"[{SECRET}]"},
        {"CDRLAKE_KAFKA__OPTIONS": f"{{sasl.password: [{SECRET}]}}"},
        {"CDRLAKE_MYSQL": f"password={SECRET}"},
        {"CDRLAKE_MYSQL": f"{{password: '{SECRET}}}"},
        {"CDRLAKE_MONITORING": f"{{webhook_url: [{SECRET}]}}"},
        {"CDRLAKE_MONITORING": f"{{smtp_url: {{a: {SECRET}}}}}"},
    ],
)
def test_an_error_never_prints_what_may_be_a_secret(conf: Path, environ: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(environ, conf)
    assert SECRET not in str(caught.value)
    assert (
        next(iter(environ)).split("__")[-1].removeprefix("CDRLAKE_").lower()
        in str(caught.value).lower()
    )


@pytest.mark.parametrize("text", [f"*{SECRET}", f"!{SECRET} x"])
def test_a_file_with_an_error_keeps_its_words_to_itself(conf: Path, text: str) -> None:
    write(conf, "settings.local.yaml", f"mysql:\n  password: {text}\n")
    with pytest.raises(SettingsError, match="line 2") as caught:
        load({}, conf)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("text", ["%Pa$$", "abc #def", "12345", "'quoted'", "{a: b", "~"])
def test_a_secret_of_the_environment_is_taken_as_it_stands(conf: Path, text: str) -> None:
    settings = load({SECRET_OPTION: text, "CDRLAKE_MYSQL__PASSWORD": text}, conf)
    assert settings.lake_options == {"aws_secret_access_key": text}
    assert settings.mysql.password is not None
    assert settings.mysql.password.get_secret_value() == text


def test_a_text_of_the_environment_is_no_number_and_nothing_is_nothing(conf: Path) -> None:
    settings = load({"CDRLAKE_MYSQL__USER": "12345", "CDRLAKE_LAKE__URI": ""}, conf)
    assert (settings.mysql.user, settings.lake.uri) == ("12345", None)
    with pytest.raises(SettingsError, match=r"setting state_dir should be a valid string"):
        load({"CDRLAKE_STATE_DIR": ""}, conf)


@pytest.mark.parametrize("token", ["", "  "])
def test_an_empty_token_is_no_token(conf: Path, token: str) -> None:
    with pytest.raises(SettingsError, match=r"setting api\.token: an empty text is not a token"):
        load({"CDRLAKE_API_TOKEN": token}, conf)
    write(conf, "settings.local.yaml", f"api: {{token: '{token}'}}\n")
    with pytest.raises(SettingsError, match=r"setting api\.token"):
        load({}, conf)


def test_an_active_window_longer_than_features_look_back_is_refused(conf: Path) -> None:
    windows = {"CDRLAKE_CDR__FEATURE_WINDOWS": "[2, 4, 7]"}
    assert load(windows | {"CDRLAKE_CDR__ACTIVE_WINDOW_DAYS": "8"}, conf).cdr.active_window_days
    with pytest.raises(SettingsError, match=r"cdr\.active_window_days and cdr\.feature_windows"):
        load(windows | {"CDRLAKE_CDR__ACTIVE_WINDOW_DAYS": "9"}, conf)


@pytest.mark.parametrize(
    "content",
    [
        b"kafka: &a [1]\nmysql: *a\n",
        b"[" * 50_000,
        b"kafka: {port: " + b"9" * 5_000 + b"}",
        b"kafka: {host: '\xff'}",
        b"kafka: [" + b"x, " * 20_000 + b"]",
        b"kafka: {port: [" + b"x, " * 20_000 + b"]}",
        b"k" * 900 + b": 1",
    ],
)
def test_a_file_meant_to_break_the_reader_is_refused_in_one_sentence(
    conf: Path, content: bytes
) -> None:
    path = conf / "conf" / "settings.local.yaml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load({}, conf)
    assert len(str(caught.value)) < 1_200 and "\n" not in str(caught.value)


def test_a_variable_meant_to_break_the_reader_is_refused_in_one_sentence(conf: Path) -> None:
    for text in ("[" * 50_000, "0x" + "f" * 50_000, "&a [*a]"):
        with pytest.raises(SettingsError, match="CDRLAKE_KAFKA__PORT") as caught:
            load({"CDRLAKE_KAFKA__PORT": text}, conf)
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["../settings", "../mappings/rawdata", "/etc/passwd", "a/b", "\0"])
def test_a_profile_is_a_name_and_not_a_path(conf: Path, name: str) -> None:
    (conf / "conf" / "mappings").mkdir()
    write(conf, "mappings/rawdata.yaml", "kafka: {port: 9999}\n")
    with pytest.raises(SettingsError, match=r"profile: expected a file in conf/profiles"):
        load({"CDRLAKE_PROFILE": name}, conf)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Europe/Copenhagn", r"; did you mean 'Europe/Copenhagen'\?"),
        ("Europe", "is not a time zone"),
        ("../../etc/passwd", "is not a time zone"),
        ("/etc/localtime", "is not a time zone"),
        ("x" * 5_000, "such as Europe/Copenhagen"),
    ],
)
def test_a_timezone_that_does_not_exist_is_refused(conf: Path, name: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=f"setting timezone: '.*{hint}") as caught:
        load({"CDRLAKE_TIMEZONE": name}, conf)
    assert len(str(caught.value)) < 200


def test_mail_settings_may_stand_in_the_variables_of_other_mailers(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "settings.yaml").write_text(f"state_dir: {tmp_path}/state\n")
    theirs = {
        "SMTP_SERVER": "mail.example.org", "SMTP_PORT": "465", "SMTP_USER": "a@b",
        "SMTP_PASSWORD": "p/w", "EMAIL_RECIPIENT": "desk@example.org",
    }  # fmt: skip
    found = load(theirs, tmp_path).monitoring
    assert found.alert_to == "desk@example.org"
    assert found.smtp_url is not None
    assert found.smtp_url.get_secret_value() == "smtps://a%40b:p%2Fw@mail.example.org:465"
    ours = load(theirs | {"CDRLAKE_MONITORING__ALERT_TO": "me@example.org"}, tmp_path).monitoring
    assert ours.alert_to == "me@example.org"
    assert load({"SMTP_SERVER": "mail.example.org"}, tmp_path).monitoring.smtp_url is None
