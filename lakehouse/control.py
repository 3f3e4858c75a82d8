"""Messages on a domain's control topic: a hint to all who serve its models to ask the registry."""

from __future__ import annotations

import logging

import msgspec

from lakehouse.domain import Domain
from lakehouse.errors import CdrlakeError
from lakehouse.publisher import Publisher
from lakehouse.settings.kafka import KafkaSettings

LOG = logging.getLogger(__name__)
_PATIENCE_S = 5.0


class Changed(msgspec.Struct, frozen=True):
    """The champion of a model has changed; only the registry says whether this is still so."""

    model: str
    version: int
    sha256: str


def announce(kafka: KafkaSettings, domain: Domain, changed: Changed) -> bool:
    """Tell whoever serves the domain's models; whether the message arrived.

    A domain without a control topic has nobody to tell. A broker that is away only delays the
    change by the seconds until the registry is asked anyway, so it is logged and not raised.
    """
    if domain.control is None:
        return False
    try:
        publisher = Publisher(kafka)
        publisher.send(domain.control, changed.model, msgspec.json.encode(changed))
        publisher.deliver(_PATIENCE_S)
    except CdrlakeError as error:
        LOG.warning(
            "nobody was told of version %s of %s: %s", changed.version, changed.model, error
        )
        return False
    return True
