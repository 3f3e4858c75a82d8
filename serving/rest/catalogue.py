"""Every shared route of the service."""

from __future__ import annotations

from typing import Any

from serving.rest import inference_v2 as v2
from serving.rest import invocations, predict, service
from serving.rest import v2_messages as messages
from serving.rest.invocations import CSV, JSON
from serving.rest.routes import Route

_VERSION = {"version": {"type": "integer", "minimum": 1, "maximum": 999_999_999}}
_MISSING = (404, 503)


def routes() -> list[Route]:
    """The shared routes; those of a single model are shown on the page for each model by name."""
    return [*_service(), *_invocations(), *_models(), *_v2()]


def _service() -> list[Route]:
    return [
        Route("GET", "/health", "Whether the process runs, and which versions are in service",
              service.health, answer=service.Health, access="health"),
        Route("GET", "/metrics", "Metrics for Prometheus", service.metrics, access="metrics",
              answers_in="text/plain"),
        Route("GET", "/models", "Every model in service", service.list_models,
              answer=list[service.ModelInfo], statuses=(503,)),
        Route("POST", "/feedback", "The truth of a record that was served", service.feedback,
              service.Feedback, service.Taken, statuses=(409, 422, 503), status=202),
    ]  # fmt: skip


def _invocations() -> list[Route]:
    return [
        Route("GET", "/ping", "Whether a model is in service", invocations.ping,
              answer=invocations.Ping, access="health", statuses=(503,)),
        Route("POST", "/invocations", "Predict for a frame of records", invocations.invocations,
              invocations.BODY, invocations.Answer, media=(JSON, CSV),
              statuses=(404, 415, 422, 503)),
    ]  # fmt: skip


def _models() -> list[Route]:
    made: list[tuple[str, str, Any, dict[str, dict[str, Any]]]] = [
        ("GET", "/models/{name}", service.show_model, {}),
        ("POST", "/models/{name}/reload", service.reload, {}),
        ("POST", "/models/{name}/predict", predict.predict, predict.QUERY),
        ("POST", "/models/{name}/versions/{version}/predict", predict.predict_version,
         predict.QUERY),
    ]  # fmt: skip
    return [
        Route(method, path, "", handler, is_hidden=True, query=query)
        for method, path, handler, query in made
    ]


def _v2() -> list[Route]:
    made: list[tuple[str, str, Any]] = []
    for stem in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        made += [
            ("GET", stem, v2.metadata),
            ("GET", f"{stem}/ready", v2.model_ready),
            ("POST", f"{stem}/infer", v2.infer),
        ]
    return [
        Route("GET", "/v2", "What this server is", v2.server, answer=messages.ServerMetadata,
              access="health"),
        Route("GET", "/v2/health/live", "Whether the process answers", v2.live,
              answer=messages.Live, access="health"),
        Route("GET", "/v2/health/ready", "Whether a model is in service", v2.ready,
              answer=messages.Ready, access="health", statuses=(503,)),
        *(Route(method, path, "", handler, is_hidden=True) for method, path, handler in made),
    ]  # fmt: skip


def of_model(name: str, record: Any) -> list[Route]:
    """The routes of one model, for the page; `record` is the type of its records."""
    stem = f"/v2/models/{name}"
    return [
        *predict.routes(name, record),
        Route("GET", f"/models/{name}", f"{name} as it is served", service.show_model,
              answer=service.ModelInfo, statuses=_MISSING),
        Route("POST", f"/models/{name}/reload", "Ask the registry now", service.reload,
              answer=service.ModelInfo, statuses=_MISSING),
        Route("GET", stem, f"Inputs and outputs of {name}", v2.metadata,
              answer=messages.ModelMetadata, statuses=_MISSING),
        Route("GET", f"{stem}/ready", f"Whether {name} can answer", v2.model_ready,
              answer=messages.ModelReady, statuses=_MISSING),
        Route("POST", f"{stem}/infer", f"Predict with {name}: a tensor of each feature", v2.infer,
              messages.InferRequest, messages.InferAnswer, statuses=(404, 422, 503)),
        Route("POST", f"{stem}/versions/{{version}}/infer", f"Predict with one version of {name}",
              v2.infer, messages.InferRequest, messages.InferAnswer, parameters=_VERSION,
              statuses=(404, 422, 503)),
    ]  # fmt: skip
