"""The section `kafka` in the terms of the two client libraries, librdkafka and Java."""

from __future__ import annotations

from pathlib import Path

from lakehouse.errors import SettingsError
from lakehouse.settings.kafka import KafkaSettings, SecuritySettings
from lakehouse.settings.root import from_root

_JAAS = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"}


def librdkafka_options(kafka: KafkaSettings) -> dict[str, str]:
    """Options of a client built on librdkafka, with secrets revealed.

    Raises `SettingsError` for a file of `kafka.security` that cannot be read.
    """
    options = {"bootstrap.servers": kafka.bootstrap_servers}
    options |= _librdkafka_security(kafka.security)
    for some in (kafka.options, kafka.librdkafka_options):
        options |= {name: value.get_secret_value() for name, value in some.items()}
    return options


def java_options(kafka: KafkaSettings) -> dict[str, str]:
    """Options of a Java client, with secrets revealed.

    Certificates and keys are included as text, so that Spark's executors do not need the files.
    Raises `SettingsError` for a file of `kafka.security` that cannot be read.
    """
    options = {"bootstrap.servers": kafka.bootstrap_servers, **_java_security(kafka.security)}
    for some in (kafka.options, kafka.java_options):
        options |= {name: value.get_secret_value() for name, value in some.items()}
    return options


def _librdkafka_security(security: SecuritySettings) -> dict[str, str]:
    options: dict[str, str] = {"security.protocol": security.protocol}
    if security.uses_sasl:
        options["sasl.mechanism"] = str(security.mechanism)
        options["sasl.username"], options["sasl.password"] = _credentials(security)
    files = {
        "ssl.ca.location": (security.ca_file, "ca_file"),
        "ssl.certificate.location": (security.certificate_file, "certificate_file"),
        "ssl.key.location": (security.key_file, "key_file"),
    }
    for option, (file, setting) in files.items():
        if file is not None:
            _pem(file, setting)
            options[option] = str(from_root(file))
    if security.key_password is not None:
        options["ssl.key.password"] = security.key_password.get_secret_value()
    if security.uses_tls and not security.check_hostname:
        options["ssl.endpoint.identification.algorithm"] = "none"
    return options


def _java_security(security: SecuritySettings) -> dict[str, str]:
    options: dict[str, str] = {"security.protocol": security.protocol}
    if security.uses_sasl:
        options["sasl.mechanism"] = str(security.mechanism)
        name, password = map(jaas_text, _credentials(security))
        module = _JAAS[str(security.mechanism)]
        options["sasl.jaas.config"] = f"{module} required username={name} password={password};"
    if security.ca_file is not None:
        options["ssl.truststore.type"] = "PEM"
        options["ssl.truststore.certificates"] = _pem(security.ca_file, "ca_file")
    if security.certificate_file is not None and security.key_file is not None:
        certificate = _pem(security.certificate_file, "certificate_file")
        options["ssl.keystore.type"] = "PEM"
        options["ssl.keystore.certificate.chain"] = certificate
        options["ssl.keystore.key"] = _pkcs8(_pem(security.key_file, "key_file"))
    if security.key_password is not None:
        options["ssl.key.password"] = security.key_password.get_secret_value()
    if security.uses_tls and not security.check_hostname:
        options["ssl.endpoint.identification.algorithm"] = ""
    return options


def _credentials(security: SecuritySettings) -> tuple[str, str]:
    secret = security.password
    return security.username or "", "" if secret is None else secret.get_secret_value()


def jaas_text(text: str) -> str:
    r"""A text quoted for JAAS, so that nothing in it can end the value early.

    >>> print(jaas_text('a"b\\c'))
    "a\"b\\c"
    """
    return '"' + "".join(_ESCAPES.get(letter, letter) for letter in text) + '"'


def _pem(path: str, setting: str) -> str:
    place = from_root(path)
    where = f"setting kafka.security.{setting}"
    try:
        text = Path(place).read_text(encoding="ascii")
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
        raise SettingsError.sentence(f"{where}: {place}: {problem}.", where=where) from None
    except UnicodeDecodeError:
        text = ""
    if "-----BEGIN " not in text:
        raise SettingsError.sentence(f"{where}: {place} is not a PEM file.", where=where)
    return text


def _pkcs8(text: str) -> str:
    """The key unchanged; Java's clients only understand PKCS #8."""
    if "BEGIN PRIVATE KEY" in text or "BEGIN ENCRYPTED PRIVATE KEY" in text:
        return text
    raise SettingsError.sentence(
        "setting kafka.security.key_file: the key is not PKCS #8, which Spark needs; "
        "`openssl pkcs8 -topk8` converts it.",
        where="setting kafka.security.key_file",
    )
