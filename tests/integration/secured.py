"""A broker with TLS, SASL and access control lists, and what a test does to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from cdrlake.services.jars import Jars, Java
from cdrlake.services.kafka import KafkaBroker
from cdrlake.services.ports import free_ports
from lakehouse import files, kafka
from lakehouse.kafka_options import jaas_text
from lakehouse.settings.kafka import KafkaSettings, SecuritySettings
from tests.integration.conftest import wait_for

# Each of these characters means something to a parser on the way.
PASSWORD = r'Pa$$ "w0rd"; \n #{x}=,' + "é"
USER = "cdr-lake"
TOPICS, GROUPS, CLUSTER = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.BROKER
_MECHANISMS = {
    "SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256,
    "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512,
}


@dataclass(frozen=True)
class SecuredListener:
    """A second listener with TLS, SASL and access control lists, on `localhost`.

    `identity` is a PEM file with the broker's key and certificate, `users` are those of PLAIN with
    their passwords. Clients of the plain listener are administrators: they make users of SCRAM
    and grant rights.
    """

    port: int
    identity: Path
    users: Mapping[str, str]

    def add_to(self, properties: str) -> str:
        """The properties of a broker with this listener besides."""
        added = {
            "listeners": f",SECURED://127.0.0.1:{self.port}",
            "advertised.listeners": f",SECURED://localhost:{self.port}",
            "listener.security.protocol.map": ",SECURED:SASL_SSL",
        }
        lines = [line + added.get(line.partition("=")[0], "") for line in properties.splitlines()]
        users = " ".join(
            f"user_{name}={jaas_text(password)}" for name, password in self.users.items()
        )
        values = escaped(str(self.identity)), escaped(users)
        return "\n".join([*lines, *(line.format(*values) for line in _SECURED), ""])


def escaped(text: str) -> str:
    """A value as Java's properties have it: ASCII, and a backslash counts twice."""
    plain = text.replace("\\", "\\\\")
    return "".join(one if one.isascii() else f"\\u{ord(one):04x}" for one in plain)


_SECURED = (
    "listener.name.secured.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
    "listener.name.secured.plain.sasl.jaas.config="
    "org.apache.kafka.common.security.plain.PlainLoginModule required {1};",
    "listener.name.secured.scram-sha-256.sasl.jaas.config="
    "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    "listener.name.secured.scram-sha-512.sasl.jaas.config="
    "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    "listener.name.secured.ssl.keystore.type=PEM",
    "listener.name.secured.ssl.keystore.location={0}",
    "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users=User:ANONYMOUS",
)


@dataclass(frozen=True)
class Secured:
    """The running broker: `settings` are an administrator's, `trusted` its certificate."""

    settings: KafkaSettings
    port: int
    trusted: Path
    untrusted: Path

    def client(self, mechanism: str = "PLAIN", **changes: Any) -> KafkaSettings:
        """Settings of the user, as an installation with a broker of its own has them."""
        security = {
            "protocol": "SASL_SSL",
            "mechanism": mechanism,
            "username": USER,
            "password": PASSWORD,
            "ca_file": str(self.trusted),
        }
        return KafkaSettings(
            embedded=False,
            bootstrap=(f"localhost:{self.port}",),
            security=SecuritySettings.model_validate(security | changes),
        )

    def set_scram_password(self, mechanism: str, password: str) -> None:
        """Make the user of SCRAM, or change its password."""
        info = ScramCredentialInfo(_MECHANISMS[mechanism], 4096)
        change = UserScramCredentialUpsertion(USER, info, password.encode())
        self._administer(lambda admin: admin.alter_user_scram_credentials([change]))

    def allow(self, kind: ResourceType, *operations: AclOperation, name: str = "*") -> None:
        """Give the user rights."""
        bindings = [_binding(kind, name, one) for one in operations]
        self._administer(lambda admin: admin.create_acls(bindings))

    def forbid_everything(self) -> None:
        """Take all rights away."""
        anything = AclBindingFilter(
            ResourceType.ANY,
            None,
            ResourcePatternType.ANY,
            None,
            None,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        self._administer(lambda admin: admin.delete_acls([anything]))

    def _administer(self, change: Callable[[AdminClient], dict[Any, Future[Any]]]) -> None:
        # Named, so that it lives until the answers are there.
        admin = AdminClient(kafka.client_options(self.settings))
        for future in change(admin).values():
            future.result(10)

    def allow_the_main_path(self) -> None:
        """What docs/security.md says a user needs."""
        self.allow(
            TOPICS,
            AclOperation.CREATE,
            AclOperation.DESCRIBE,
            AclOperation.READ,
            AclOperation.WRITE,
        )
        self.allow(GROUPS, AclOperation.READ)


def _binding(kind: ResourceType, name: str, operation: AclOperation) -> AclBinding:
    return AclBinding(
        kind,
        name,
        ResourcePatternType.LITERAL,
        f"User:{USER}",
        "*",
        operation,
        AclPermissionType.ALLOW,
    )


@contextmanager
def running(state: Path, resolved: Jars, java: Java) -> Iterator[Secured]:
    """A secured broker with an account of each mechanism and no rights."""
    port, controller, secured = free_ports(3)
    settings = KafkaSettings(port=port, controller_port=controller)
    identity, trusted = certificate(state / "broker")
    _, untrusted = certificate(state / "other")
    listener = SecuredListener(secured, identity, {USER: PASSWORD})
    server = KafkaBroker(settings, state, resolved.kafka, java, listener.add_to)
    child = server.start()
    try:
        wait_for(server.healthy, "the broker")
        made = Secured(settings, secured, trusted, untrusted)
        for mechanism in _MECHANISMS:
            made.set_scram_password(mechanism, PASSWORD)
        yield made
    finally:
        child.stop(20)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A key with its self-signed certificate for `localhost`, and the certificate alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)])
    today = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    places = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today)
        .not_valid_after(today + dt.timedelta(days=365 * 100))
        .add_extension(x509.SubjectAlternativeName(places), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(Encoding.PEM)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files.replace(folder / "identity.pem", private + public, files.PRIVATE)
    files.replace(folder / "ca.pem", public)
    return folder / "identity.pem", folder / "ca.pem"
