"""The application of `fastapi_onnx` in one replica of Ray Serve: `server FOLDER PORT`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import ray
from fastapi import FastAPI
from ray import serve
from ray.serve._private import api, client

from bench.opponents.ray_serve import PATIENCE_S
from bench.opponents.serving.fastapi_onnx import application

MAX_ONGOING = 512
# The one limit of its start that no variable sets: a minute.
api.HTTP_PROXY_TIMEOUT = client.HTTP_PROXY_TIMEOUT = PATIENCE_S


def main(folder: Path, port: int) -> None:
    """Serve until SIGTERM."""
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error",
        _node_ip_address="127.0.0.1", _temp_dir=str(folder / "ray"),
    )  # fmt: skip
    serve.start(http_options={"host": "127.0.0.1", "port": port})

    def built() -> FastAPI:
        return application(folder)

    @serve.deployment(max_ongoing_requests=MAX_ONGOING)
    @serve.ingress(built)
    class Scorer:
        """A replica, which has a core."""

    serve.run(Scorer.bind())  # type: ignore[attr-defined]
    threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
