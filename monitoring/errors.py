"""Errors of a monitoring run, and the HTTP status of each."""

from __future__ import annotations

from typing import ClassVar

from lakehouse.errors import MonitoringError


class RequestError(MonitoringError):
    """An invalid request for a run."""

    status: ClassVar[int] = 400


class NotFoundError(RequestError):
    """A model version, a period or a run that does not exist."""

    status = 404


class ConflictError(RequestError):
    """A run that cannot be made as requested, or not now."""

    status = 409


class NotReadyError(RequestError):
    """Something that has to exist first: a champion, predictions."""

    status = 503


class SingleClassError(RequestError):
    """Labels of only one class, from which no performance can be learnt."""

    status = 200
