"""Commands on models: `cdrlake model ...`."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.markdown import Markdown
from rich.table import Table

from cdrlake import extension, jobs
from cdrlake.bounds import Bound, Bounds
from cdrlake.console import CONSOLE, working
from lakehouse import control
from lakehouse.domain import Domain, Scored
from lakehouse.domains import DOMAINS
from lakehouse.domains import domain as domain_named
from lakehouse.domains.settings import Settings, load
from lakehouse.errors import SettingsError, closest
from lakehouse.models import bundle, metric_text
from lakehouse.models.bundle import Bundle
from lakehouse.registry import ModelVersion, Registry, open_registry
from lakehouse.registry.gates import Gate, Gates

model = typer.Typer(no_args_is_help=True, help="The registry of models.")

Number = Annotated[int, typer.Argument(help="Version in the registry.")]
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Both days are included.")]
Of = Annotated[str, typer.Option("--domain", help="The domain that the model belongs to.")]
Name = Annotated[
    str | None, typer.Option("--model", help="Name in the registry. Default: the domain's first.")
]
DEFAULT = DOMAINS[0].name


@dataclass(frozen=True)
class _Chosen:
    """The model that a command is about."""

    settings: Settings
    domain: Domain
    scored: Scored
    registry: Registry

    @property
    def options(self) -> str:
        """The options that name this model again; empty for the default one."""
        domain = "" if self.domain.name == DEFAULT else f" --domain {self.domain.name}"
        models = (*self.domain.scored, *self.domain.asked)
        first = self.scored.model == models[0].model
        return domain if first else f"{domain} --model {self.scored.model}"

    def gate(self) -> Gate:
        """The gates of the model: its domain's own, or those of a classifier."""
        own = extension.of(self.domain).gate
        if own is not None:
            return own(self.registry, self.scored, self.settings)
        return Gates(self.registry, self.scored, self.settings.model)

    def say_champion(self, version: ModelVersion) -> None:
        """Say who decides now, and how days are scored that only this version may score.

        Those who serve the model are told as well.
        """
        changed = control.Changed(self.scored.model, version.number, version.manifest_sha256)
        control.announce(self.settings.kafka, self.domain, changed)
        number, start = version.number, self.registry.scoring_start()
        CONSOLE.print(f"version {number} is champion")
        if start is not None and version.score_from < start:
            before = start - timedelta(days=1)
            CONSOLE.print(
                f"Scoring began on {start}, and stays that way. Version {number} may score from "
                f"{version.score_from} on; for those days run `cdrlake model backfill {number} "
                f"--first {version.score_from} --last {before}{self.options}`.",
                soft_wrap=True,
            )


def _choose(domain: str, name: str | None) -> _Chosen:
    """Settings, description and registry of a model.

    Raises `SettingsError` for a domain or a model that there is not.
    """
    found, settings = domain_named(domain), load()
    models = {one.model: one for one in (*found.scored, *found.asked)}
    if not models:
        raise SettingsError.sentence(f"The domain {domain} has no model.", where="--domain")
    chosen = name or next(iter(models))
    if chosen not in models:
        raise SettingsError("--model", f"a model of {domain}", repr(name), closest(chosen, models))
    scored = models[chosen]
    registry = open_registry(settings, scored)
    with working("Opening the registry"):  # MLflow takes seconds to import
        registry.champion()
    return _Chosen(settings, found, scored, registry)


@model.command("list")
def list_versions(domain: Of = DEFAULT, name: Name = None) -> None:
    """List all versions, with the figure that they were judged by."""
    chosen = _choose(domain, name)
    versions = chosen.registry.versions()
    if not versions:
        train = f"cdrlake train{'' if domain == DEFAULT else f' --domain {domain}'}"
        CONSOLE.print(f"There is no version yet; `{train}` trains the first one.", soft_wrap=True)
        return
    table, metric = Table(), versions[-1].metric
    measured = f"{metric_text.title(metric)} in its test"
    for title in ("version", "alias", measured, "scores from", "made"):
        table.add_column(title, no_wrap=True)
    for one in versions:
        made = f"{one.created_at:%Y-%m-%d %H:%M}"
        figure = one.figure if one.metric == metric else f"{one.metric} {one.figure}"
        table.add_row(str(one.number), one.alias or "", figure, str(one.score_from), made)
    CONSOLE.print(table)


@model.command()
def show(number: Number, domain: Of = DEFAULT, name: Name = None) -> None:
    """Print a version's card and every verdict on it."""
    chosen = _choose(domain, name)
    version = chosen.registry.version(number)
    loaded = chosen.registry.load(version)
    card = (loaded.folder / bundle.CARD).read_text(encoding="utf-8")
    if CONSOLE.is_terminal:
        CONSOLE.print(Markdown(card))
    else:
        CONSOLE.print(card, markup=False, soft_wrap=True)
    for bound in _bounds(chosen, loaded):
        CONSOLE.print(f"- {bound}", markup=False, soft_wrap=True)
    for verdict in version.verdicts:
        CONSOLE.print(f"- {verdict}", markup=False, soft_wrap=True)
    CONSOLE.print(f"run {version.run_id}, files in {loaded.folder}", soft_wrap=True)


@model.command()
def promote(
    number: Number,
    reason: Annotated[str, typer.Option(help="The reason; stored with the version.")],
    domain: Of = DEFAULT,
    name: Name = None,
) -> None:
    """Make a version the champion, whatever the gates say."""
    chosen = _choose(domain, name)
    chosen.say_champion(chosen.registry.promote(number, f"by hand: {reason}"))


@model.command()
def rollback(
    number: Annotated[
        int | None,
        typer.Argument(help="Version in the registry; by default, the previous champion."),
    ] = None,
    domain: Of = DEFAULT,
    name: Name = None,
) -> None:
    """Go back to an earlier champion."""
    chosen = _choose(domain, name)
    chosen.say_champion(chosen.registry.rollback(number))


@model.command()
def challenge(
    number: Annotated[
        int | None, typer.Argument(help="Version in the registry; without it, the shadow ends.")
    ] = None,
    domain: Of = DEFAULT,
    name: Name = None,
) -> None:
    """Let a version score beside the champion, without deciding anything."""
    _choose(domain, name).registry.shadow(number)
    who = "nobody" if number is None else f"version {number}"
    CONSOLE.print(f"{who} scores in the champion's shadow")


@model.command()
def split(
    number: Annotated[
        int | None, typer.Argument(help="Version in the registry; without it, the split ends.")
    ] = None,
    share: Annotated[float, typer.Option(help="The share of the callers, 0 to 1.")] = 0.1,
    domain: Of = DEFAULT,
    name: Name = None,
) -> None:
    """Let a version answer a part of the callers, always the same ones; the champion the others."""
    _choose(domain, name).registry.split(number, share)
    said = "everybody is answered by the champion"
    if number is not None:
        said = f"version {number} answers {share:.0%} of the callers"
    CONSOLE.print(said)


@model.command()
def approve(
    number: Number,
    by: Annotated[str, typer.Option(help="Who approves; stored with the version.")],
    domain: Of = DEFAULT,
    name: Name = None,
) -> None:
    """Approve a version where `model.require_approval` asks for it, and let the gates judge it."""
    chosen = _choose(domain, name)
    chosen.registry.approve(number, by)
    verdict = chosen.gate().promote(number)
    said = "promoted" if verdict.promoted else "not promoted"
    CONSOLE.print(f"version {number} approved by {by}; {said}: {verdict.reason}", soft_wrap=True)


@model.command()
def compare(challenger: Number, champion: Number, domain: Of = DEFAULT, name: Name = None) -> None:
    """Compare two versions on the rows that both can be judged by."""
    gate = _choose(domain, name).gate()
    CONSOLE.print(gate.compare(challenger, champion), markup=False, soft_wrap=True)


@model.command()
def backfill(
    number: Number, first: Day, last: Day, domain: Of = DEFAULT, name: Name = None
) -> None:
    """Score past days with any version; what it has scored the same already stays as it is."""
    chosen = _choose(domain, name)
    days = (f"--first={first:%Y-%m-%d}", f"--last={last:%Y-%m-%d}")
    is_first = chosen.scored in chosen.domain.scored[:1]
    which = () if is_first else (f"--model={chosen.scored.model}",)
    jobs.run(jobs.of(chosen.domain, "backfill"), f"--version={number}", *days, *which)


def _bounds(chosen: _Chosen, loaded: Bundle) -> Iterable[Bound]:
    """What nobody can beat on the version's test window, where the domain has a world to say it."""
    package = f"cdrlake.{chosen.domain.name}"
    known = importlib.util.find_spec(package) and importlib.util.find_spec(f"{package}.oracle")
    if not known:
        return ()
    with working("Asking the world what could be known"):
        found: Bounds | None = importlib.import_module(f"{package}.oracle").beside(
            loaded, chosen.settings
        )
    return found or ()
