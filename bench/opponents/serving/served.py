"""What all servers are told of the forest: its size, the name, the key, and where its files are."""

from __future__ import annotations

FEATURES, TREES, DEPTH, THRESHOLD = 29, 100, 10, 0.5
NAME, TOKEN = "bench", "bench-token"
FITTED, ONNX, BUNDLE, MANIFEST_HASH = "model.joblib", "model.onnx", "bundle", "manifest.sha256"
MLFLOW = "mlflow"
