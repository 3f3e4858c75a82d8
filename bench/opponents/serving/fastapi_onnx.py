"""FastAPI with pydantic on uvicorn (uvloop, httptools) and ONNX Runtime."""

from __future__ import annotations

import hmac
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnxruntime
import uvicorn
from fastapi import Body, FastAPI, Header, HTTPException
from pydantic import ConfigDict, create_model

from bench.opponents.serving import served

NAMES = tuple(f"f{number}" for number in range(served.FEATURES))
FIELDS: dict[str, Any] = dict.fromkeys(NAMES, (float, ...))
Record = create_model(
    "Record", __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **FIELDS
)
Prediction = create_model("Prediction", probability=(float, ...), prediction=(int, ...))


def application(folder: Path) -> FastAPI:
    """The application."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession((folder / served.ONNX).read_bytes(), options)
    app = FastAPI()

    def score(records: list[Any]) -> list[Any]:
        rows = np.array([[getattr(one, name) for name in NAMES] for one in records])
        _, probability, _ = session.run(None, {"features": rows})
        return [
            Prediction(probability=p, prediction=int(p >= 0.5)) for p in probability[:, 1].tolist()
        ]

    def authorise(authorization: str) -> None:
        if not hmac.compare_digest(authorization.removeprefix("Bearer "), served.TOKEN):
            raise HTTPException(401)

    async def predict(
        record: Annotated[Any, Body()], authorization: Annotated[str, Header()] = ""
    ) -> Any:
        authorise(authorization)
        return score([record])[0]

    async def predict_many(
        records: Annotated[Any, Body()], authorization: Annotated[str, Header()] = ""
    ) -> Any:
        authorise(authorization)
        return score(records)

    predict.__annotations__["record"] = Annotated[Record, Body()]
    predict_many.__annotations__["records"] = Annotated[list[Record], Body()]
    app.post("/predict", response_model=Prediction)(predict)
    app.post("/predict_many", response_model=list[Prediction])(predict_many)
    return app


if __name__ == "__main__":
    uvicorn.run(
        application(Path(sys.argv[1])),
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
