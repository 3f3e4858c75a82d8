"""What a client may ask of a stream."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from flaskapp import stream_requests
from flaskapp.cdr.sending import CdrRequest
from flaskapp.domains import sources
from flaskapp.routes import Latest
from flaskapp.stream_source import StreamSource, limited
from lakehouse.clock import SystemClock
from lakehouse.domains.settings import Settings
from lakehouse.http.requests import InvalidRequestError, parse_query
from lakehouse.settings.model import SimulatorSettings

LIMITS = SimulatorSettings(max_batch_size=10_000, max_num_batches=1_000, max_interval_seconds=3_600)
MODELS = stream_requests.models(sources(Settings(), SystemClock()), LIMITS)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(CdrRequest.__struct_fields__) | st.text(max_size=8)


def parse_stream(body: bytes) -> CdrRequest:
    found = stream_requests.parse_stream(body, MODELS)
    assert isinstance(found, CdrRequest)
    return found


def parsed(**body: Any) -> CdrRequest:
    return parse_stream(json.dumps(body).encode())


@pytest.mark.parametrize("body", [b"", b"  \n", b"{}"])
def test_an_empty_body_means_the_defaults(body: bytes) -> None:
    assert parse_stream(body).as_dict() == CdrRequest().as_dict()
    assert CdrRequest().as_dict() == {
        "domain": "cdr", "batch_size": 1000, "num_batches": 10, "interval": 60, "mode": "live",
        "seed": None, "days_per_batch": 1, "drift": None,
    }  # fmt: skip


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
        (b'{"drift": "price"}', "drift must be one of concept_flip, gradual_fade, "),
        (b'{"seed": -1}', "seed must be an integer from 0 to "),
        (b'{"domain": "fraud"}', "domain must be one of cdr"),
        (b'{"domain": 5}', "domain must be one of cdr"),
        (b'{"batchsize": 1}', "batchsize is not a known key; did you mean 'batch_size'?"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(body: bytes, sentence: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_stream(body)
    assert str(caught.value).startswith(sentence)


def test_the_misspelt_key_of_the_first_documents_works() -> None:
    assert parsed(num_baches=5).num_batches == 5


@settings(deadline=None)
@given(
    batch_size=st.integers(1, 10_000),
    num_batches=st.integers(1, 1_000),
    interval=st.integers(1, 3_600),
    seed=st.none() | st.integers(0, 2**53),
)
def test_every_request_within_the_limits_is_taken_as_it_is(**body: Any) -> None:
    assert {key: getattr(parsed(**body), key) for key in body} == body


@settings(deadline=None)
@given(st.dictionaries(KEYS, JSON, max_size=4) | JSON)
def test_any_json_is_a_request_within_the_limits_or_one_sentence(body: Any) -> None:
    try:
        request = parse_stream(json.dumps(body).encode())
    except InvalidRequestError as error:
        assert is_a_sentence(error)
    else:
        assert 1 <= request.batch_size <= LIMITS.max_batch_size
        assert 1 <= request.num_batches <= LIMITS.max_num_batches
        assert 1 <= request.interval <= LIMITS.max_interval_seconds
        assert request.mode in ("live", "replay")


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(body: bytes) -> None:
    try:
        parse_stream(body)
    except InvalidRequestError as error:
        assert is_a_sentence(error)


def test_an_integer_may_be_written_with_a_point() -> None:
    assert parse_stream(b'{"interval": 5.0}').interval == 5


@pytest.mark.parametrize("text", ["0", "-1", "1001", "x", "", "1.5", "1e2", "²", "1" * 5_000])
def test_a_limit_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="limit must be an integer from 1 to 1000, not"):
        parse_query(Latest, MultiDict({"limit": text}))


@pytest.mark.parametrize("text", ["10", "0000000010", "0" * 5_000 + "10"])
def test_a_number_with_zeros_before_it_is_that_number(text: str) -> None:
    assert parse_query(Latest, MultiDict({"limit": text})).limit == 10


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ([("limt", "5")], "limt is not a known key; did you mean 'limit'?"),
        ([("limit", "5"), ("limit", "6")], "limit must be given once, not 2 times"),
    ],
)
def test_keys_of_a_query_are_known_and_given_once(
    query: list[tuple[str, str]], sentence: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_query(Latest, MultiDict(query))
    assert str(caught.value) == sentence


def test_a_domain_that_is_not_the_first_has_to_be_named() -> None:
    source = sources(Settings(), SystemClock())[0]
    both = MODELS | {"second": limited(_named(source, "second"), LIMITS, is_first=False)}
    found = stream_requests.parse_stream(b'{"domain": "second", "batch_size": 5}', both)
    assert (found.domain, found.batch_size) == ("second", 5)
    assert stream_requests.parse_stream(b"{}", both).domain == "cdr"


def _named(source: StreamSource, domain: str) -> StreamSource:
    return cast(StreamSource, SimpleNamespace(domain=domain, request=source.request))


def is_a_sentence(error: InvalidRequestError) -> bool:
    return " must be " in str(error) or " is not a known key; " in str(error)
