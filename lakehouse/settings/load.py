"""Settings are read once, at the edge, from YAML files and the environment.

Later sources override earlier ones: the generated secrets of the embedded servers, the settings of
other Kafka clients (`lakehouse.settings.client_properties`), `conf/settings.yaml`,
`conf/profiles/<profile>.yaml`, `conf/settings.local.yaml`, `CDRLAKE_<SECTION>__<KEY>` variables. A
variable for a text is taken literally, any other is parsed as YAML.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from lakehouse import yaml_files
from lakehouse.errors import SettingsError, closest
from lakehouse.settings import client_properties, mail_variables
from lakehouse.settings.model import DomainSettings, Settings
from lakehouse.settings.root import ROOT, from_root
from lakehouse.settings.secrecy import HIDDEN, is_nothing, is_secret, is_text

ENV_PREFIX = "CDRLAKE_"
ENV_RESERVED = ("CDRLAKE_CONF", "CDRLAKE_PROFILE")
SECRETS_FILE = "secrets.yaml"
# Characters of a wrong value or key that an error repeats.
MOST_SHOWN = 100
# Short names that users meet in documents, beside the regular SECTION__KEY form.
ENV_ALIASES = {
    "CDRLAKE_API_TOKEN": ("api", "token"),
    "MAX_STREAM_BATCH_SIZE": ("simulator", "max_batch_size"),
    "MAX_STREAM_NUM_BATCHES": ("simulator", "max_num_batches"),
    "MAX_STREAM_INTERVAL_SECONDS": ("simulator", "max_interval_seconds"),
    "MODEL_SERVER_WORKERS": ("serving", "workers"),
}


S = TypeVar("S", bound=Settings)


def load(
    kind: type[S],
    environ: Mapping[str, str] | None = None,
    root: Path = ROOT,
    profile: str | None = None,
) -> S:
    """Read the settings of this installation as a value of `kind`.

    Raises `SettingsError` for an unreadable file, an unknown key (with the closest known one) or
    a value of the wrong kind.
    """
    env = dict(os.environ if environ is None else environ)
    conf = Path(env.get(f"{ENV_PREFIX}CONF", root / "conf"))
    profile = profile or env.get(f"{ENV_PREFIX}PROFILE")
    layers = [(conf / "settings.yaml", _read(conf / "settings.yaml", required=True))]
    if profile:
        layers.append(_profile(conf, profile))
    local = conf / "settings.local.yaml"
    layers.append((local, _read(local)))
    overrides = _from_environment(kind, env)
    merged: dict[str, Any] = {}
    for path, values in [*layers, (Path("environment"), overrides)]:
        _refuse_unknown(path, values, kind)
        merged = _merge(merged, values)
    merged.setdefault("profile", profile)
    state = from_root(str(merged.get("state_dir", ".cdrlake")))
    # What stands in the place of the state folder is for whoever writes there to complain of.
    if state.is_dir():
        merged = _merge(_read(state / SECRETS_FILE), merged)
    theirs = {
        "kafka": _from_other_clients(merged, env),
        "monitoring": mail_variables.from_variables(env),
    }
    return _validate(kind, _merge(theirs, merged))


def _from_other_clients(merged: dict[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """Settings from other Kafka clients' file and variables, for brokers that are not embedded.

    Other programs may use the same variable names, so the embedded broker ignores them.
    """
    kafka = merged.get("kafka", {})
    path = kafka.get("client_properties")
    try:
        is_embedded = TypeAdapter(bool).validate_python(kafka.get("embedded", True))
    except ValidationError:
        return {}
    if is_embedded:
        return {}
    known = client_properties.from_file(from_root(path)) if isinstance(path, str) else {}
    return _merge(known, client_properties.from_variables(env))


def _validate(kind: type[S], values: dict[str, Any]) -> S:
    try:
        settings = kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        path = tuple(_name(part) for part in first["loc"])
        setting, do = f"setting {'.'.join(path)}", "correct it in conf/ or the environment"
        if first["type"] == "value_error":  # a check of ours, which says it all
            reason = first["msg"].removeprefix("Value error, ")
            text = f"{setting}: {reason}."
            raise SettingsError.sentence(text, where=setting, needed=reason, do=do) from None
        got = HIDDEN if is_secret(kind, path) else _shown(first["input"])
        said = first["msg"].removeprefix("Input ")
        text = f"{setting} {said}, but is {got}; {do}."
        raise SettingsError.sentence(text, where=setting, needed=said, got=got, do=do) from None
    for name in kind.model_fields:
        section = getattr(settings, name)
        if isinstance(section, DomainSettings):
            section.check()
    return settings


def _profile(conf: Path, profile: str) -> tuple[Path, dict[str, Any]]:
    """The file of a profile and its values; a name must not be a path, which could go anywhere."""
    known = {file.stem: file for file in (conf / "profiles").glob("*.yaml")}
    if profile not in known:
        raise SettingsError(
            "profile", "a file in conf/profiles", repr(_name(profile)), closest(profile, known)
        )
    return known[profile], _read(known[profile])


def _read(path: Path, required: bool = False) -> dict[str, Any]:
    try:
        values = yaml_files.read(path, SettingsError)
    except FileNotFoundError:
        if required:
            raise SettingsError(
                str(path), "a settings file", "none", "restore it from the project"
            ) from None
        return {}
    if not isinstance(values, dict | None):
        raise SettingsError(str(path), "keys with values", type(values).__name__, "correct it")
    return values or {}


def _from_environment(kind: type[Settings], env: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in sorted(env.items()):
        if name in ENV_ALIASES:
            path: tuple[str, ...] = ENV_ALIASES[name]
        elif name.startswith(ENV_PREFIX) and name not in ENV_RESERVED:
            path = tuple(name.removeprefix(ENV_PREFIX).lower().split("__"))
        else:
            continue
        value = _value(kind, name, path, text)
        for key in reversed(path):
            value = {key: value}
        values = _merge(values, value)
    return values


def _value(kind: type[Settings], name: str, path: tuple[str, ...], text: str) -> Any:
    if is_text(kind, path):
        return None if is_nothing(kind, path, text) else text
    return yaml_files.parse(text, name, SettingsError)


def _name(key: object) -> str:
    """A key without anything after a `=`, which was meant to be a value and may be a secret."""
    return str(key).partition("=")[0][:MOST_SHOWN]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def _merge(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if nested else value
    return merged


def _refuse_unknown(path: Path, values: dict[str, Any], model: type[BaseModel]) -> None:
    for key, value in values.items():
        field = model.model_fields.get(str(key))
        if field is None:
            name = _name(key)
            hint = closest(name, model.model_fields)
            text = f"{path} has no key '{name}'; {hint}" + ("" if hint.endswith("?") else ".")
            raise SettingsError.sentence(text, where=str(path), got=name, do=hint)
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            if not isinstance(value, dict):
                got = f"a {type(value).__name__}"  # of which the text may be a secret
                raise SettingsError(str(path), f"keys under '{key}'", got, "indent them")
            _refuse_unknown(Path(f"{path}: {key}"), value, kind)
