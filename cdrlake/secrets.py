"""Random passwords for the embedded servers, made at first start and readable by the owner only."""

from __future__ import annotations

import secrets

import yaml

from lakehouse import files
from lakehouse.domains.settings import Settings, load
from lakehouse.settings import SECRETS_FILE


def ensure(settings: Settings) -> Settings:
    """Settings with the passwords of the embedded database, made now if there are none yet.

    A database of one's own gets its passwords from the environment and is left alone.
    """
    mysql = settings.mysql
    if not mysql.embedded or (mysql.password and mysql.admin_password):
        return settings
    made = {"password": secrets.token_urlsafe(24), "admin_password": secrets.token_urlsafe(24)}
    text = yaml.safe_dump({"mysql": made})
    files.replace(settings.state / SECRETS_FILE, text.encode(), files.PRIVATE)
    return load(profile=settings.profile)
