"""Peak memory is a process's own: one that a large process starts does not report its parent's."""

from __future__ import annotations

import subprocess
import sys

from bench.usage import own_peak_mib
from lakehouse.children import die_with_parent
from lakehouse.settings import ROOT

LARGE_MIB = 400


def test_a_child_does_not_count_what_its_parent_had() -> None:
    held = bytearray(b"x" * (LARGE_MIB << 20))
    assert own_peak_mib() > LARGE_MIB
    command = "from bench.usage import own_peak_mib; print(own_peak_mib())"
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, check=True, capture_output=True, text=True,
        preexec_fn=die_with_parent(),
    )  # fmt: skip
    assert len(held) > 0
    assert float(done.stdout) < LARGE_MIB
