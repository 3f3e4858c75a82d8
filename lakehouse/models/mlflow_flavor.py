"""What lets MLflow load a model's folder: `mlflow.pyfunc.load_model("models:/<name>/<version>")`.

MLflow imports this module and hands it the folder, which contains no code and no pickle. The files
must be those that the folder's manifest names, but only the registry knows the manifest's hash: to
be sure that nobody has replaced the folder, load it through the registry.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.models import bundle, scoring
from lakehouse.models.bundle import Bundle

if TYPE_CHECKING:
    import pandas as pd


class PythonModel:
    """A model as MLflow calls it."""

    def __init__(self, loaded: Bundle) -> None:
        self.manifest = loaded.manifest
        self._scorer = loaded.scorer

    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:
        """`probability` and `prediction` for rows with the model's features.

        Raises `ModelError` when a feature is missing.
        """
        import pandas as pd
        import polars as pl

        rows = scoring.matrix(pl.from_pandas(model_input), self._scorer.features)
        scores = self._scorer.score(rows)
        found = {"probability": scores.probability, "prediction": scores.prediction}
        return pd.DataFrame(found, index=model_input.index)


def _load_pyfunc(path: str) -> PythonModel:
    """The entry that MLflow looks for."""
    folder = Path(path)
    papers = (folder / bundle.MANIFEST).read_bytes()
    return PythonModel(bundle.load(folder, bundle.sha256(papers)))
