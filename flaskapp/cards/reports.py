"""Drift reports by date, as their readers know them: a list, one report, and an upload."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, render_template, request
from msgspec import Struct

from lakehouse import files
from lakehouse.domains.settings import Settings
from lakehouse.http import access, answers
from lakehouse.http.operations import Error, Operation, operation

NAME = re.compile(r"data_drift_report_(\d{8}_\d{6})\.html")
MOST_BYTES = 4 << 20
_FORM_BYTES = 64 << 10
# A report shows tables and nothing that runs, whoever has uploaded it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


class Report(Struct, frozen=True):
    """A report: `id` is its time, as in its name."""

    id: str
    report_name: str
    created_at: datetime


class Reports(Struct, frozen=True):
    """Reports, newest first."""

    reports: list[Report]


class Day(Struct, frozen=True):
    """The day whose reports are wanted."""

    date: date


class Uploaded(Struct, frozen=True):
    """The report that was taken."""

    id: str


def max_body_bytes(settings: Settings) -> int:
    """How large the body of an upload may be: a report, and the form around it."""
    return max(MOST_BYTES + _FORM_BYTES, access.max_body_bytes(settings.api))


def folder(settings: Settings) -> Path:
    """Where the reports are."""
    return settings.state / "cards" / "reports"


def found(place: Path) -> list[Report]:
    """The reports in a folder, newest first."""
    reports = [
        _report(match) for path in place.glob("*.html") if (match := NAME.fullmatch(path.name))
    ]
    return sorted((one for one in reports if one), key=lambda one: one.id, reverse=True)


def blueprint(settings: Settings) -> Blueprint:
    """The routes of reports."""
    api, place = Blueprint("reports", __name__, template_folder="templates"), folder(settings)
    _lists(api, place)

    @api.get("/report/<number>")
    @operation(Operation("A drift report", media="text/html", errors={404: Error},
                         path={"number": {"type": "string"}}))  # fmt: skip
    def report(number: str) -> Response:
        known = {one.id: one for one in found(place)}
        if number not in known:
            return answers.error(f"no report is called {number[:40]}", 404)
        text = (place / known[number].report_name).read_bytes()
        return Response(text, mimetype="text/html", headers={"Content-Security-Policy": POLICY})

    @api.post("/upload")
    @operation(Operation("Take a report that was made elsewhere, as the form field `file`",
                         Uploaded, errors={400: Error}, acts=True))  # fmt: skip
    def upload() -> Uploaded | Response:
        request.max_content_length = max_body_bytes(settings)
        file = request.files.get("file")
        match = NAME.fullmatch(file.filename or "") if file is not None else None
        taken = _report(match) if match else None
        if file is None or taken is None:
            return answers.error(
                "a file called data_drift_report_YYYYMMDD_HHMMSS.html is needed in the form field "
                "'file'", 400,
            )  # fmt: skip
        content = file.read(MOST_BYTES + 1)
        if not content or len(content) > MOST_BYTES:
            return answers.error(f"a report has 1 to {MOST_BYTES:,} bytes", 400)
        files.replace(place / taken.report_name, content)
        return Uploaded(taken.id)

    return api


def _lists(api: Blueprint, place: Path) -> None:
    @api.get("/calendar")
    @operation(Operation("The drift reports of each day", media="text/html"))
    def calendar() -> Response:
        days: dict[str, list[Any]] = {}
        for one in found(place):
            days.setdefault(f"{one.created_at:%Y-%m-%d}", []).append(one)
        return Response(render_template("reports.html", days=days))

    @api.get("/get_reports")
    @operation(Operation("All drift reports", Reports))
    def get_reports() -> Reports:
        return Reports(found(place))

    @api.get("/reports")
    @operation(Operation("The drift reports of a day", Reports, Day))
    def of_day(query: Day) -> Reports:
        return Reports([one for one in found(place) if one.created_at.date() == query.date])


def _report(match: re.Match[str]) -> Report | None:
    """The report with that name; None if its digits are no time."""
    try:
        made = datetime.strptime(f"{match[1]}+0000", "%Y%m%d_%H%M%S%z")
    except ValueError:
        return None
    return Report(match[1], match[0], made)
