"""Mail settings in the variables that other mailing programs use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

_TLS_PORT = "465"


def from_variables(env: Mapping[str, str]) -> dict[str, Any]:
    """The section `monitoring` as `SMTP_SERVER`, `SMTP_PORT`, `SMTP_USER`, `SMTP_PASSWORD` and
    `EMAIL_RECIPIENT` have it; empty unless both a server and a recipient are named.

    >>> from_variables({"SMTP_SERVER": "mail.local", "EMAIL_RECIPIENT": "a@b.c", "SMTP_USER": "u"})
    {'smtp_url': 'smtp://u@mail.local:587', 'alert_to': 'a@b.c'}
    """
    server, recipient = env.get("SMTP_SERVER"), env.get("EMAIL_RECIPIENT")
    if not server or not recipient:
        return {}
    port = env.get("SMTP_PORT") or "587"
    scheme = "smtps" if port == _TLS_PORT else "smtp"
    user, password = (quote(env.get(name, ""), safe="") for name in ("SMTP_USER", "SMTP_PASSWORD"))
    login = f"{user}:{password}@" if password else f"{user}@" if user else ""
    return {"smtp_url": f"{scheme}://{login}{server}:{port}", "alert_to": recipient}
