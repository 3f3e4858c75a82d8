"""Kafka access in other clients' formats: `client.properties` files and well-known variables.

Both spellings are understood, librdkafka's (`sasl.username`) and Java's (`sasl.jaas.config`).
Anything that is not about reaching the broker, such as `acks` or deserialisers, is decided by this
project.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lakehouse.errors import SettingsError, closest
from lakehouse.settings.kafka import TRANSLATED

# Where a property stands in the section `kafka`.
_PLACES = {
    "bootstrap.servers": "bootstrap",
    "metadata.broker.list": "bootstrap",
    "client.id": "librdkafka_options.client.id",
    "security.protocol": "security.protocol",
    "sasl.mechanism": "security.mechanism",
    "sasl.mechanisms": "security.mechanism",
    "sasl.username": "security.username",
    "sasl.password": "security.password",
    "ssl.ca.location": "security.ca_file",
    "ssl.truststore.location": "security.ca_file",
    "ssl.certificate.location": "security.certificate_file",
    "ssl.key.location": "security.key_file",
    "ssl.key.password": "security.key_password",
}
_KNOWN = (
    *_PLACES,
    "sasl.jaas.config",
    "ssl.endpoint.identification.algorithm",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.password",
    "ssl.truststore.type",
)
# The variables of the systems that users come from, and of Confluent's examples.
_VARIABLES = {
    "BOOTSTRAP_SERVERS": "bootstrap",
    "CLUSTER_API_KEY": "security.username",
    "CLUSTER_API_SECRET": "security.password",
    "SASL_USERNAME": "security.username",
    "SASL_PASSWORD": "security.password",
}
_MODULE = re.compile(r"([\w.]*\.)?(?:Plain|Scram)LoginModule\s+required\s+(.*?);\s*", re.DOTALL)
_SEPARATOR = re.compile(r"\s*[=:]\s*|\s+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}
_OPTION = re.compile(r"""(\w+)\s*=\s*("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^\s"';]+)\s*""")
_DO = "correct the file or set kafka.security instead"


def from_file(path: Path) -> dict[str, Any]:
    """The section `kafka` as a `client.properties` file has it, or a JSON file of the variables.

    Raises `SettingsError` for a file that cannot be read, an unknown security property, and stores
    that are not PEM; the error quotes no values.
    """
    text = _text(path)
    if text.lstrip().startswith("{"):
        return from_variables(_json(text, path))
    found = _properties(text.replace("\\\n", "").splitlines())
    for name, value in found.items():
        if name.startswith(TRANSLATED) and name not in _KNOWN:
            raise SettingsError(str(path), "known properties", f"'{name}'", closest(name, _KNOWN))
        if "{{" in value:
            raise SettingsError(str(path), f"a value of {name}", "its placeholder", _DO)
    section: dict[str, Any] = {}
    for name, value in found.items():
        if name in _PLACES:
            _put(section, _PLACES[name], value)
    _put_stores(section, found, path)
    if "sasl.jaas.config" in found:
        for name, value in _jaas(found["sasl.jaas.config"], path).items():
            _put(section, f"security.{name}", value)
    return section


def from_variables(env: Mapping[str, str]) -> dict[str, Any]:
    """The section `kafka` as the variables of other systems have it.

    `CLUSTER_API_KEY` implies SASL_SSL with PLAIN, as it does for its original clients. Raises
    `SettingsError` where two variables contradict each other.
    """
    section: dict[str, Any] = {}
    said: dict[str, str] = {}
    for variable, place in _VARIABLES.items():
        value = env.get(variable)
        if not value:
            continue
        other = said.setdefault(place, variable)
        if env[other] != value:
            text = f"{other} and {variable} both set kafka.{place} and differ; unset one of them."
            raise SettingsError.sentence(text, where=variable)
        _put(section, place, value)
    if any(variable.startswith("CLUSTER_") for variable in said.values()):
        section["security"] = {"protocol": "SASL_SSL", "mechanism": "PLAIN"} | section["security"]
    return section


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        got = getattr(error, "strerror", None) or "bytes that are not UTF-8"
        raise SettingsError("kafka.client_properties", f"a text file {path}", got, _DO) from None


def _json(text: str, path: Path) -> dict[str, str]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise SettingsError(str(path), "JSON or properties", "neither", _DO) from None
    for name, value in values.items():
        if name not in _VARIABLES or not isinstance(value, str):
            known = closest(name, _VARIABLES)
            raise SettingsError(str(path), "texts under known names", f"'{name[:60]}'", known)
    return dict(values)


def _properties(lines: list[str]) -> dict[str, str]:
    found = {}
    for line in lines:
        text = line.strip()
        if text and text[0] not in "#!":
            # Java takes any of the three; split wrongly, a line would show its value as a name.
            name, *value = _SEPARATOR.split(text, maxsplit=1)
            found[name] = value[0] if value else ""
    return found


def _put(section: dict[str, Any], place: str, value: str) -> None:
    """Put a value at `name` or `section.name`; the name itself may contain dots."""
    first, _, rest = place.partition(".")
    if rest:
        section.setdefault(first, {})[rest] = value
    else:
        section[first] = value


def _put_stores(section: dict[str, Any], found: Mapping[str, str], path: Path) -> None:
    for store in ("truststore", "keystore"):
        kind = found.get(f"ssl.{store}.type", "JKS")
        if f"ssl.{store}.location" in found and kind != "PEM":
            needed = f"ssl.{store}.location as PEM"
            raise SettingsError(str(path), needed, kind, "export it as PEM and name that file")
    if "ssl.keystore.location" in found:
        for name in ("certificate_file", "key_file"):
            _put(section, f"security.{name}", found["ssl.keystore.location"])
    checks = found.get("ssl.endpoint.identification.algorithm", "https").lower()
    if checks in ("", "none"):
        section.setdefault("security", {})["check_hostname"] = False


def _jaas(text: str, path: Path) -> dict[str, str]:
    """Username and password of a `sasl.jaas.config`, with backslashes escaped twice as in Java."""
    module = _MODULE.fullmatch(_unescaped(text))
    pairs = _OPTION.findall(module[2]) if module else []
    options = {name: _unquoted(value) for name, value in pairs}
    if not {"username", "password"} <= options.keys():
        needed = "sasl.jaas.config with PlainLoginModule or ScramLoginModule, username and password"
        raise SettingsError(str(path), needed, "another text", _DO)
    return {name: options[name] for name in ("username", "password")}


def _unquoted(value: str) -> str:
    return _unescaped(value[1:-1]) if value[0] in "\"'" else value


def _unescaped(text: str) -> str:
    def plain(escape: re.Match[str]) -> str:
        return chr(int(escape[1], 16)) if escape[1] else _CONTROLS.get(escape[2], escape[2])

    return _ESCAPE.sub(plain, text)
