"""What a route of an HTTP service takes and returns, declared next to its function.

The query's validation, the access rule and the route's part of the OpenAPI document all come from
the declaration; a route cannot be served without one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Literal

import msgspec
from flask import Flask, Response, current_app, request

from lakehouse.http.requests import NoQuery, parse_query

Access = Literal["data", "open", "health", "metrics"]
JSON = "application/json"
STATIC = "static"


class Error(msgspec.Struct, frozen=True):
    """What went wrong, in a sentence or two."""

    error: str


@dataclass(frozen=True)
class Operation:
    """A route: `answer` is the type of its JSON, `media` the media type if it is not JSON.

    `body` holds the models that its body may have, `errors` the types of error answers that are
    specific to this route, and `path` the schemas of parameters within the address. A tuple of
    types means that an answer is one of them. `access` says whether it hands out data, which
    requires the token, and `acts` that a call has an effect.
    """

    summary: str
    answer: Any = None
    query: type[msgspec.Struct] = NoQuery
    body: tuple[type[msgspec.Struct], ...] = ()
    errors: Mapping[int, Any] = field(default_factory=dict)
    path: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    media: str = JSON
    access: Access = "data"
    acts: bool = False


def operation(declared: Operation) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Make a function a route; it gets its validated query, if it has one, as `query`.

    The function returns a response, or a value of the type `declared.answer`.
    """

    def declare(view: Callable[..., Any]) -> Callable[..., Response]:
        @wraps(view)
        def serve(**path: str) -> Response:
            query = parse_query(declared.query, request.args)
            given = {} if declared.query is NoQuery else {"query": query}
            answer = view(**path, **given)
            return answer if isinstance(answer, Response) else as_json(answer)

        serve.operation = declared  # type: ignore[attr-defined]
        return serve

    return declare


def as_json(value: Any, status: int = 200) -> Response:
    """A response with `value`, anything that msgspec can encode, as JSON."""
    return Response(msgspec.json.encode(value), status, mimetype=JSON)


def of(app: Flask, endpoint: str | None) -> Operation | None:
    """The declaration of an endpoint; None for static files and for no endpoint at all."""
    view = app.view_functions.get(endpoint or "")
    return getattr(view, "operation", None)


def install(app: Flask) -> None:
    """Set up HEAD and OPTIONS for `app`, once all its routes are registered.

    HEAD runs a route's function, so a route that has an effect gets none; OPTIONS answers without a
    body. Raises `TypeError` for a route that declares nothing.
    """
    for rule in app.url_map.iter_rules():
        declared = of(app, rule.endpoint)
        if declared is None and rule.endpoint.rpartition(".")[2] != STATIC:
            raise TypeError(f"the route {rule.rule} is declared by no operation")
        if declared is not None and declared.acts and rule.methods:
            rule.methods.discard("HEAD")
    app.before_request(_answer_options)


def _answer_options() -> Response | None:
    if request.method != "OPTIONS" or request.url_rule is None:
        return None
    response = current_app.make_default_options_response()
    response.status_code = 204
    response.headers.remove("Content-Type")
    return response
