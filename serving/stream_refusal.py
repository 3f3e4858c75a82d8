"""The copy of a refused message: unchanged where a producer takes it, else its beginning."""

from __future__ import annotations

from typing import NamedTuple

from confluent_kafka import Message

from serving.stream_description import Refused

# A producer takes 1,000,000 bytes with key and headers (message.max.bytes); a broker takes more of
# others, and any length that compresses well.
MOST_KEY, MOST_VALUE, MOST_DETAIL = 50_000, 900_000, 1_000


class Copy(NamedTuple):
    """A message for the topic of refused messages."""

    key: bytes | None
    value: bytes | None
    headers: dict[str, str]


def copy_of(message: Message, refused: Refused) -> Copy:
    """The message with the reasons, and where it stood.

    A key or value that is cut has its length before that in the header `key_bytes` or
    `value_bytes`.
    """
    headers = {
        "reasons": refused.reasons,
        "detail": refused.detail[:MOST_DETAIL],
        "place": f"{message.topic()}/{message.partition()}/{message.offset()}",
    }
    key = _beginning("key_bytes", message.key(), MOST_KEY, headers)
    value = _beginning("value_bytes", message.value(), MOST_VALUE, headers)
    return Copy(key, value, headers)


def _beginning(name: str, part: bytes | None, most: int, headers: dict[str, str]) -> bytes | None:
    if part is None or len(part) <= most:
        return part
    headers[name] = str(len(part))
    return part[:most]
