"""MLflow's own scoring server, as `mlflow models serve` starts it; it knows no keys."""

from __future__ import annotations

import sys
from pathlib import Path

import mlflow
import uvicorn
from mlflow.pyfunc import scoring_server

from bench.opponents.serving import served

if __name__ == "__main__":
    uvicorn.run(
        scoring_server.init(mlflow.pyfunc.load_model(str(Path(sys.argv[1]) / served.MLFLOW))),
        port=int(sys.argv[2]),
        access_log=False,
        log_level="warning",
    )
