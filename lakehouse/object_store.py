"""A lake in an object store: one set of options, translated for Spark.

`lake.storage_options` holds what delta-rs and polars take, for example `AWS_ENDPOINT_URL`. Anything
left out there, each side looks up on its own, in the environment or from the machine's role.
"""

from __future__ import annotations

from lakehouse.settings import Settings

_S3A = "spark.hadoop.fs.s3a"
_SPARK_NAMES = {
    "AWS_ENDPOINT_URL": f"{_S3A}.endpoint",
    "AWS_REGION": f"{_S3A}.endpoint.region",
    "AWS_ACCESS_KEY_ID": f"{_S3A}.access.key",
    "AWS_SECRET_ACCESS_KEY": f"{_S3A}.secret.key",
    "AWS_SESSION_TOKEN": f"{_S3A}.session.token",
}
# Spark's first choice starts a process for each file of a checkpoint that it lists, to ask for its
# link target: dozens a second on a laptop. Renames within a disk are atomic this way too.
_ON_DISK = {
    "spark.sql.streaming.checkpointFileManagerClass": "org.apache.spark.sql.execution.streaming."
    "checkpointing.FileSystemBasedCheckpointFileManager"
}
_LOG_STORES = {
    "s3a": "io.delta.storage.S3SingleDriverLogStore",
    "gs": "io.delta.storage.GCSLogStore",
    "abfss": "io.delta.storage.AzureLogStore",
}


def is_s3(uri: str) -> bool:
    """Whether the lake is in S3 or a compatible store."""
    return uri.startswith("s3a://")


def spark_properties(settings: Settings) -> dict[str, str]:
    """Spark properties for reaching the lake."""
    if "://" not in settings.lake_uri:
        return _ON_DISK
    scheme = settings.lake_uri.partition("://")[0]
    if scheme not in _LOG_STORES:
        return {}
    found = {f"spark.delta.logStore.{scheme}.impl": _LOG_STORES[scheme]}
    return found | (_s3a(settings.lake_options) if scheme == "s3a" else {})


def spark_jars(settings: Settings) -> list[str]:
    """The jars that Spark needs besides its own, including those for the lake's object store."""
    folders = [settings.cache / "jars" / "spark"]
    if is_s3(settings.lake_uri):
        folders.append(settings.cache / "jars-s3" / "s3")
    return [str(jar) for folder in folders for jar in sorted(folder.glob("*.jar"))]


def _s3a(options: dict[str, str]) -> dict[str, str]:
    given = {key.upper(): value for key, value in options.items()}
    found = {_SPARK_NAMES[key]: value for key, value in given.items() if key in _SPARK_NAMES}
    if "AWS_ENDPOINT_URL" in given:  # a server of one's own has no host name for each bucket
        found[f"{_S3A}.path.style.access"] = "true"
        is_tls = given["AWS_ENDPOINT_URL"].startswith("https:")
        found[f"{_S3A}.connection.ssl.enabled"] = str(is_tls).lower()
    return found
