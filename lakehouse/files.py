"""Files that other processes read: replaced atomically, so nobody sees one half written."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import mkstemp

PRIVATE, SHARED = 0o600, 0o644


def replace(path: Path, content: bytes, mode: int = SHARED) -> None:
    """Replace the content of the file at `path` atomically; its folder is created if needed.

    With mode `PRIVATE` nobody else can read it, not even while it is being written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     replace(Path(folder) / "new" / "file", b"whole")
    ...     (Path(folder) / "new" / "file").read_bytes()
    b'whole'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A draft of its own for each writer: two of them must not write into the same one.
    descriptor, draft = mkstemp(prefix=f".{path.name}.", suffix=".draft", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(content)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
