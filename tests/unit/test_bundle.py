from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse.errors import ModelError
from lakehouse.models import bundle
from lakehouse.models.manifest import FOREST
from lakehouse.models.model_kinds import model_kind

MODEL = model_kind(FOREST).file
Harm = Callable[[Path], None]


class Bomb:
    """What a pickle runs when anybody loads it."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self._marker),)


def overwrite(name: str, data: bytes) -> Harm:
    def harm(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return harm


def add(name: str, data: bytes = b"x") -> Harm:
    return overwrite(name, data)


def remove(name: str) -> Harm:
    return lambda folder: (folder / name).unlink()


def flip_a_bit(name: str, place: float) -> Harm:
    def harm(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[int(place * (len(data) - 1))] ^= 1
        (folder / name).write_bytes(data)

    return harm


def truncate(name: str) -> Harm:
    return lambda folder: os.truncate(folder / name, 10)


def link_out(name: str) -> Harm:
    def harm(folder: Path) -> None:
        copy = folder.parent / f"copy-of-{name}"
        (folder / name).rename(copy)
        (folder / name).symlink_to(copy)

    return harm


def edit_manifest(old: str, new: str) -> Harm:
    def harm(folder: Path) -> None:
        path = folder / bundle.MANIFEST
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return harm


def pickled(name: str) -> Harm:
    def harm(folder: Path) -> None:
        (folder / name).write_bytes(pickle.dumps(Bomb(folder.parent / "exploded")))

    return harm


def zipped_pickle(folder: Path) -> None:
    with zipfile.ZipFile(folder / "model.skops", "w") as archive:
        archive.writestr("object.pkl", pickle.dumps(Bomb(folder.parent / "exploded")))


def folder_inside(folder: Path) -> None:
    (folder / "extra").mkdir()


def seal_again(folder: Path) -> None:
    """A forger who knows how the manifest is made, but not what the registry holds."""
    loaded = bundle._decode(folder, (folder / bundle.MANIFEST).read_bytes())
    (folder / bundle.CARD).write_text("# a better model")
    bundle.finalize(folder, loaded)


HOSTILE: dict[str, Harm] = {
    "model: first bit": flip_a_bit(MODEL, 0.0),
    "model: a bit in the middle": flip_a_bit(MODEL, 0.5),
    "model: last bit": flip_a_bit(MODEL, 1.0),
    "model: cut short": truncate(MODEL),
    "model: gone": remove(MODEL),
    "model: empty": overwrite(MODEL, b""),
    "model: a pickle": pickled(MODEL),
    "model: a link": link_out(MODEL),
    "manifest: a bit": flip_a_bit(bundle.MANIFEST, 0.3),
    "manifest: gone": remove(bundle.MANIFEST),
    "manifest: not JSON": overwrite(bundle.MANIFEST, b"{"),
    "manifest: a pickle": pickled(bundle.MANIFEST),
    "manifest: a link": link_out(bundle.MANIFEST),
    "manifest: other threshold": edit_manifest('"threshold": 0.25', '"threshold": 0.75'),
    "manifest: other feature": edit_manifest('"calls"', '"calm"'),
    "manifest: names a file outside": edit_manifest('"model.onnx"', '"../model.onnx"'),
    "manifest: unknown key": edit_manifest('"git_commit"', '"run": "rm", "git_commit"'),
    "reference: a bit": flip_a_bit(bundle.REFERENCE, 0.5),
    "reference: gone": remove(bundle.REFERENCE),
    "card: other words": overwrite(bundle.CARD, b"# trust me"),
    "extra: a pickle": pickled("model.pkl"),
    "extra: MLmodel with a loader": add("MLmodel", b"flavors:\n  python_function:\n"),
    "extra: code": add("__init__.py", b"raise SystemExit"),
    "extra: skops archive": zipped_pickle,
    "extra: a folder": folder_inside,
    "sealed again by a forger": seal_again,
}


def test_an_untouched_folder_loads(sealed_bundle: tuple[Path, str]) -> None:
    loaded = bundle.load(*sealed_bundle)
    assert loaded.scorer.features == ("days_silent", "calls")
    assert loaded.reference()["User"].to_list() == ["49170000001", "49170000002"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_tampered_folder_is_refused_and_runs_nothing(
    name: str, sealed_bundle: tuple[Path, str]
) -> None:
    folder, manifest_sha256 = sealed_bundle
    HOSTILE[name](folder)
    with pytest.raises(ModelError):
        bundle.load(folder, manifest_sha256)
    assert not (folder.parent / "exploded").exists()


def test_the_list_of_hostile_folders_is_long_enough() -> None:
    assert len(HOSTILE) >= 20


def test_reference_rows_changed_after_loading_are_refused(sealed_bundle: tuple[Path, str]) -> None:
    folder, manifest_sha256 = sealed_bundle
    loaded = bundle.load(folder, manifest_sha256)
    flip_a_bit(bundle.REFERENCE, 0.9)(folder)
    with pytest.raises(ModelError):
        loaded.reference()
