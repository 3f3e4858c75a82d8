"""What investigators found: written to the database, on its way to Kafka, and as training rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from lakehouse import mysql
from lakehouse.domains.cards import contracts, names
from lakehouse.domains.cards.estimate import Estimate, Verified, precision, recall
from lakehouse.domains.cards.messages import TIME
from lakehouse.publisher import Publisher

TABLE, WAITING = names.MYSQL_TABLE, "card_confirmations"
QUEUE_COLUMNS = (
    "trans_num", "trans_date_trans_time", "cc_num", "merchant", "category", "amt", "score",
    "decision", "expected_loss", "model_version", "drawn", "features",
)  # fmt: skip
CARD_COLUMNS = (
    "trans_num", "trans_date_trans_time", "merchant", "category", "amt", "score", "is_fraud",
    "fraud_confirmed",
)  # fmt: skip
# What nobody drew and somebody looked at all the same represents only itself.
_CHANCE = "IF(is_fraud = 1 OR drawn = 1, verify_chance, 1.0)"
_TRAINING = ", ".join(f"`{name}`" for name in contracts.COLUMNS if name != "is_fraud")
LOT = 500


def confirm(connection: Any, trans_num: str, is_fraud: bool, at: datetime) -> bool:
    """Record a verdict together with its message to Kafka; false if there is no such row.

    A later verdict replaces an earlier one.
    """
    with mysql.transaction(connection) as cursor:
        cursor.execute(
            f"SELECT trans_date_trans_time, {_CHANCE} FROM {TABLE} "  # noqa: S608
            "WHERE trans_num = %s FOR UPDATE",
            (trans_num,),
        )
        found = cursor.fetchone()
        if found is None:
            return False
        cursor.execute(
            f"UPDATE {TABLE} SET fraud_confirmed = %s, confirmed_at = %s WHERE trans_num = %s",  # noqa: S608
            (is_fraud, at.replace(tzinfo=None), trans_num),
        )
        message = {
            "trans_num": trans_num,
            "trans_date_trans_time": found[0].strftime(TIME),
            "fraud_confirmed": int(is_fraud),
            "known_at": at.isoformat(),
            "chance": float(found[1]),
        }
        cursor.execute(
            f"INSERT INTO {WAITING} (trans_num, message) VALUES (%s, %s)",  # noqa: S608
            (trans_num, json.dumps(message)),
        )
    return True


def relay(connection: Any, publisher: Publisher) -> int:
    """Send waiting verdicts to Kafka, in order; how many.

    Raises `ServiceError` when the broker does not acknowledge them; they go on waiting.
    """
    with mysql.transaction(connection) as cursor:
        cursor.execute(
            f"SELECT id, trans_num, message FROM {WAITING} WHERE sent = FALSE "  # noqa: S608
            f"ORDER BY id LIMIT {LOT} FOR UPDATE"
        )
        found = cursor.fetchall()
        for _, trans_num, message in found:
            publisher.send(names.TOPIC_OUTCOMES, trans_num, message)
        publisher.deliver()
        if found:
            cursor.executemany(
                f"UPDATE {WAITING} SET sent = TRUE WHERE id = %s",  # noqa: S608
                [(number,) for number, _, _ in found],
            )
    return len(found)


def queue(connection: Any, limit: int) -> list[dict[str, Any]]:
    """What is to be looked at: the flagged by expected loss, then those that were drawn."""
    where = "fraud_confirmed IS NULL AND (is_fraud = 1 OR drawn = 1)"
    order = "is_fraud DESC, expected_loss DESC, id"
    return _select(connection, QUEUE_COLUMNS, f"{where} ORDER BY {order} LIMIT %s", (limit,))


def of_card(connection: Any, card: str, limit: int) -> list[dict[str, Any]]:
    """The latest transactions of a card, newest first."""
    where = "cc_num = %s ORDER BY trans_date_trans_time DESC, id DESC LIMIT %s"
    return _select(connection, CARD_COLUMNS, where, (card, limit))


def quality(connection: Any) -> tuple[Estimate, Estimate]:
    """Recall and precision, estimated from what was looked at."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT is_fraud, fraud_confirmed, verify_chance FROM {TABLE} "  # noqa: S608
            "WHERE fraud_confirmed IS NOT NULL AND (is_fraud = 1 OR drawn = 1)"
        )
        rows = [Verified(bool(a), bool(b), float(c)) for a, b, c in cursor.fetchall()]
    return recall(rows), precision(rows)


def validated(connection: Any) -> tuple[str, str]:
    """`validated.csv` in the training format, and the weight of each of its rows, as CSV.

    `is_fraud` is the verdict, 0 or 1, not the prediction. A weight is 1 / the chance with which the
    plan chose the row to be looked at, and 1 for a row that it did not choose.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_TRAINING}, fraud_confirmed, {_CHANCE} FROM {TABLE} "  # noqa: S608
            "WHERE fraud_confirmed IS NOT NULL ORDER BY id"
        )
        found = cursor.fetchall()
    rows = ([*map(_text, one[:-2]), int(one[-2])] for one in found)
    place = [name for name in contracts.COLUMNS if name != "is_fraud"].index("trans_num")
    weights = ([one[place], repr(1 / float(one[-1]))] for one in found)
    return (
        _csv(["", *contracts.COLUMNS], ([number, *row] for number, row in enumerate(rows))),
        _csv(["trans_num", "weight"], weights),
    )


def _csv(header: Sequence[str], rows: Iterator[list[Any]]) -> str:
    """Rows as CSV, texts unchanged: a training reads the file, and must see what scoring saw.

    In a spreadsheet a text such as this one would be a formula; open the file as text there.

    >>> _csv(["merchant"], iter([["=1+1"]]))
    'merchant\\n=1+1\\n'
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return file.getvalue()


def _text(value: Any) -> Any:
    return value.strftime(TIME) if isinstance(value, datetime) else value


def _select(
    connection: Any, columns: Sequence[str], rest: str, values: tuple[Any, ...]
) -> list[dict[str, Any]]:
    chosen = ", ".join(f"`{name}`" for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {chosen} FROM {TABLE} WHERE {rest}", values)  # noqa: S608
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
