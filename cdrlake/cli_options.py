"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Csv = Annotated[list[Path] | None, typer.Option("--csv", help="Real file(s) instead of the world.")]
Mapping = Annotated[
    str | None, typer.Option(help="How the file's columns are read: conf/mappings.")
]
Profile = Annotated[str | None, typer.Option(help="Settings profile: conf/profiles.")]
Cluster = Annotated[bool, typer.Option("--cluster", help="Spark as master and workers.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
KeepModels = Annotated[bool, typer.Option("--keep-models", help="The registry of models stays.")]
OneDomain = Annotated[str | None, typer.Option("--domain", help="Which domain; none: the first.")]
SomeDomains = Annotated[
    str | None,
    typer.Option("--domain", help="Which domains, a,b or all; none: the first."),
]
