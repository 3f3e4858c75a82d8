"""Which settings may hold a secret, and what kind of value a variable holds."""

from __future__ import annotations

from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

SECRET_WORDS = ("password", "token", "secret", "key", "credential", "url", "uri")
OPTIONS_SUFFIX = "options"  # and `storage_options`, `java_options`, ...
HIDDEN = "a hidden value"
# What YAML calls nothing.
NOTHING = ("", "null", "~")


def is_secret(settings: type[BaseModel], path: tuple[str, ...]) -> bool:
    """Whether the value at `path` (section, key, ...) may be or hold a secret.

    >>> from lakehouse.settings import Settings
    >>> is_secret(Settings, ("mysql", "admin_password")), is_secret(Settings, ("kafka", "port"))
    (True, False)
    >>> is_secret(Settings, ("lake", "storage_options", "aws_region"))
    True
    """
    named = any(word in part.lower() for part in path for word in SECRET_WORDS)
    return (
        named or any(part.endswith(OPTIONS_SUFFIX) for part in path) or is_section(settings, path)
    )


def is_section(settings: type[BaseModel], path: tuple[str, ...]) -> bool:
    """Whether `path` is a section, whose keys may hold secrets.

    >>> from lakehouse.settings import Settings
    >>> is_section(Settings, ("mysql",)), is_section(Settings, ("mysql", "port"))
    (True, False)
    """
    kind = _kind(settings, path)
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def is_text(settings: type[BaseModel], path: tuple[str, ...]) -> bool:
    """Whether the value at `path` is a text, to be taken literally.

    >>> from lakehouse.settings import Settings
    >>> is_text(Settings, ("mysql", "user")), is_text(Settings, ("kafka", "port"))
    (True, False)
    >>> is_text(Settings, ("lake", "storage_options", "aws_secret_access_key"))
    True
    """
    return _kind(settings, path) in (str, SecretStr)


def is_nothing(settings: type[BaseModel], path: tuple[str, ...], text: str) -> bool:
    """Whether `text` says that there is no value at `path`; a secret is what it is.

    >>> from lakehouse.settings import Settings
    >>> is_nothing(Settings, ("lake", "uri"), ""), is_nothing(Settings, ("mysql", "password"), "~")
    (True, False)
    """
    return _kind(settings, path) is str and text in NOTHING


def _kind(settings: type[BaseModel], path: tuple[str, ...]) -> Any:
    """The type of the setting at `path`, without its None; None if there is no such setting."""
    annotation = _annotation(settings, path)
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return kinds[0] if len(kinds) == 1 else annotation
    return annotation


def _annotation(settings: type[BaseModel], path: tuple[str, ...]) -> Any:
    kind: Any = settings
    for name in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(name)
            kind = None if field is None else field.annotation
        else:
            kind = get_args(kind)[1] if get_origin(kind) is dict else None
    return kind
