"""Settings of servers that only some domains need: schema registry, documents, Kafka Connect."""

from __future__ import annotations

from pydantic import Field, SecretStr

from lakehouse.settings.section import Section


class SchemaSettings(Section):
    """The registry of Avro schemas: the embedded one at `host` and `port`, or another at `url`."""

    url: str | None = None
    host: str = "127.0.0.1"
    port: int = Field(8081, ge=1, le=65535)

    @property
    def address(self) -> str:
        """Where schemas are registered and asked for."""
        return (self.url or f"http://{self.host}:{self.port}").rstrip("/")


class ConnectSettings(Section):
    """The embedded worker of Kafka Connect, which follows the changes of a database.

    `password` is that of its account in a database of your own; in the embedded one it is made at
    each start. On an open address the installation has to have a token, as for every service; but
    the worker asks nobody for it, so whoever reaches its port can change its connectors.
    """

    host: str = "127.0.0.1"
    port: int = Field(8083, ge=1, le=65535)
    heap_mb: int = Field(192, ge=64)
    user: str = Field("cdc", pattern=r"^[A-Za-z0-9_]+$")
    password: SecretStr | None = None


class DocumentSettings(Section):
    """A server that speaks MongoDB's protocol, such as `mongodb://127.0.0.1:27017`.

    Without a `uri` no documents are written.
    """

    uri: SecretStr | None = None
    database: str = Field("demo", pattern=r"^[A-Za-z0-9_-]{1,60}$")
