"""The root of relative paths in the settings."""

from __future__ import annotations

from pathlib import Path


def _root() -> Path:
    """The checkout, or for code that runs from an archive, the folder the process started in."""
    here = Path(__file__).resolve().parents[2]
    return here if (here / "conf").is_dir() else Path.cwd()


ROOT = _root()


def from_root(path: str) -> Path:
    """A path from the settings; relative ones are below the project's root."""
    return Path(path) if Path(path).is_absolute() else ROOT / path
