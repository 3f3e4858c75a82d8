"""The command that serves models: over HTTP, or by deciding a domain's events as they arrive."""

from __future__ import annotations

from typing import Annotated

import typer

from cdrlake.cli_options import OneDomain
from lakehouse.errors import SettingsError

Stream = Annotated[bool, typer.Option("--stream", help="Decide the domain's stream of events.")]


def serve(stream: Stream = False, domain: OneDomain = None) -> None:
    """Serve every registered model over HTTP, or decide a stream of events, until Ctrl-C.

    Several processes that decide one stream share the work.
    """
    if not stream:
        if domain is not None:
            raise SettingsError.sentence(
                "--domain goes with --stream; without it, the models of all domains are served.",
                where="--domain",
            )
        from serving import __main__ as serving

        raise typer.Exit(serving.main())
    from cdrlake import extension
    from lakehouse import domains

    chosen = domains.domain(domain) if domain else domains.DOMAINS[0]
    run = extension.of(chosen).stream
    if run is None:
        raise SettingsError.sentence(f"The domain {chosen.name} decides no stream of events.")
    raise typer.Exit(run())
