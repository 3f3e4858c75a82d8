"""Flask on waitress's threads with scikit-learn: the way most examples show it."""

from __future__ import annotations

import hmac
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from flask import Flask, abort, jsonify, request
from waitress import serve

from bench.opponents.serving import served

THREADS = 8


def application(folder: Path) -> Flask:
    """The application."""
    fitted = joblib.load(folder / served.FITTED)
    names = [f"f{number}" for number in range(served.FEATURES)]
    app = Flask(__name__)

    @app.post("/predict")
    def predict() -> Any:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given, served.TOKEN):
            abort(401)
        body = request.get_json()
        records = body if isinstance(body, list) else [body]
        if not all(record.keys() == set(names) for record in records):
            abort(422)
        rows = np.array([[float(record[name]) for name in names] for record in records])
        if not np.isfinite(rows).all():
            abort(422)
        found = fitted.predict_proba(rows)[:, 1]
        return jsonify([{"probability": p, "prediction": int(p >= 0.5)} for p in found.tolist()])

    return app


if __name__ == "__main__":
    serve(
        application(Path(sys.argv[1])), listen=f"127.0.0.1:{int(sys.argv[2])}", threads=THREADS,
        _quiet=True,
    )  # fmt: skip
