"""What a route is: its address, what it takes and returns, and the function behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import msgspec

from serving.rest.door import Door
from serving.rest.errors import RestError
from serving.rest.exchange import Exchange
from serving.rest.records import decoded

Access = Literal["data", "open", "health", "metrics"]
Handler = Callable[[Door, Exchange], Awaitable[None]]
# Addresses whose route is remembered; whoever gets one must not change its parameters.
_KEPT_PATHS = 1_024


@dataclass(frozen=True)
class Route:
    """A route of the service; `{name}` in `path` is a parameter.

    `body` and `answer` are types that msgspec can describe, or ready JSON schemas; `media` are the
    media types of bodies, and `query` has the schemas of all parameters after the question mark.
    `statuses` are those of its errors, `answers` the status of success. `samples` are bodies that
    the page offers.
    """

    method: str
    path: str
    summary: str
    handler: Handler
    body: Any = None
    answer: Any = None
    access: Access = "data"
    query: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    parameters: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    statuses: tuple[int, ...] = ()
    status: int = 200
    media: tuple[str, ...] = ("application/json",)
    answers_in: str = "application/json"
    samples: Mapping[str, Any] = field(default_factory=dict)
    is_hidden: bool = False

    @property
    def acts(self) -> bool:
        """Whether pages of other sites must not call it."""
        return self.method != "GET"


class Router:
    """Finds the route of an address."""

    def __init__(self, routes: list[Route]) -> None:
        self.routes = tuple(routes)
        self._match = lru_cache(_KEPT_PATHS)(self._matching)
        self._fixed: dict[str, dict[str, Route]] = {}
        self._open: list[tuple[list[str], dict[str, Route]]] = []
        for route in routes:
            if "{" not in route.path:
                self._fixed.setdefault(route.path, {})[route.method] = route
                continue
            parts = route.path.split("/")
            known = next((methods for form, methods in self._open if form == parts), None)
            if known is None:
                known = {}
                self._open.append((parts, known))
            known[route.method] = route

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route and the parameters in its address.

        Raises `RestError`: 404 for an address that there is not, 405 for another method.
        """
        methods, found = self._fixed.get(path), dict[str, str]()
        if methods is None:
            methods, found = self._match(path)
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = ", ".join(sorted(methods))
            text = f"This address takes {allowed}, not {method:.20}."
            raise RestError(405, text, headers={"Allow": allowed})
        return route, found

    def _matching(self, path: str) -> tuple[dict[str, Route], dict[str, str]]:
        parts = path.split("/")
        for form, methods in self._open:
            if len(form) != len(parts):
                continue
            pairs = list(zip(form, parts, strict=True))
            if all(mine[:1] == "{" or mine == part for mine, part in pairs):
                return methods, {mine[1:-1]: part for mine, part in pairs if mine[:1] == "{"}
        raise RestError(404, "There is nothing at this address; /openapi.json lists what there is.")


def require_known(route: Route, query: Mapping[str, str]) -> None:
    """Refuse a parameter that a route does not have: a misspelt one would change nothing unseen."""
    for name in query:
        if name not in route.query:
            known = ", ".join(route.query) or "none"
            text = f"{name!r:.40} is no parameter of this address; it has: {known}."
            raise RestError(422, text, name[:40])


def number(text: str) -> int:
    """A version in an address. Raises `RestError` for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise RestError(404, f"There is no version {text!r:.40}; versions are whole numbers.")
    return int(text)


def flag(query: Mapping[str, str], name: str) -> bool:
    """Whether a switch is on. Raises `RestError` for another value than 0, 1, true or false."""
    text = query.get(name, "0")
    if text not in ("0", "1", "true", "false"):
        raise RestError(422, f"Parameter {name!r} must be 0 or 1, and is {text!r:.40}.", name)
    return text in ("1", "true")


def parse(body: bytes, kind: Any) -> Any:
    """A JSON body as a value of `kind`. Raises `RestError` as `records.decoded` does."""
    return decoded(msgspec.json.Decoder(kind).decode, body)
