"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Csv = Annotated[
    list[Path] | None,
    typer.Option("--csv", help="Your own file(s) instead of the simulated world."),
]
Mapping = Annotated[
    str | None, typer.Option(help="A mapping in conf/mappings: how to read the file's columns.")
]
Profile = Annotated[str | None, typer.Option(help="A settings profile in conf/profiles.")]
Cluster = Annotated[bool, typer.Option("--cluster", help="Run Spark as a master and workers.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
KeepModels = Annotated[bool, typer.Option("--keep-models", help="Keep the model registry.")]
OneDomain = Annotated[
    str | None, typer.Option("--domain", help="The domain; by default, the first.")
]
SomeDomains = Annotated[
    str | None,
    typer.Option("--domain", help="The domains, as a,b or all; by default, the first."),
]
