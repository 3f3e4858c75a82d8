"""Errors of a monitoring run, and the HTTP status that each is answered with."""

from __future__ import annotations

from typing import ClassVar

from lakehouse.errors import MonitoringError


class RequestError(MonitoringError):
    """A run that was not asked for properly."""

    status: ClassVar[int] = 400


class NotFoundError(RequestError):
    """A model version, a period or a run that is not there."""

    status = 404


class ConflictError(RequestError):
    """A run that cannot be made as asked for, or not now."""

    status = 409


class NotReadyError(RequestError):
    """Something that has to be there first: a champion, predictions."""

    status = 503


class SingleClassError(RequestError):
    """Labels of one class only, from which no performance can be learnt."""

    status = 200
