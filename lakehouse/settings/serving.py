"""The settings of the serving process."""

from __future__ import annotations

from pydantic import Field, SecretStr

from lakehouse.settings.section import Section


class ServingSettings(Section):
    """Models behind HTTP.

    `api_keys` has one key for each client, by the client's name; without any, and without
    `api.token`, the service listens on loopback only. `requests_per_second` limits each client (0:
    no limit), `burst` is how many it may send at once. Beyond `max_concurrent` requests at a time,
    others are turned away. `invocations_model` is the model behind `/invocations` (none: the
    first), and `plain_paths` says whose route answers at a path that two domains share.
    """

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    workers: int = Field(1, ge=1, le=64)
    api_keys: dict[str, SecretStr] = {}
    requests_per_second: float = Field(0, ge=0)
    burst: int = Field(100, ge=1)
    max_concurrent: int = Field(512, ge=1)
    max_records: int = Field(1_000, ge=1)
    max_body_kib: int = Field(1_024, ge=1)
    request_seconds: float = Field(20, gt=0)
    drain_seconds: int = Field(10, ge=1)
    poll_seconds: float = Field(10, gt=0)
    invocations_model: str | None = None
    plain_paths: dict[str, str] = {}
    log_predictions: bool = True
    log_queue: int = Field(100_000, ge=1)
