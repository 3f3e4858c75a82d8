"""Which settings may hold a secret, and what kind of value a variable stands for."""

from __future__ import annotations

from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

from lakehouse.settings.model import Settings

SECRET_WORDS = ("password", "token", "secret", "key", "credential", "url", "uri")
SECRET_FOLDERS = ("storage_options", "options")
HIDDEN = "a hidden value"
# What YAML calls nothing.
NOTHING = ("", "null", "~")


def is_secret(path: tuple[str, ...]) -> bool:
    """Whether the value at `path` (section, key, ...) may be or hold a secret.

    >>> is_secret(("mysql", "admin_password")), is_secret(("kafka", "port"))
    (True, False)
    >>> is_secret(("lake", "storage_options", "aws_region"))
    True
    """
    named = any(word in part.lower() for part in path for word in SECRET_WORDS)
    return named or any(part in SECRET_FOLDERS for part in path) or is_section(path)


def is_section(path: tuple[str, ...]) -> bool:
    """Whether `path` is a section, whose keys may hold secrets.

    >>> is_section(("mysql",)), is_section(("mysql", "port"))
    (True, False)
    """
    kind = _kind(path)
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def is_text(path: tuple[str, ...]) -> bool:
    """Whether the value at `path` is a text, to be taken as it stands.

    >>> is_text(("mysql", "user")), is_text(("lake", "uri")), is_text(("kafka", "port"))
    (True, True, False)
    >>> is_text(("lake", "storage_options", "aws_secret_access_key"))
    True
    """
    return _kind(path) in (str, SecretStr)


def is_nothing(path: tuple[str, ...], text: str) -> bool:
    """Whether `text` says that there is no value at `path`; a secret is what it is.

    >>> is_nothing(("lake", "uri"), ""), is_nothing(("mysql", "password"), "~")
    (True, False)
    """
    return _kind(path) is str and text in NOTHING


def _kind(path: tuple[str, ...]) -> Any:
    """The type of the setting at `path`, without its None; None where there is no such setting."""
    annotation = _annotation(path)
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return kinds[0] if len(kinds) == 1 else annotation
    return annotation


def _annotation(path: tuple[str, ...]) -> Any:
    kind: Any = Settings
    for name in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(name)
            kind = None if field is None else field.annotation
        else:
            kind = get_args(kind)[1] if get_origin(kind) is dict else None
    return kind
