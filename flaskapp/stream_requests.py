"""What a client may ask of a stream, for each domain within the installation's limits."""

from __future__ import annotations

from collections.abc import Iterable

from flaskapp.stream_source import DOMAIN, StreamRequest, StreamSource, limited
from lakehouse.http.requests import InvalidRequestError, build, parse_object
from lakehouse.settings.model import SimulatorSettings

# The documents of the first version spell it so.
ALIASES = {"num_baches": "num_batches"}

Models = dict[str, type[StreamRequest]]


def models(sources: Iterable[StreamSource], limits: SimulatorSettings) -> Models:
    """The request model of each domain; the first is the usual one."""
    return {
        source.domain: limited(source, limits, is_first=number == 0)
        for number, source in enumerate(sources)
    }


def parse_stream(body: bytes, known: Models) -> StreamRequest:
    """The request in a JSON body; an empty body means all defaults.

    Raises `InvalidRequestError` with a text of the form "<key> must be ..., not ...".
    """
    given = {ALIASES.get(key, key): value for key, value in parse_object(body).items()}
    domain = given.get(DOMAIN, next(iter(known)))
    if not isinstance(domain, str) or domain not in known:
        raise InvalidRequestError(f"{DOMAIN} must be one of {', '.join(known)}")
    return build(known[domain], given)
