"""The command that decides a domain's events as they arrive."""

from __future__ import annotations

from typing import Annotated

import typer

from cdrlake.cli_options import OneDomain
from lakehouse.errors import SettingsError

Stream = Annotated[bool, typer.Option("--stream", help="Decide the domain's stream of events.")]


def serve(stream: Stream = False, domain: OneDomain = None) -> None:
    """Decide events as they arrive, until Ctrl-C; several processes share the work."""
    from cdrlake import extension
    from lakehouse import domains

    chosen = domains.domain(domain) if domain else domains.DOMAINS[0]
    run = extension.of(chosen).stream
    if not stream:
        raise SettingsError.sentence("Say what to serve: `--stream`.")
    if run is None:
        raise SettingsError.sentence(f"The domain {chosen.name} has no stream of decisions.")
    raise typer.Exit(run())
