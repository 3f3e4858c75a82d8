"""Operators' files as usage: a mapping, reading by it, and the days made of what was read."""

from flaskapp.cdr.mappings.source import FileSource, open_files
from flaskapp.cdr.mappings.spec import Mapping
from flaskapp.cdr.mappings.store import load

__all__ = ["FileSource", "Mapping", "load", "open_files"]
