"""Access to Kafka in the words of either client library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakehouse.errors import SettingsError
from lakehouse.kafka_options import java_options, librdkafka_options
from lakehouse.settings.kafka import KafkaSettings
from pyspark_jobs.engine import readers

PEM = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"
KEY = PEM.replace("CERTIFICATE", "PRIVATE KEY")


def made(**values: Any) -> KafkaSettings:
    return KafkaSettings.model_validate({"embedded": False, "bootstrap": ["b:1", "c:2"], **values})


def secured(**values: Any) -> KafkaSettings:
    sasl = {"mechanism": "SCRAM-SHA-512", "username": "al\\ice", "password": 'p"\n;'}
    return made(security={"protocol": "SASL_SSL", **sasl, **values})


def test_a_plain_broker_needs_its_place_alone() -> None:
    plain = {"bootstrap.servers": "b:1,c:2", "security.protocol": "PLAINTEXT"}
    assert librdkafka_options(made()) == java_options(made()) == plain


def test_credentials_are_said_to_both_and_nothing_in_them_ends_the_java_text() -> None:
    assert librdkafka_options(secured()) == {
        "bootstrap.servers": "b:1,c:2",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "al\\ice",
        "sasl.password": 'p"\n;',
    }
    options = readers.kafka_options(secured())
    assert options["kafka.sasl.jaas.config"] == (
        "org.apache.kafka.common.security.scram.ScramLoginModule required "
        r'username="al\\ice" password="p\"\n;";'
    )
    assert {name.split(".")[0] for name in options} == {"kafka"}


def test_files_are_named_to_one_and_read_for_the_other(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(PEM)
    (tmp_path / "own.pem").write_text(PEM + KEY)
    own, trusted = str(tmp_path / "own.pem"), str(tmp_path / "ca.pem")
    both = {"certificate_file": own, "key_file": own, "key_password": "k"}
    kafka = secured(ca_file=trusted, check_hostname=False, **both)
    assert librdkafka_options(kafka).items() >= {
        ("ssl.ca.location", trusted),
        ("ssl.certificate.location", own),
        ("ssl.key.location", own),
        ("ssl.key.password", "k"),
        ("ssl.endpoint.identification.algorithm", "none"),
    }
    assert java_options(kafka).items() >= {
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.certificates", PEM),
        ("ssl.keystore.type", "PEM"),
        ("ssl.keystore.certificate.chain", PEM + KEY),
        ("ssl.keystore.key", PEM + KEY),
        ("ssl.key.password", "k"),
        ("ssl.endpoint.identification.algorithm", ""),
    }


def test_free_options_go_where_they_belong() -> None:
    kafka = made(
        options={"client.id": "x"},
        librdkafka_options={"sasl.oauthbearer.config": "y"},
        java_options={"sasl.login.class": "z"},
    )
    assert set(librdkafka_options(kafka)) - set(java_options(kafka)) == {"sasl.oauthbearer.config"}
    assert set(java_options(kafka)) - set(librdkafka_options(kafka)) == {"sasl.login.class"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"setting kafka\.security\.ca_file: /.*/ca\.pem: no such file or directory\."),
        (b"\x30\x82\xff", r"/ca\.pem is not a PEM file\."),
    ],
)
def test_a_file_that_cannot_be_used_names_its_setting(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    for translate in (librdkafka_options, java_options):
        with pytest.raises(SettingsError, match=message):
            translate(secured(ca_file=str(path)))


def test_a_key_that_java_cannot_read_says_how_to_convert_it(tmp_path: Path) -> None:
    path = tmp_path / "own.pem"
    path.write_text(PEM + KEY.replace("PRIVATE", "RSA PRIVATE"))
    kafka = secured(certificate_file=str(path), key_file=str(path))
    assert librdkafka_options(kafka)["ssl.key.location"] == str(path)
    with pytest.raises(SettingsError, match=r"kafka\.security\.key_file: .*openssl pkcs8 -topk8"):
        java_options(kafka)
