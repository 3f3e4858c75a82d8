"""Messages that must not reach bronze, seeded, each with the reasons that it must get."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

Message = dict[str, Any]
Maker = Callable[[Message, Random], bytes]
MOST_BYTES = 256 * 1024


def _with(**values: Any) -> Maker:
    return lambda good, _: json.dumps(good | values).encode()


def _without(name: str) -> Maker:
    return lambda good, _: json.dumps({k: v for k, v in good.items() if k != name}).encode()


def _cut(good: Message, random: Random) -> bytes:
    text = json.dumps(good).encode()
    return text[: random.randrange(1, len(text) - 1)]


KINDS: tuple[tuple[str, Maker], ...] = (
    ("not_json", lambda _, __: b""),
    ("not_json", lambda _, random: b"\xff" + random.randbytes(40)),
    ("not_json", _cut),
    ("not_json", lambda good, _: json.dumps(good).encode()[:-1] + b",}"),
    ("not_json", lambda good, _: json.dumps(good).encode() * 2),
    ("not_json", _with(DP_DATA_VOLUME=float("nan"))),
    ("not_object", lambda _, random: str(random.randrange(10**6)).encode()),
    ("not_object", lambda good, _: json.dumps([good]).encode()),
    ("not_object", lambda _, __: b"null"),
    ("missing_field", _without("event_id")),
    ("missing_field", _with(DP_MSISDN=None)),
    ("wrong_type", _with(DP_MOC_COUNT="many")),
    ("wrong_type", _with(DP_MOC_COUNT=2.5)),
    ("wrong_type", _with(DP_MTC_COUNT=True)),
    ("wrong_type", _with(DP_DATA_VOLUME={"bytes": 1})),
    ("wrong_type", _with(event_id="no number")),
    ("out_of_range", _with(DP_MOC_COUNT=-1)),
    ("out_of_range", _with(DP_MTSMS_COUNT=10**7)),
    ("out_of_range", _with(DP_MOC_DURATION=-0.001)),
    ("bad_msisdn", _with(DP_MSISDN="12ab")),
    ("bad_msisdn", _with(DP_MSISDN="1" * 16)),
    ("bad_date", _with(DP_DATE="2026-13-01T00:00:00Z")),
    ("bad_date", _with(DP_DATE="1999-12-31T00:00:00Z")),
    ("bad_date", _with(DP_DATE="2031-01-01T00:00:00Z")),
    ("too_late", _with(DP_DATE="2026-05-01T00:00:00Z")),
    ("bad_msisdn,out_of_range", _with(DP_MSISDN="x", DP_MOC_COUNT=-1)),
    ("too_large", _with(note="x" * MOST_BYTES)),
)


def poison(good: Message, random: Random, number: int) -> tuple[str, bytes]:
    """The reasons and the bytes of message `number`; every hundredth round has a large one."""
    last = len(KINDS) if number // len(KINDS) % 100 == 0 else len(KINDS) - 1
    reasons, make = KINDS[number % len(KINDS) % last]
    return reasons, make(good, random)
