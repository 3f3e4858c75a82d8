"""The models that a process serves: loaded aside, checked, warmed, and swapped by one reference.

The registry decides. It is asked at the start, every few seconds, and whenever somebody hints that
it has changed; a hint that is lost therefore only costs those seconds. A version that cannot be
loaded is refused, and the one before it goes on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol

from lakehouse.clock import Clock
from lakehouse.errors import ModelError, closest
from serving.agreement import Agreement, LocalAgreement
from serving.model_versions import ModelVersions, Require, Versions
from serving.served import LoadedModel, Served

LOG = logging.getLogger(__name__)
POLL_S = 10.0


class UnknownModelError(ModelError):
    """There is no model, or no version of it, by that name."""


class NotReadyError(ModelError):
    """The model is known, but no version of it can answer now."""


class Hints(Protocol):
    """Something that notices when the registry has changed."""

    def follow(self, stop: threading.Event, hint: Callable[[], None]) -> None:
        """Call `hint` after every change until `stop` is set."""
        ...


def _any(_: LoadedModel) -> None:
    """Every model will do."""


class Models:
    """The served models by name. Every method may be called from any thread.

    `agreement` makes the processes of one service change champions in the same order, so that a
    client that is answered by several of them never sees an older champion after a newer one.
    `require` raises `ModelError` for a version that this service cannot use; it is refused like one
    that cannot be loaded.
    """

    def __init__(
        self,
        registries: Mapping[str, Versions],
        clock: Clock,
        agreement: Agreement | None = None,
        require: Require = _any,
    ) -> None:
        self._clock, self._agreement = clock, agreement or LocalAgreement(registries)
        self._models = {name: ModelVersions(name, one, require) for name, one in registries.items()}
        self._hinted = threading.Event()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all models, with a champion or without."""
        return tuple(self._models)

    def served(self, name: str) -> Served:
        """Who answers for a model now.

        Raises `UnknownModelError` for an unknown name and `NotReadyError` without a champion.
        """
        model = self._model(name)
        served = model.served
        if served is None:
            raise NotReadyError.sentence(
                f"The model {name} has no version in service; promote one that can be loaded."
            )
        agreed = self._agreement.champion(name)
        if agreed is None or agreed == served.champion.id:
            return served
        staged = model.staged
        if staged is not None and staged.champion.id == agreed:
            return staged
        return self._catch_up(model, agreed)

    def in_service(self, name: str) -> LoadedModel | None:
        """The champion in memory, however old; None before there is one. For health pages."""
        served = self._model(name).served
        return served.champion if served else None

    def shadow_of(self, model: LoadedModel) -> LoadedModel | None:
        """What scores beside a model; None for any but a champion with a challenger."""
        served = self._models[model.name].served
        return served.shadow if served and served.champion is model else None

    def is_current(self, name: str) -> bool:
        """Whether `served` answers without loading anything."""
        model = self._models.get(name)
        if model is None or model.served is None:
            return True
        agreed, staged = self._agreement.champion(name), model.staged
        is_staged = staged is not None and staged.champion.id == agreed
        return agreed is None or agreed == model.served.champion.id or is_staged

    def version(self, name: str, number: int) -> LoadedModel:
        """One version, whatever its standing; loaded when first asked for, then kept for a while.

        Raises `UnknownModelError` for a number that is not registered and `NotReadyError` for one
        whose files cannot be loaded.
        """
        model = self._model(name)
        found = model.loaded(number)
        if found is not None:
            return found
        known = model.registry.standing().versions
        if number not in known:
            numbers = ", ".join(map(str, known)) or "none"
            raise UnknownModelError.sentence(
                f"There is no version {number} of {name}; its versions are: {numbers}."
            )
        loaded = model.load(known[number])
        if loaded is None:
            reason = model.refused[number].rstrip(".")
            raise NotReadyError.sentence(f"Version {number} of {name} cannot be served: {reason}.")
        return loaded

    def loaded(self, name: str, number: int) -> LoadedModel | None:
        """A version that needs no loading; None for any other."""
        model = self._models.get(name)
        return model.loaded(number) if model else None

    def refused(self, name: str) -> dict[int, str]:
        """The versions that could not be loaded, with the reasons."""
        return dict(self._model(name).refused)

    def ready(self, name: str | None = None) -> bool:
        """Whether this model, or any model at all, has a version in service."""
        if name is not None:
            return self._model(name).served is not None
        return any(model.served is not None for model in self._models.values())

    def refresh(self, names: Iterable[str] | None = None) -> None:
        """Ask the registry now, about some models or all; whatever fails is logged."""
        for name in self._models if names is None else names:
            model = self._model(name)
            with model.lock:
                try:
                    self._refresh(model)
                except Exception as error:  # of any kind of registry
                    LOG.warning("the registry of %s does not answer: %s", name, error)

    def hint(self) -> None:
        """Say that the registry has changed; returns at once."""
        self._hinted.set()

    def keep_fresh(
        self, stop: threading.Event, every_s: float = POLL_S, hints: Sequence[Hints] = ()
    ) -> None:
        """Follow the registry and what hints at its changes, in threads, until `stop` is set.

        Whoever sets `stop` also calls `hint`.
        """
        beside = [partial(self.follow, stop, every_s)]
        beside += [partial(one.follow, stop, self.hint) for one in hints]
        for run in beside:
            threading.Thread(target=run, daemon=True).start()

    def follow(self, stop: threading.Event, every_s: float) -> None:
        """Ask the registry every so many seconds, and at each hint, until `stop` is set."""
        while not stop.is_set():
            self._clock.wait(self._hinted, every_s)
            self._hinted.clear()
            if not stop.is_set():
                self.refresh()

    def registry(self, name: str) -> Versions:
        """The registry behind a model. Raises `UnknownModelError` for an unknown name."""
        return self._model(name).registry

    def _model(self, name: str) -> ModelVersions:
        if name not in self._models:
            raise UnknownModelError.sentence(
                f"There is no model {name!r:.80}; {closest(name[:80], self._models)}."
            )
        return self._models[name]

    def _refresh(self, model: ModelVersions) -> None:
        standing = model.registry.standing()
        champion = model.load_number(standing, standing.champion)
        if champion is None:
            champion = model.served.champion if model.served else None
        if champion is None:
            return
        shadow = model.load_number(standing, standing.challenger)
        variant = model.load_number(standing, standing.variant)
        model.staged = Served(champion, shadow, variant, standing.share)
        with self._agreement.deciding():
            # Loading took a while: only who is still champion may be announced.
            if model.registry.standing().champion == standing.champion:
                if champion.version == standing.champion:
                    self._agreement.announce(model.name, champion.id)
                model.serve(model.staged)
            else:
                self._hinted.set()

    def _catch_up(self, model: ModelVersions, agreed: tuple[int, str]) -> Served:
        """Another process has answered with this champion already, so nobody older may answer."""
        with model.lock:
            self._refresh(model)
            served = model.served
        latest = self._agreement.champion(model.name)
        if served is None or latest != served.champion.id:
            raise NotReadyError.sentence(
                f"Version {agreed[0]} of {model.name} is being loaded; try again in a second."
            )
        return served
