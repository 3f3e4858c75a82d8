"""The two services as their users call them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any

from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError

TIMEOUT_S = 180.0


class Api:
    """JSON over HTTP to the services, with the token if one is set."""

    def __init__(self, settings: Settings) -> None:
        self.simulator = f"http://{settings.simulator.host}:{settings.simulator.port}"
        self.monitor = f"http://{settings.monitoring.host}:{settings.monitoring.port}"
        self.models = f"http://{settings.serving.host}:{settings.serving.port}"
        token = settings.api.token
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token.get_secret_value()}"

    def get(self, path: str) -> dict[str, Any]:
        """GET from the simulator."""
        return self._call(self.simulator + path, None)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST to the simulator."""
        return self._call(self.simulator + path, body)

    def monitoring(self, path: str) -> dict[str, Any]:
        """GET from monitoring."""
        return self._call(self.monitor + path, None)

    def predict(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST to the served models."""
        return self._call(self.models + path, body)

    def call(self, url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """GET from any service of the installation, or POST with a body."""
        return self._call(url, body)

    def healthy(self, base: str) -> bool:
        """Whether a service answers its health page with success."""
        try:
            self._call(f"{base}/health", None)
        except ServiceError:
            return False
        return True

    def _call(self, url: str, body: dict[str, Any] | None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, self._headers)  # noqa: S310 our own addresses
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            raise ServiceError(
                url, "an answer of success", f"{error.code}: {_said(error)}", "see its log"
            ) from None
        except (OSError, HTTPException, ValueError) as error:
            got = repr(error) if isinstance(error, HTTPException) else str(error)
            raise ServiceError(url, "an answer", got, "see `cdrlake status`") from None


def _said(error: urllib.error.HTTPError) -> str:
    """What a refusal says, as far as it arrives."""
    try:
        return error.read().decode(errors="replace")[:300]
    except (OSError, HTTPException) as cut:
        return repr(cut)
