"""Groups of commands that are only imported when one of them is called, not for the help."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, MutableMapping
from typing import Any

import typer
import typer.core

import cdrlake
from cdrlake import extension
from cdrlake.extension import Group

SHARED = (
    Group("model", "cdrlake.cli_model", "The registry of models."),
    Group("sql", "cdrlake.cli_sql", "SQL pipelines."),
    Group("quarantine", "cdrlake.cli_quarantine", "Refused messages."),
)


class LazyGroup(typer.core.TyperGroup):
    """A group whose commands are those of the `typer.Typer` in a module, imported at need."""

    def __init__(self, group: Group) -> None:
        self._module = group.module
        self._commands: MutableMapping[str, Any] | None = None
        super().__init__(name=group.name, help=group.help, no_args_is_help=True)

    @property
    def commands(self) -> MutableMapping[str, Any]:
        """The commands by name, imported on first access."""
        if self._commands is None:
            module = importlib.import_module(self._module)
            made = next(one for one in vars(module).values() if isinstance(one, typer.Typer))
            self._commands = dict(typer.main.get_group(made).commands)
        return self._commands

    @commands.setter
    def commands(self, _none_yet: Any) -> None:
        """The base class starts with an empty table, which this class does not need."""


class Commands(typer.core.TyperGroup):
    """The commands of the root, and after them the groups: shared ones and those of domains."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for group in groups():
            self.add_command(LazyGroup(group), group.name)


def groups() -> Iterator[Group]:
    """Every group; those of a domain are declared in its `cdrlake/<domain>/extension.py`."""
    for found in pkgutil.iter_modules(cdrlake.__path__):
        package = f"{cdrlake.__name__}.{found.name}"
        if found.ispkg and importlib.util.find_spec(f"{package}.extension"):
            yield from extension.named(found.name).groups
    yield from SHARED
