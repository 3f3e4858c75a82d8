"""Versions of a model: what they are, which one is champion, and how that changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import msgspec

from lakehouse.clock import Clock, SystemClock
from lakehouse.domain import Scored
from lakehouse.errors import ModelError
from lakehouse.models import bundle, metric_text
from lakehouse.models.bundle import Bundle
from lakehouse.models.manifest import RANKING, Figures, Interval, Manifest, as_interval
from lakehouse.registry.mlflow_store import MlflowStore
from lakehouse.registry.standing import CHALLENGER, CHAMPION, SHARE, VARIANT, Standing
from lakehouse.registry.stores import Entry, RunRecord, Store
from lakehouse.settings import Settings

_VERDICT = "verdict."


@dataclass(frozen=True)
class ModelVersion:
    """A registered model and its standing; `verdicts` are the decisions on it, oldest first.

    `figure` is its test result by `metric`, the one that versions are compared by.
    """

    number: int
    run_id: str
    created_at: datetime
    manifest_sha256: str
    score_from: date
    metric: str
    figure: str
    promoted_at: datetime | None
    approved_by: str | None
    verdicts: tuple[str, ...]
    alias: str | None


class Registry:
    """All versions of a model. Every decision on a version is kept with its reason."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def register(self, folder: Path, manifest_sha256: str) -> ModelVersion:
        """Keep the sealed bundle in `folder` as a new version.

        Raises `ModelError` when the folder does not match the hash.
        """
        manifest = bundle.load(folder, manifest_sha256).manifest
        tags = {
            "manifest_sha256": manifest_sha256,
            "score_from": manifest.score_from.isoformat(),
            **_figure(manifest.figures),
        }
        return self.version(self._store.add(folder, _run_record(manifest), tags))

    def versions(self) -> list[ModelVersion]:
        """All versions, oldest first."""
        aliases = {number: alias for alias, number in self._store.aliases().items()}
        return [_version(entry, aliases) for entry in self._store.entries()]

    def version(self, number: int) -> ModelVersion:
        """One version. Raises `ModelError` when there is none with that number."""
        found = {one.number: one for one in self.versions()}
        if number not in found:
            if not found:
                raise ModelError.sentence(
                    f"The registry has no version {number}, nor any other; train a model first.",
                    where="registry",
                )
            known = ", ".join(map(str, found))
            raise ModelError("registry", f"one of the versions {known}", str(number), "choose one")
        return found[number]

    def champion(self) -> ModelVersion | None:
        """The champion; None before the first promotion."""
        return self._by_alias(CHAMPION)

    def challenger(self) -> ModelVersion | None:
        """The version that scores in the champion's shadow; None when there is none."""
        return self._by_alias(CHALLENGER)

    def standing(self) -> Standing:
        """All versions, and which of them have a part in serving."""
        aliases, entries = self._store.aliases(), self._store.entries()
        named = {number: alias for alias, number in aliases.items()}
        versions = {entry.version: _version(entry, named) for entry in entries}
        tags = {entry.version: entry.tags for entry in entries}
        variant = aliases.get(VARIANT)
        share = float(tags.get(variant, {}).get(SHARE, 0.0)) if variant is not None else 0.0
        return Standing(versions, aliases.get(CHAMPION), aliases.get(CHALLENGER), variant, share)

    def split(self, number: int | None, share: float = 0.0) -> None:
        """Let a version decide for the part `share` of the callers, or end the split with None.

        Raises `ModelError` for the champion itself, and for a share that is not between 0 and 1.
        """
        if number is None:
            if VARIANT in self._store.aliases():
                self._store.set_alias(VARIANT, None)
            return
        if self.version(number).alias == CHAMPION or not 0 < share < 1:
            needed = "another version than the champion, with a share between 0 and 1"
            raise ModelError("split", needed, f"version {number} with {share:g}", "choose another")
        self._store.set_tag(number, SHARE, repr(share))
        self._store.set_alias(VARIANT, number)

    def load(self, version: ModelVersion) -> Bundle:
        """The version's bundle. Raises `ModelError` when its files are not the registered ones."""
        return bundle.load(self._store.folder(version.number), version.manifest_sha256)

    def scoring_start(self) -> date | None:
        """First date that the first champion may score; None before there is one.

        It never moves: earlier rows were not scored when they arrived, and a later champion only
        scores them if a backfill asks for it.
        """
        ever = [(one.promoted_at, one.number, one) for one in self.versions() if one.promoted_at]
        return min(ever)[-1].score_from if ever else None

    def promote(self, number: int, verdict: str) -> ModelVersion:
        """Make a version the champion, for the reason in `verdict`."""
        self._note(number, f"promoted: {verdict}")
        if self.version(number).promoted_at is None:
            self._store.set_tag(number, "promoted_at", self._clock.now().isoformat())
        for alias in (CHALLENGER, VARIANT):
            if self._store.aliases().get(alias) == number:
                self._store.set_alias(alias, None)
        self._store.set_alias(CHAMPION, number)
        return self.version(number)

    def refuse(self, number: int, verdict: str) -> ModelVersion:
        """Record why a version was not promoted."""
        self._note(number, f"not promoted: {verdict}")
        return self.version(number)

    def shadow(self, number: int | None) -> None:
        """Let a version score in the champion's shadow, or none.

        Raises `ModelError` for the champion itself.
        """
        if number is None:
            if CHALLENGER in self._store.aliases():
                self._store.set_alias(CHALLENGER, None)
            return
        if self.version(number).alias == CHAMPION:
            raise ModelError(
                "challenger", "another version than the champion", str(number), "choose another"
            )
        self._store.set_alias(CHALLENGER, number)

    def rollback(self, number: int | None = None) -> ModelVersion:
        """Make an older champion the champion again: `number`, or the one before the current one.

        Raises `ModelError` when that version is not older or was never champion.
        """
        champion = self.champion()
        top = champion.number if champion else 0
        older = [v.number for v in self.versions() if v.promoted_at and v.number < top]
        target = number if number is not None else max(older, default=None)
        if target not in older:
            known = ", ".join(map(str, older)) or "none"
            raise ModelError("rollback", f"an older champion ({known})", str(target), "choose one")
        return self.promote(target, f"rolled back from version {top}")

    def approve(self, number: int, by: str) -> ModelVersion:
        """Record that a person has approved a version as champion."""
        self.version(number)
        self._store.set_tag(number, "approved_by", by)
        return self.version(number)

    def _by_alias(self, alias: str) -> ModelVersion | None:
        number = self._store.aliases().get(alias)
        return None if number is None else self.version(number)

    def _note(self, number: int, verdict: str) -> None:
        self.version(number)
        self._store.set_tag(number, f"{_VERDICT}{self._clock.now():%Y%m%dT%H%M%S%f}", verdict)


def open_registry(settings: Settings, scored: Scored) -> Registry:
    """The versions of the model behind `scored`. Nothing is opened until a version is requested."""
    artifacts = settings.state / "mlflow" / "artifacts"
    store = MlflowStore(settings.tracking_uri, artifacts, scored.model, scored.experiment)
    return Registry(store, SystemClock())


def _version(entry: Entry, aliases: Mapping[int, str]) -> ModelVersion:
    tags, made = entry.tags, entry.created_at
    promoted = tags.get("promoted_at")
    # Versions of before have the figure under the metric's own name.
    metric = tags.get("metric", RANKING)
    return ModelVersion(
        number=entry.version,
        run_id=entry.run_id,
        created_at=made,
        manifest_sha256=tags["manifest_sha256"],
        score_from=date.fromisoformat(tags["score_from"]) if "score_from" in tags else made.date(),
        metric=metric,
        figure=tags.get("figure") or tags.get(metric, ""),
        promoted_at=datetime.fromisoformat(promoted) if promoted else None,
        approved_by=tags.get("approved_by"),
        verdicts=tuple(tags[key] for key in sorted(tags) if key.startswith(_VERDICT)),
        alias=aliases.get(entry.version),
    )


def _run_record(manifest: Manifest) -> RunRecord:
    """What MLflow shows of a run, taken from the model's manifest."""
    tags = {
        "git_commit": manifest.git_commit,
        "feature_hash": manifest.feature_hash,
        "contract_version": str(manifest.contract_version),
        "features": msgspec.json.encode(manifest.features).decode(),
    }
    versions = {f"delta.{table}": str(number) for table, number in manifest.delta_versions.items()}
    return RunRecord(dict(manifest.params), _metrics(manifest.figures), tags | versions)


def _metrics(figures: Figures) -> dict[str, float]:
    """The figures as MLflow's flat metrics: intervals as `x`, `x_low`, `x_high`."""
    metrics = {name: float(getattr(figures, name)) for name in ("rows", "entities", "positives")}
    for name, metric in figures.metrics.items():
        metrics[name] = figures.value(name)
        if isinstance(metric, Interval):
            metrics |= {f"{name}_low": metric.low, f"{name}_high": metric.high}
    for baseline, found in figures.baselines.items():
        metrics |= {f"baseline_{baseline}_{k}": as_interval(one).value for k, one in found.items()}
    return metrics


def _figure(figures: Figures) -> dict[str, str]:
    """The one figure that is listed with a version; nothing if it was not measured."""
    metric = figures.metrics.get(figures.ranking)
    if metric is None:
        return {}
    return {"metric": figures.ranking, "figure": metric_text.text(figures.ranking, metric)}
