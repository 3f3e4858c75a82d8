"""Announcements on `cc_control`: whoever serves looks at the registry when it reads one.

The topic is a hint and the registry the truth: a message that is lost or repeated changes nothing,
because servers ask the registry from time to time as well.
"""

from __future__ import annotations

import json
from pathlib import Path

from lakehouse.domains.fraud import names
from lakehouse.publisher import Publisher
from lakehouse.registry import ModelVersion
from lakehouse.settings import Settings


def announce(settings: Settings, version: ModelVersion, promoted: bool, folder: Path) -> None:
    """Say that there is a new version; the key of the message is its number.

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
    publisher.send(names.TOPIC_CONTROL, str(version.number), json.dumps(body))
    publisher.deliver()
