"""A bot detector for measurements, whatever the gates say of it: the work is the same."""

from __future__ import annotations

from pyspark.sql import SparkSession

from lakehouse.domains.clicks.domain import BOTS
from lakehouse.domains.settings import Settings
from lakehouse.registry import open_registry
from pyspark_jobs.clicks.lessons import Lessons
from pyspark_jobs.clicks.train import train


def promoted(spark: SparkSession, settings: Settings, lessons: Lessons) -> None:
    """Train a bot detector and make it champion."""
    registry = open_registry(settings, BOTS)
    version = train(spark, settings, registry, lessons, print).version
    registry.promote(version.number, "for a measurement")
