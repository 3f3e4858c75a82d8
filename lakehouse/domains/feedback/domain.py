"""The domain as one value: what the shared modules work from."""

from __future__ import annotations

from dataclasses import replace

from lakehouse.checks import At, Check, Distinct, Held, Messages, accepted_losses
from lakehouse.domain import Domain, Feed, Scored, Station, Topic
from lakehouse.domains.feedback import contracts, names
from lakehouse.services import Service

ANSWERS = Feed(
    identity=names.INGEST_PREDICTIONS,
    topic=names.TOPIC_PREDICTIONS,
    message=contracts.PREDICTION,
    bronze=contracts.BRONZE_PREDICTIONS,
    quarantine=contracts.QUARANTINE_PREDICTIONS,
    event_time="served_at",
    event_date="served_date",
    event_id="event_id",
)
TRUTHS = Feed(
    identity=names.INGEST_TRUTHS,
    topic=names.TOPIC_TRUTHS,
    message=contracts.TRUTH,
    bronze=contracts.BRONZE_TRUTHS,
    quarantine=contracts.QUARANTINE_TRUTHS,
    event_time="known_at",
    event_date="known_date",
    event_id="event_id",
)
FEEDBACK = Domain(
    name=names.NAME,
    topics=(Topic(names.TOPIC_PREDICTIONS), Topic(names.TOPIC_TRUTHS)),
    feeds=(ANSWERS, TRUTHS),
    tables=(
        names.BRONZE_PREDICTIONS,
        names.QUARANTINE_PREDICTIONS,
        names.BRONZE_TRUTHS,
        names.QUARANTINE_TRUTHS,
        names.PREDICTIONS,
    ),
    stations=(
        Station("answers", "messages", "topic", names.TOPIC_PREDICTIONS),
        Station("bronze answers", "rows", "table", names.BRONZE_PREDICTIONS),
        Station("quarantined answers", "messages", "table", names.QUARANTINE_PREDICTIONS),
        Station("truths", "messages", "topic", names.TOPIC_TRUTHS),
        Station("bronze truths", "rows", "table", names.BRONZE_TRUTHS),
        Station("quarantined truths", "messages", "table", names.QUARANTINE_TRUTHS),
        Station("served", "rows", "table", names.PREDICTIONS),
    ),
    checks=(
        Check("answers in Kafka = held", Messages(names.TOPIC_PREDICTIONS),
              Held(names.TOPIC_PREDICTIONS), (accepted_losses(names.TOPIC_PREDICTIONS),)),
        Check("truths in Kafka = held", Messages(names.TOPIC_TRUTHS), Held(names.TOPIC_TRUTHS),
              (accepted_losses(names.TOPIC_TRUTHS),)),
        Check("answers = served", Distinct(names.BRONZE_PREDICTIONS, ("event_id",)), At("served")),
        Check("served once", At("served"), Distinct(names.PREDICTIONS, ("event_id",))),
    ),
    services=(Service("feedback-pipeline", "pyspark_jobs.jobs.feedback_pipeline", job=True),),
    title="Answers and feedback",
    about="What the models behind REST have answered, and what turned out to be true of it.",
)  # fmt: skip


def served(scored: Scored) -> Scored:
    """A model's answers over REST in the place of what it has scored in the lake.

    Monitoring given this value reports on callers' records, with their feedback as outcomes.
    """
    return replace(
        scored,
        features=names.PREDICTIONS,
        table=contracts.PREDICTIONS,
        entity="event_id",
        time="served_at",
        score="probability",
        prediction="prediction",
        label="truth",
        outcomes=None,
        changes=None,
        slices=None,
    )
