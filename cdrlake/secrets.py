"""Random passwords for the embedded servers, made at first start and readable by the owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import yaml

from lakehouse.domains.settings import Settings, load
from lakehouse.settings import SECRETS_FILE


def ensure(settings: Settings) -> Settings:
    """Settings with the passwords of the embedded database, made now if there are none yet.

    A database of one's own gets its passwords from the environment and is left alone.
    """
    mysql = settings.mysql
    if not mysql.embedded or (mysql.password and mysql.admin_password):
        return settings
    settings.state.mkdir(parents=True, exist_ok=True)
    made = {"password": secrets.token_urlsafe(24), "admin_password": secrets.token_urlsafe(24)}
    _write_private(settings.state / SECRETS_FILE, yaml.safe_dump({"mysql": made}))
    return load(profile=settings.profile)


def _write_private(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)
