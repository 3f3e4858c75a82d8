"""Typed, frozen settings; secrets print as stars."""

from lakehouse.settings.load import SECRETS_FILE, load
from lakehouse.settings.model import ROOT, Settings

__all__ = ["ROOT", "SECRETS_FILE", "Settings", "load"]
