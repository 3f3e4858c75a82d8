"""Hooks of the documentation site: pages from the top folder, and links that leave `docs/`."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
# Pages that stand in the top folder of the repository, where people look for them.
TOP = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<to>[^)#\s]+)(?P<anchor>#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the top folder."""
    for source, page in TOP.items():
        text = (ROOT / source).read_text("utf-8").replace("](docs/", "](")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, files: Files, **_: object) -> str:
    """Lead links to the pages of the top folder, and show a link to code as the code's path."""
    return LINK.sub(lambda link: _link(link, files), markdown)


def _link(link: re.Match[str], files: Files) -> str:
    text, to, anchor = link["text"], link["to"], link["anchor"] or ""
    if "://" in to or files.get_file_from_path(to):
        return link[0]
    name = to.removeprefix("../")
    if name in TOP:
        return f"[{text}]({TOP[name]}{anchor})"
    return text if text.startswith("`") or text == name else f"{text} (`{name}`)"
