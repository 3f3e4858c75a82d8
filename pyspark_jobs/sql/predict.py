"""The SQL function `predict`: any registered model, asked by name.

    predict('Model', array(country, platform), array(visits, orders))
    predict('Model$3', ...)         -- version 3, whoever is champion
    predict('Model', struct(*))     -- by the names of the features

It answers with a struct: `prediction`, `probability` of the positive class, `model_version`, and
`error`, which says why there is no prediction.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession
from pyspark.sql.pandas.functions import arrow_udf

from lakehouse.errors import ModelError
from lakehouse.models.inputs import Inputs, Matrix
from pyspark_jobs.sql.live_models import LiveModel, LiveModels, RegistryPlace, models_of

NAME = "predict"
RETURNS = "struct<prediction: string, probability: double, model_version: int, error: string>"
ARROW = pa.struct(
    [
        ("prediction", pa.string()),
        ("probability", pa.float64()),
        ("model_version", pa.int32()),
        ("error", pa.string()),
    ]
)
USAGE = "write predict(name, array(texts), array(numbers)) or predict(name, struct(fields))"


def register(spark: SparkSession, place: RegistryPlace) -> None:
    """Make `predict` known to the SQL of a session."""

    def predict(*columns: pa.Array) -> pa.Array:
        return score(models_of(place), *columns)

    spark.udf.register(NAME, arrow_udf(predict, RETURNS))  # type: ignore[call-overload]


def score(models: LiveModels, *columns: pa.Array) -> pa.StructArray:
    """Answers for a batch of rows: names of models, and the values that they are given.

    It raises nothing: a row that cannot be scored says why in `error`.
    """
    names = columns[0]
    if not pa.types.is_string(names.type) or len(columns) not in (2, 3):
        return _refused(len(names), USAGE)
    if not len(names):
        return _refused(0, USAGE)
    groups = _grouped(names)
    if len(groups) == 1:
        return _of_model(models, groups[0][0], columns[1:])
    parts = [
        _of_model(models, name, tuple(column.take(pa.array(places)) for column in columns[1:]))
        for name, places in groups
    ]
    order = np.concatenate([places for _, places in groups])
    return pa.concat_arrays(parts).take(pa.array(np.argsort(order)))


def _grouped(names: pa.Array) -> list[tuple[str | None, npt.NDArray[np.int64]]]:
    """Each different name with the places of its rows."""
    encoded = names.dictionary_encode(null_encoding="encode")
    codes = encoded.indices.to_numpy()
    ends = np.cumsum(np.bincount(codes))[:-1]
    places = np.split(np.argsort(codes, kind="stable"), ends)
    return list(zip(encoded.dictionary.to_pylist(), places, strict=True))


def _of_model(models: LiveModels, name: str | None, values: tuple[pa.Array, ...]) -> pa.StructArray:
    count = len(values[0])
    if name is None:
        return _refused(count, "the name of the model is NULL")
    try:
        model = models.get(name)
    except ModelError as error:
        return _refused(count, str(error))
    matrix = _matrix(model.inputs, values)
    if matrix is None:
        return _refused(count, USAGE)
    return _answers(model, matrix)


def _matrix(inputs: Inputs, values: tuple[pa.Array, ...]) -> Matrix | None:
    """The rows in the order of the features; None if the arguments are of other types."""
    if len(values) == 2 and all(pa.types.is_list(one.type) for one in values):
        return inputs.from_lists(*values)
    if len(values) == 1 and pa.types.is_struct(values[0].type):
        struct = values[0]
        fields = {field.name: i for i, field in enumerate(struct.type)}
        return inputs.matrix({name: pc.struct_field(struct, i) for name, i in fields.items()})
    return None


def _answers(model: LiveModel, matrix: Matrix) -> pa.StructArray:
    count, problems = len(matrix.rows), matrix.problems
    if matrix.rows.shape[1] != len(model.inputs.features):
        return _struct(count, None, None, None, problems)
    scores = model.bundle.scorer.score(matrix.rows)
    words = pa.array(model.labels).take(pa.array(scores.prediction))
    probability = pa.array(scores.probability)
    version = pa.array(np.full(count, model.number, np.int32))
    if problems is not None:
        words, probability = (
            pc.if_else(problems.is_null(), column, pa.scalar(None, column.type))
            for column in (words, probability)
        )
    return _struct(count, words, probability, version, problems)


def _refused(count: int, why: str) -> pa.StructArray:
    return _struct(count, None, None, None, pa.array([why] * count, pa.string()))


def _struct(count: int, *columns: pa.Array | None) -> pa.StructArray:
    filled = [
        pa.nulls(count, field.type) if column is None else column
        for field, column in zip(ARROW, columns, strict=True)
    ]
    return pa.StructArray.from_arrays(filled, fields=list(ARROW))
