"""Typed, frozen settings; secrets print as stars."""

from lakehouse.settings.load import SECRETS_FILE, load
from lakehouse.settings.model import Settings
from lakehouse.settings.root import ROOT

__all__ = ["ROOT", "SECRETS_FILE", "Settings", "load"]
