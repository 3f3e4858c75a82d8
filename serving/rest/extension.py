"""Routes of a single domain, found by the domain's name.

A domain that needs none has no module. One that does keeps them as `ROUTES` in
`serving/<domain>/routes.py`: `Route` values whose paths are those of the system that its users
know, such as `/predict`. Each is served below the domain's name (`/<domain>/predict`), and at its
plain path too, unless a shared route is there. Where two domains want the same plain path, the
first one has it, unless the setting `serving.plain_paths` says whose it is.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import replace

from lakehouse.domain import Domain
from lakehouse.errors import SettingsError, closest
from lakehouse.settings.serving import ServingSettings
from serving.rest import catalogue
from serving.rest.routes import Route


def routes(domains: Sequence[Domain], settings: ServingSettings) -> list[Route]:
    """The routes of all domains: below the domain's name, and at the plain paths that are theirs.

    Raises `SettingsError` when the setting names a domain that has no such route.
    """
    own = {domain.name: named(domain.name) for domain in domains}
    return arranged(own, settings.plain_paths)


def arranged(own: dict[str, Sequence[Route]], chosen: dict[str, str]) -> list[Route]:
    """The routes by domain, arranged as `routes` says."""
    taken = {(route.method, route.path) for route in catalogue.routes()}
    claims: dict[str, list[str]] = {}
    for name, mine in own.items():
        for path in dict.fromkeys(route.path for route in mine):
            claims.setdefault(path, []).append(name)
    owners = {path: _owner(path, names, chosen) for path, names in claims.items()}
    made = []
    for name, mine in own.items():
        for route in mine:
            made.append(replace(route, path=f"/{name}{route.path}"))
            is_free = (route.method, route.path) not in taken or route.path in chosen
            if owners[route.path] == name and is_free:
                made.append(route)
    return made


def named(domain: str) -> Sequence[Route]:
    """The routes of the domain with that name."""
    package = f"serving.{domain}"
    # Python takes a folder that a checkout left behind for a package, too, but it has no module.
    if not all(map(importlib.util.find_spec, (package, f"{package}.routes"))):
        return ()
    found: Sequence[Route] = importlib.import_module(f"{package}.routes").ROUTES
    return found


def _owner(path: str, names: list[str], chosen: dict[str, str]) -> str | None:
    """Whose route a plain path is; "none" in the settings gives it to nobody."""
    wanted = chosen.get(path)
    if wanted == "none":
        return None
    if wanted is not None and wanted not in names:
        setting = "setting serving.plain_paths"
        raise SettingsError(setting, f"a domain with {path}", repr(wanted), closest(wanted, names))
    return wanted or names[0]
