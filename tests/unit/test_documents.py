"""Commands that the documents tell people to type exist, with the options that they are given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from cdrlake.cli import app
from lakehouse.domain import Domain
from lakehouse.domains import DOMAINS
from lakehouse.domains.settings import load

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
RECIPES = [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "add-a-domain.md"]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
FENCE = re.compile(r"^```(?:bash|console)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
CDRLAKE = re.compile(r"(?:^|[ /])cdrlake(?:\.cli)? +([a-z].*)")
SERVICE = re.compile(
    r"docker compose(?: --profile '\*')? (run|exec|up|stop|logs|restart|build) (.*)"
)
COMMAND: Any = typer.main.get_command(app)
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


def commands() -> Iterator[str]:
    """Each line of a block of code, and each piece of code in a sentence."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in FENCE.findall(text):
            yield from block.replace("\\\n", " ").splitlines()
        yield from re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


def words_of(pattern: re.Pattern[str]) -> list[list[str]]:
    found = (match for line in commands() if (match := pattern.search(line)))
    return [re.split("[|&;]", " ".join(match.groups()))[0].split() for match in found]


def test_the_documents_tell_many_commands() -> None:
    assert len(words_of(CDRLAKE)) > 30
    assert len(words_of(SERVICE)) > 30


@pytest.mark.parametrize("words", words_of(CDRLAKE), ids=" ".join)
def test_a_command_of_cdrlake_exists_with_its_options(words: list[str]) -> None:
    command, rest = COMMAND, list(words)
    while rest and hasattr(command, "commands"):
        name = rest.pop(0)
        assert name in command.commands, words
        command = command.commands[name]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= known


@pytest.mark.parametrize("words", words_of(SERVICE), ids=" ".join)
def test_a_service_that_is_named_exists(words: list[str]) -> None:
    verb, *rest = words
    names = [word for word in rest if re.fullmatch(r"[a-z][a-z-]+", word)]
    asked = names[:1] if verb in ("run", "exec") else names
    assert set(asked) <= set(SERVICES)


class WithTags(yaml.SafeLoader):
    """YAML with the tags of compose."""

    def sequence(self, node: yaml.SequenceNode) -> list[Any]:
        return self.construct_sequence(node)


WithTags.add_constructor("!override", WithTags.sequence)


def blocks() -> list[str]:
    return [block for page in PAGES for block in FENCE.findall(page.read_text(encoding="utf-8"))]


def test_the_override_that_is_shown_reaches_everything_that_reads_settings() -> None:
    (shown,) = [yaml.load(block, WithTags) for block in blocks() if "!override" in block]
    readers = {
        name for name, one in SERVICES.items() if "CDRLAKE_STATE_DIR" in one.get("environment", {})
    }
    assert set(shown["services"]) == readers
    for service in shown["services"].values():
        (mount,) = service["volumes"]
        assert mount.split(":")[1:] == ["/opt/cdrlake/conf/settings.local.yaml", "ro"]


def test_variables_that_are_shown_are_known_settings() -> None:
    lines = [line for block in blocks() for line in block.splitlines()]
    shown = dict(line.split("=", 1) for line in lines if re.match(r"CDRLAKE_[A-Z_]+=", line))
    assert len(shown) > 10
    load({name: value.strip("'") for name, value in shown.items()})


def test_scripts_and_jobs_that_are_named_exist() -> None:
    text = "\n".join(commands())
    paths = set(re.findall(r"(?:docker|pyspark_jobs/jobs)/\w+\.(?:sh|py)", text))
    jobs = {f"pyspark_jobs/jobs/{job}.py" for job in re.findall(r"submit\.sh (\w+)", text)}
    assert len(paths | jobs) > 8
    assert [path for path in paths | jobs if not (ROOT / path).is_file()] == []


def test_modules_that_are_run_by_name_are_programs() -> None:
    text = "\n".join(commands())
    modules = set(re.findall(r"python -m ([a-z_.]+)", text)) - {"pip", "venv"}
    assert len(modules) > 2
    for module in modules:
        found = find_spec(f"{module}.__main__") if is_package(module) else find_spec(module)
        assert found is not None and found.origin is not None, module
        assert "__main__" in Path(found.origin).read_text(encoding="utf-8"), module


def is_package(module: str) -> bool:
    found = find_spec(module)
    return found is not None and found.submodule_search_locations is not None


@pytest.mark.parametrize("page", RECIPES, ids=lambda page: page.name)
def test_files_that_a_recipe_names_exist(page: Path) -> None:
    """`<d>` stands for some domain; a file that is to be written has a folder to be written to."""
    named = set(re.findall(r"`([\w./<>-]+/[\w.<>-]*)`", page.read_text(encoding="utf-8")))
    paths = {path for path in named if not path.startswith("/")}
    assert len(paths) > 10
    missing = {path for path in paths if not any(ROOT.glob(re.sub("<[a-z]+>", "*", path)))}
    assert missing == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, heading in LINK.findall(page.read_text(encoding="utf-8")):
        place = page.parent / target if target else page
        assert place.exists(), target
        assert not heading or heading in anchors(place), f"{target}#{heading}"


def anchors(page: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}


def test_targets_of_make_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {match[1] for line in commands() if (match := re.match(r"make ([a-z0-9-]+)", line))}
    assert len(named) > 4
    assert named <= targets


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda one: one.name)
def test_every_table_is_described(domain: Domain) -> None:
    page = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    assert [name for name in domain.tables if f"`{name}`" not in page] == []
