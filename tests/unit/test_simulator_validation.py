"""What a client may ask of a stream."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flaskapp.validation import (
    InvalidRequestError,
    StreamRequest,
    parse_limit,
    parse_stream,
)
from lakehouse.settings.model import SimulatorSettings

LIMITS = SimulatorSettings(max_batch_size=10_000, max_num_batches=1_000, max_interval_seconds=3_600)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(list(StreamRequest.__dataclass_fields__)) | st.text(max_size=8)


def parsed(**body: Any) -> StreamRequest:
    return parse_stream(json.dumps(body).encode(), LIMITS)


@pytest.mark.parametrize("body", [b"", b"  \n", b"{}"])
def test_an_empty_body_means_the_defaults(body: bytes) -> None:
    assert parse_stream(body, LIMITS) == StreamRequest(1000, 10, 60, "live", 1, None, None)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"batch_size=5", "body must be JSON"),
        (b'{"batch_size": ', "body must be JSON"),
        (b"\xff\xfe", "body must be JSON"),
        (b'{"interval": NaN}', "body must be JSON"),
        (b"[" * 60_000, "body must be JSON"),
        (b"[1]", "body must be a JSON object"),
        (b"5", "body must be a JSON object"),
        (b'{"batch_size": 0}', "batch_size must be an integer from 1 to 10000"),
        (b'{"batch_size": 10001}', "batch_size must be an integer from 1 to 10000"),
        (b'{"batch_size": "5"}', "batch_size must be an integer from 1 to 10000"),
        (b'{"batch_size": true}', "batch_size must be an integer from 1 to 10000"),
        (b'{"batch_size": 1.5}', "batch_size must be an integer from 1 to 10000"),
        (b'{"num_batches": -1}', "num_batches must be an integer from 1 to 1000"),
        (b'{"interval": null}', "interval must be an integer from 1 to 3600"),
        (b'{"interval": 3601}', "interval must be an integer from 1 to 3600"),
        (b'{"mode": "fast"}', "mode must be one of live, replay"),
        (b'{"drift": "price"}', "drift must be one of price_shock, unit_change, "),
        (b'{"seed": -1}', "seed must be an integer from 0 to "),
        (b'{"batchsize": 1}', "batchsize must be a known key; did you mean 'batch_size'?"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(body: bytes, sentence: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_stream(body, LIMITS)
    assert str(caught.value).startswith(sentence)


def test_the_misspelt_key_of_the_first_documents_works() -> None:
    assert parsed(num_baches=5).num_batches == 5


@given(
    batch_size=st.integers(1, 10_000),
    num_batches=st.integers(1, 1_000),
    interval=st.integers(1, 3_600),
    seed=st.none() | st.integers(0, 2**53),
)
def test_every_request_within_the_limits_is_taken_as_it_is(**body: Any) -> None:
    assert {key: getattr(parsed(**body), key) for key in body} == body


@given(st.dictionaries(KEYS, JSON, max_size=4) | JSON)
def test_any_json_is_a_request_within_the_limits_or_one_sentence(body: Any) -> None:
    try:
        request = parse_stream(json.dumps(body).encode(), LIMITS)
    except InvalidRequestError as error:
        assert " must be " in str(error)
    else:
        assert 1 <= request.batch_size <= LIMITS.max_batch_size
        assert 1 <= request.num_batches <= LIMITS.max_num_batches
        assert 1 <= request.interval <= LIMITS.max_interval_seconds
        assert request.mode in ("live", "replay")


@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(body: bytes) -> None:
    try:
        parse_stream(body, LIMITS)
    except InvalidRequestError as error:
        assert " must be " in str(error)


def test_an_integer_may_be_written_with_a_point() -> None:
    assert parse_stream(b'{"interval": 5.0}', LIMITS).interval == 5


@pytest.mark.parametrize("text", ["0", "-1", "1001", "x", "", "1.5", "²", "1" * 5_000])
def test_a_limit_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="limit must be an integer from 1 to 1000"):
        parse_limit(text, 100, 1_000)
