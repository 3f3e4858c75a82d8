"""Access to Kafka in the settings: what goes together, and what users of others have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from lakehouse.domains.settings import load
from lakehouse.errors import SettingsError
from lakehouse.settings.kafka import KafkaSettings

SECRET = "Pa$$w0rd"


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "settings.yaml").write_text(f"state_dir: {tmp_path}/state\n")
    return tmp_path


def kafka(conf: Path, **values: str) -> KafkaSettings:
    return load({f"CDRLAKE_KAFKA__{name}": value for name, value in values.items()}, conf).kafka


def secured(kafka: KafkaSettings) -> tuple[Any, ...]:
    """Protocol, mechanism, username and password."""
    found, secret = kafka.security, kafka.security.password
    text = None if secret is None else secret.get_secret_value()
    return found.protocol, found.mechanism, found.username, text


OWN = {"EMBEDDED": "false", "BOOTSTRAP": "b1.example.org:9093, b2.example.org:9093"}
SASL = {
    "SECURITY__PROTOCOL": "SASL_SSL",
    "SECURITY__MECHANISM": "SCRAM-SHA-256",
    "SECURITY__USERNAME": "12345",
    "SECURITY__PASSWORD": SECRET,
}


def test_brokers_are_a_list_or_one_host_and_port(conf: Path) -> None:
    assert kafka(conf).bootstrap_servers == "127.0.0.1:19092"
    assert kafka(conf, **OWN).bootstrap_servers == "b1.example.org:9093,b2.example.org:9093"
    listed = kafka(conf, EMBEDDED="false", BOOTSTRAP="['[::1]:9092', 'b:1']")
    assert listed.bootstrap == ("[::1]:9092", "b:1")


def test_the_secured_broker_of_ones_own(conf: Path) -> None:
    found = kafka(conf, **OWN, **SASL)
    assert secured(found) == ("SASL_SSL", "SCRAM-SHA-256", "12345", SECRET)
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"BOOTSTRAP": "broker"}, r"setting kafka\.bootstrap: 'broker' is not host:port\."),
        ({"BOOTSTRAP": "b:0"}, r"'b:0' is not host:port"),
        (
            {"EMBEDDED": "true"},
            r"kafka\.bootstrap and kafka\.security describe a broker of your own.*kafka\.embedded",
        ),
        ({"SECURITY__PASSWORD": ""}, r"setting kafka\.security\.password"),
        ({"SECURITY__MECHANISM": ""}, "SASL_SSL needs mechanism, which is"),
        (
            {"SECURITY__MECHANISM": "GSSAPI"},
            r"kafka\.security\.mechanism should be .*SCRAM-SHA-512",
        ),
        (
            {"SECURITY__PROTOCOL": "SSL"},
            r"setting kafka\.security: mechanism needs protocol SASL_SSL or SASL_PLAINTEXT, but",
        ),
        (
            {"SECURITY__PROTOCOL": "SASL_PLAINTEXT", "SECURITY__CA_FILE": "ca.pem"},
            r"ca_file needs protocol SSL or SASL_SSL, but it is SASL_PLAINTEXT\.",
        ),
        ({"SECURITY__KEY_FILE": "key.pem"}, r"certificate_file is missing"),
        ({"SECURITY__CERTIFICATE_FILE": "c.pem"}, r"key_file is missing"),
        ({"SECURITY__KEY_PASSWORD": "x"}, r"key_password opens key_file"),
        ({"SECURITY__USER": "x"}, r"kafka: security has no key 'user'.*did you mean 'username'"),
        (
            {"OPTIONS": f"{{sasl.password: {SECRET}}}"},
            r"setting kafka\.options: 'sasl\.password' is spelled differently",
        ),
        ({"OPTIONS": "{bootstrap.servers: 'b:1'}"}, r"is the setting kafka\.bootstrap"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_sentence(
    conf: Path, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        kafka(conf, **(OWN | SASL | changes))
    assert SECRET not in str(caught.value)


def test_a_missing_half_of_sasl_is_named(conf: Path) -> None:
    for name in ("MECHANISM", "USERNAME", "PASSWORD"):
        rest = {key: value for key, value in SASL.items() if key != f"SECURITY__{name}"}
        with pytest.raises(
            SettingsError, match=f"protocol SASL_SSL needs {name.lower()}, which is"
        ):
            kafka(conf, **OWN, **rest)


FILES = {
    "librdkafka": f"""\
# of another system
bootstrap.servers = b:9093
security.protocol=SASL_SSL
sasl.mechanisms=PLAIN
sasl.username=alice
sasl.password={SECRET}=\\
client.id=ours
acks=all
""",
    "java": f"""\
! of another system
bootstrap.servers=b:9093
security.protocol=SASL_SSL
sasl.mechanism=PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
  username="alice" password="{SECRET}=\\\\\\\\";
key.deserializer=org.apache.kafka.common.serialization.StringDeserializer
""",
    "single quotes": f"""\
bootstrap.servers=b:9093
security.protocol=SASL_SSL
sasl.mechanism=PLAIN
sasl.jaas.config=PlainLoginModule required username='alice' password='{SECRET}=\\\\\\\\';
""",
    "colons and blanks": f"""\
bootstrap.servers: b:9093
security.protocol SASL_SSL
sasl.mechanism : PLAIN
sasl.username\talice
sasl.password {SECRET}=\\
client.id:ours
""",
    "json": f"""\
{{"BOOTSTRAP_SERVERS": "b:9093", "CLUSTER_API_KEY": "alice",
  "CLUSTER_API_SECRET": "{SECRET}=\\\\"}}
""",
}
LIBRDKAFKA = ("librdkafka", "colons and blanks")


@pytest.mark.parametrize("spelling", FILES)
def test_client_properties_of_both_spellings_say_the_same(conf: Path, spelling: str) -> None:
    text = FILES[spelling]
    if spelling in LIBRDKAFKA:  # where a backslash is a backslash, even at the end of a value
        text = text.replace("=\\\n", "=\\ \n")
    path = conf / "client.properties"
    path.write_text(text, encoding="utf-8")
    found = kafka(conf, EMBEDDED="false", CLIENT_PROPERTIES=str(path))
    assert found.bootstrap_servers == "b:9093"
    assert secured(found) == ("SASL_SSL", "PLAIN", "alice", f"{SECRET}=\\")
    expected = {"client.id": SecretStr("ours")} if spelling in LIBRDKAFKA else {}
    assert found.librdkafka_options == expected and found.java_options == {}


def test_the_settings_win_over_the_file_and_tls_stores_are_pem(conf: Path) -> None:
    path = conf / "client.properties"
    path.write_text(
        "security.protocol=SSL\nssl.truststore.type=PEM\nssl.truststore.location=/ca.pem\n"
        "ssl.keystore.type=PEM\nssl.keystore.location=/own.pem\nssl.key.password=k\n"
        "ssl.endpoint.identification.algorithm=\n",
        encoding="utf-8",
    )
    own = {"EMBEDDED": "false", "CLIENT_PROPERTIES": str(path)}
    found = kafka(conf, **own, SECURITY__CA_FILE="/other.pem").security
    assert (found.protocol, found.ca_file, found.check_hostname) == ("SSL", "/other.pem", False)
    assert (found.certificate_file, found.key_file) == ("/own.pem", "/own.pem")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sasl.pasword=x", "'sasl.pasword'; did you mean 'sasl.password'"),
        ("ssl.truststore.location=/t.jks", "ssl.truststore.location as PEM, but got JKS"),
        ("ssl.keystore.location=/t.p12\nssl.keystore.type=PKCS12", "as PEM, but got PKCS12"),
        ("sasl.username={{ CLUSTER_API_KEY }}", "of sasl.username, but got its placeholder"),
        (f'sasl.jaas.config=Krb5LoginModule required password="{SECRET}";', "PlainLoginModule or"),
        (f'sasl.jaas.config=PlainLoginModule required password="{SECRET}";', "username and pass"),
        ('{"CLUSTER_API_KEYS": "x"}', "did you mean 'CLUSTER_API_KEY'"),
        ("{", "JSON or properties, but got neither"),
    ],
)
def test_a_client_properties_file_that_says_something_else(
    conf: Path, text: str, message: str
) -> None:
    path = conf / "client.properties"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=message) as caught:
        kafka(conf, EMBEDDED="false", CLIENT_PROPERTIES=str(path))
    assert SECRET not in str(caught.value)


def test_a_client_properties_file_that_is_not_there_names_the_setting(conf: Path) -> None:
    with pytest.raises(SettingsError, match=r"client_properties: expected a text file /none"):
        kafka(conf, EMBEDDED="false", CLIENT_PROPERTIES="/none")
    with pytest.raises(SettingsError, match=r"kafka\.client_properties describe a broker of your"):
        kafka(conf, CLIENT_PROPERTIES="/none")


CLOUD = {"BOOTSTRAP_SERVERS": "b:9093", "CLUSTER_API_KEY": "alice", "CLUSTER_API_SECRET": SECRET}


def test_variables_of_other_systems_count_for_a_broker_of_ones_own(conf: Path) -> None:
    own = {"CDRLAKE_KAFKA__EMBEDDED": "false"}
    found = load(CLOUD | own, conf).kafka
    assert found.bootstrap_servers == "b:9093"
    assert secured(found) == ("SASL_SSL", "PLAIN", "alice", SECRET)
    ours = {"CDRLAKE_KAFKA__SECURITY__MECHANISM": "SCRAM-SHA-512"}
    assert load(CLOUD | own | ours, conf).kafka.security.mechanism == "SCRAM-SHA-512"
    assert load(CLOUD, conf).kafka == load({}, conf).kafka


def test_the_password_of_a_client_properties_file_may_stand_in_the_environment(conf: Path) -> None:
    path = conf / "client.properties"
    path.write_text("bootstrap.servers=b:9093\nsecurity.protocol=SASL_SSL\nsasl.mechanisms=PLAIN\n")
    own = {"CDRLAKE_KAFKA__EMBEDDED": "false", "CDRLAKE_KAFKA__CLIENT_PROPERTIES": str(path)}
    found = load(own | {"SASL_USERNAME": "alice", "SASL_PASSWORD": SECRET}, conf).kafka
    assert secured(found) == ("SASL_SSL", "PLAIN", "alice", SECRET)
    with pytest.raises(SettingsError, match="protocol SASL_SSL needs username") as refused:
        load(own, conf)
    missing = "The SASL_USERNAME or SASL_PASSWORD environment variables are not defined"
    assert missing in str(refused.value)
    with pytest.raises(SettingsError, match=missing):
        load(own | {"SASL_USERNAME": "alice"}, conf)


def test_two_variables_that_differ_are_refused(conf: Path) -> None:
    both = CLOUD | {"SASL_USERNAME": "bob", "CDRLAKE_KAFKA__EMBEDDED": "false"}
    with pytest.raises(SettingsError, match="CLUSTER_API_KEY and SASL_USERNAME both set"):
        load(both, conf)


def test_topics_may_have_other_names_and_partitions_on_the_broker() -> None:
    kafka = KafkaSettings(topics={"a": "bank.a"}, topic_partitions={"a": 3})
    assert (kafka.topic("a"), kafka.topic("b")) == ("bank.a", "b")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"topics": {"a": "what is this"}}, "cannot be the name"),
        ({"topics": {"a": "x", "b": "x"}}, "same name"),
        ({"topic_partitions": {"a": 0}}, "at least one partition"),
    ],
)
def test_names_that_no_topic_can_have_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        KafkaSettings(**wrong)
