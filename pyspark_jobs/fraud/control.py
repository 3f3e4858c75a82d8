"""Announcements on `cc_control`: whoever serves looks at the registry when it reads one.

The topic is a hint and the registry the truth: a message that is lost or repeated changes nothing,
because servers ask the registry from time to time as well.
"""

from __future__ import annotations

import json
from pathlib import Path

from lakehouse import files
from lakehouse.domains.fraud import names
from lakehouse.domains.settings import Settings
from lakehouse.publisher import Publisher
from lakehouse.registry import ModelVersion, Registry
from pyspark_jobs.fraud import metadata

ANNOUNCED = "announced.json"


def announce_missing(settings: Settings, registry: Registry) -> list[int]:
    """Export and announce every version that has not been; their numbers.

    A training that was killed between registering a version and its announcement leaves it to the
    next one, or to the next start of the pipeline. Raises as `announce` does.
    """
    told = []
    for version in registry.versions():
        marker = metadata.model_folder(settings, version.number) / ANNOUNCED
        if marker.exists():
            continue
        folder = metadata.export_model(settings, registry, version)
        champion = registry.champion()
        metadata.write(settings, model_version=champion.number if champion else None)
        is_champion = champion is not None and champion.number == version.number
        files.replace(marker, announce(settings, version, is_champion, folder))
        told.append(version.number)
    return told


def announce(settings: Settings, version: ModelVersion, promoted: bool, folder: Path) -> bytes:
    """Say that there is a new version; the key of the message is its number. Returns its body.

    Raises `ServiceError` when the broker does not acknowledge.
    """
    body = {
        "model": names.MODEL_NAME,
        "version": version.number,
        "sha256": version.manifest_sha256,
        "champion": promoted,
        "uri": str(folder),
    }
    publisher = Publisher(settings.kafka)
    message = json.dumps(body).encode()
    publisher.send(names.TOPIC_CONTROL, str(version.number), message)
    publisher.deliver()
    return message
