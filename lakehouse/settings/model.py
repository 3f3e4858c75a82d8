"""The settings of an installation as frozen values, one class per section."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, SecretStr, field_validator

from lakehouse.errors import closest
from lakehouse.settings.kafka import KafkaSettings
from lakehouse.settings.monitoring import MonitoringSettings
from lakehouse.settings.outside import ConnectSettings, DocumentSettings, SchemaSettings
from lakehouse.settings.root import from_root
from lakehouse.settings.section import Section
from lakehouse.settings.serving import ServingSettings
from lakehouse.settings.spark import ClusterSettings, SparkSettings


class LakeSettings(Section):
    """Where the Delta tables are: a path, or a URI such as `s3a://bucket/lake`.

    If empty, the folder `lake` below the state folder. Copies of `Processed_Data` as Parquet go to
    `processed_dir`.
    """

    uri: str | None = None
    processed_dir: str = "output/processed"
    storage_options: dict[str, SecretStr] = {}


class MysqlSettings(Section):
    """The database, either embedded or your own."""

    embedded: bool = True
    host: str = "127.0.0.1"
    port: int = Field(13306, ge=1, le=65535)
    database: str = Field("RawData", pattern=r"^[A-Za-z0-9_]+$")
    user: str = Field("cdrlake", pattern=r"^[A-Za-z0-9_]+$")
    password: SecretStr | None = None
    admin_user: str = "root"
    admin_password: SecretStr | None = None
    buffer_pool_mb: int = Field(512, ge=32)


class ApiSettings(Section):
    """Access to the HTTP services. Without a token they listen on loopback only.

    With one, every call that hands out data or has an effect needs it, and so do health and metrics
    unless they are open. `allowed_hosts` are additional host names for the services.
    """

    token: SecretStr | None = None
    allowed_hosts: tuple[str, ...] = ()
    open_health: bool = True
    open_metrics: bool = True
    max_body_kib: int = Field(64, ge=1)

    @field_validator("token")
    @classmethod
    def _is_a_token(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not token.get_secret_value().strip():
            raise ValueError("an empty text is not a token; set one or leave it out")
        return token


class SimulatorSettings(Section):
    """The Flask simulator."""

    host: str = "127.0.0.1"
    port: int = Field(5000, ge=1, le=65535)
    max_batch_size: int = Field(10_000, ge=1)
    max_num_batches: int = Field(1_000, ge=1)
    max_interval_seconds: int = Field(3_600, ge=1)


class DomainSettings(Section):
    """What every domain configures: how late an event may be, and when bad ones stop ingest."""

    allowed_lateness_days: int = Field(3, ge=0)
    quarantine_stop_ratio: float = Field(0.5, gt=0, le=1)
    quarantine_stop_rows: int = Field(1_000, ge=1)
    max_message_kib: int = Field(256, ge=1)

    @property
    def label_delay(self) -> timedelta:
        """How long after an event its outcome is known at the earliest."""
        return timedelta(0)

    @property
    def lookback(self) -> timedelta:
        """How far back features look from the moment that is scored."""
        return timedelta(days=1)

    def check(self) -> None:
        """Raise `SettingsError` for settings that are each valid but contradict each other."""


class ModelSettings(Section):
    """Training, its gates, and the registry.

    `tracking_page` is where a browser finds MLflow's own pages; none are served by default.
    """

    tracking_uri: str | None = None
    tracking_page: str | None = Field(None, pattern="^https?://")
    seed: int = 42
    trees: tuple[int, ...] = (50, 100)
    depths: tuple[int, ...] = (5, 10)
    features_per_split: tuple[str, ...] = ("sqrt",)
    min_instances: tuple[int, ...] = (30,)
    folds: int = Field(3, ge=2)
    budget_minutes: float = Field(1.5, gt=0)
    sample_every_days: int = Field(5, ge=1)
    max_rows: int = Field(500_000, ge=1)
    test_days: int = Field(14, ge=1)
    min_positives: int = Field(20, ge=1)
    min_rows: int = Field(500, ge=1)
    cost_false_negative: float = Field(100.0, gt=0)
    cost_false_positive: float = Field(10.0, gt=0)
    min_roc_auc: float = Field(0.6, ge=0.5, le=1)
    max_calibration_error: float = Field(0.05, gt=0, le=1)
    require_approval: bool = False


class Settings(Section):
    """The settings that every domain shares; `lakehouse.domains.settings` adds the domains' own."""

    timezone: str = "UTC"
    state_dir: str = ".cdrlake"
    cache_dir: str = ".cache"
    profile: str | None = None
    lake: LakeSettings = LakeSettings()
    kafka: KafkaSettings = KafkaSettings()
    mysql: MysqlSettings = MysqlSettings()
    api: ApiSettings = ApiSettings()
    simulator: SimulatorSettings = SimulatorSettings()
    spark: SparkSettings = SparkSettings()
    cluster: ClusterSettings = ClusterSettings()
    model: ModelSettings = ModelSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    schemas: SchemaSettings = SchemaSettings()
    documents: DocumentSettings = DocumentSettings()
    connect: ConnectSettings = ConnectSettings()
    serving: ServingSettings = ServingSettings()

    @field_validator("timezone")
    @classmethod
    def _is_a_timezone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            hint = closest(name, available_timezones()) if len(name) < 60 else ""
            known = hint if hint.startswith("did") else "such as Europe/Copenhagen"
            raise ValueError(f"{name[:60]!r} is not a time zone; {known}") from None
        return name

    def domain(self, name: str) -> DomainSettings:
        """The section of a domain; a domain without a section gets the defaults."""
        section = getattr(self, name, None)
        return section if isinstance(section, DomainSettings) else DomainSettings()

    def value(self, key: str) -> Any:
        """A value by its section and key.

        >>> Settings().value("monitoring.port")
        5001
        """
        section, _, name = key.partition(".")
        return getattr(getattr(self, section), name)

    @property
    def state(self) -> Path:
        """Folder with everything that `make reset` wipes."""
        return from_root(self.state_dir)

    @property
    def cache(self) -> Path:
        """Folder of downloads, kept by `make reset`."""
        return from_root(self.cache_dir)

    @property
    def lake_uri(self) -> str:
        """The lake as an absolute path, or its URI unchanged."""
        uri = self.lake.uri or str(self.state / "lake")
        return uri if "://" in uri else str(from_root(uri))

    @property
    def lake_options(self) -> dict[str, str]:
        """Options of the lake's object store, with secrets revealed; empty for a local path."""
        return {key: value.get_secret_value() for key, value in self.lake.storage_options.items()}

    @property
    def tracking_uri(self) -> str:
        """MLflow's store: the setting, or SQLite under the state folder."""
        return self.model.tracking_uri or f"sqlite:///{self.state / 'mlflow' / 'mlflow.db'}"

    @property
    def processed(self) -> Path:
        """Folder of Parquet copies of `Processed_Data`."""
        return from_root(self.lake.processed_dir)

    @property
    def output(self) -> Path:
        """Folder of plots and reports."""
        return from_root(self.monitoring.output_dir)
