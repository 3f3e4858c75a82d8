from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from lakehouse.errors import ModelError
from lakehouse.models import bundle, linear
from lakehouse.models.linear import LinearModel
from lakehouse.models.manifest import FOREST, Manifest
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


def edit_flavor(folder: Path) -> None:
    path = folder / bundle.MLMODEL
    path.write_text(path.read_text().replace("lakehouse.models.mlflow_flavor", "os"))


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
    "MLmodel: another loader": edit_flavor,
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


def test_what_mlflow_leaves_behind_is_neither_hashed_nor_read(
    sealed_bundle: tuple[Path, str],
) -> None:
    folder, sha256 = sealed_bundle
    pickled("registered_model_meta")(folder)
    assert bundle.load(folder, sha256).scorer.features == ("days_silent", "calls")
    assert "registered_model_meta" not in bundle.hash_files(folder)
    assert not (folder.parent / "exploded").exists()


def test_the_list_of_hostile_folders_is_long_enough() -> None:
    assert len(HOSTILE) >= 20


def test_reference_rows_changed_after_loading_are_refused(sealed_bundle: tuple[Path, str]) -> None:
    folder, manifest_sha256 = sealed_bundle
    loaded = bundle.load(folder, manifest_sha256)
    flip_a_bit(bundle.REFERENCE, 0.9)(folder)
    with pytest.raises(ModelError):
        loaded.reference()


VERSION_1 = Path(__file__).parent / "bundle_version_1"
VERSION_1_SHA256 = "61e20ea874dfe0adc9fccc25a2a5c6f653d65f906e9d5fc80ae878d8bc0fceae"


def test_a_folder_of_before_there_were_kinds_gives_the_numbers_that_it_gave() -> None:
    loaded = bundle.load(VERSION_1, VERSION_1_SHA256)
    papers, scores = loaded.manifest, loaded.scorer.score(np.array([[0.0, 3.0], [5.0, 0.0]]))
    assert scores.probability.tolist() == [0.03745175127116068, 0.9043508618891993]
    assert scores.raw.tolist() == [0.1, 0.9]
    assert papers.kind == "forest"
    assert papers.recipe == {
        "feature_windows": [7, 14, 30], "label_horizon_days": 30, "active_window_days": 7,
    }  # fmt: skip
    assert (papers.train_rows, papers.train_positives) == (10, 2)
    assert (papers.figures.rows, papers.figures.entities, papers.figures.positives) == (2, 2, 1)
    assert str(papers.figures.interval("roc_auc")) == "0.800 [0.780, 0.820]"
    assert papers.figures.value("calibration_error") == 0.01
    assert papers.figures.baselines["one_rule"]["roc_auc"] == papers.figures.interval("roc_auc")
    assert papers.figures.importance == {"days_silent": 0.1, "calls": 0.0}


def linear_bundle(folder: Path, model: LinearModel, papers: Manifest) -> str:
    """A sealed folder of a linear model; the SHA-256 of its manifest."""
    (folder / "model.json").write_bytes(linear.encode(model))
    return bundle.finalize(folder, papers)


LINE = LinearModel(
    features=("days_silent", "calls"), coefficients=(2.0, -1.0), intercept=0.5,
    mean=(1.0, 0.0), scale=(2.0, 1.0), threshold=0.25,
)  # fmt: skip


@pytest.fixture
def papers(sealed_bundle: tuple[Path, str]) -> Manifest:
    """The papers of a linear model."""
    forest = bundle.load(*sealed_bundle).manifest
    return msgspec.structs.replace(forest, kind="linear", details={})


def test_a_linear_model_is_loaded_by_its_kind(tmp_path: Path, papers: Manifest) -> None:
    folder = tmp_path / "linear"
    folder.mkdir()
    loaded = bundle.load(folder, linear_bundle(folder, LINE, papers))
    scores = loaded.scorer.score(np.array([[1.0, 0.0], [3.0, 1.0]]))
    assert scores.raw.tolist() == [0.5, 1.5]
    assert scores.probability.tolist() == pytest.approx([1 / (1 + np.exp(-0.5)), 0.8175744761936])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": "oracle"}, "'oracle'"),
        ({"kind": "forest"}, "other files than registered: model.onnx"),
        ({"details": {"trees": 1}}, "details"),
        ({"threshold": 0.5}, "speaks of another model"),
        ({"features": ("calls", "days_silent")}, "speaks of another model"),
    ],
)
def test_papers_that_do_not_fit_the_model_are_refused(
    tmp_path: Path, papers: Manifest, changes: dict[str, object], reason: str
) -> None:
    folder = tmp_path / "linear"
    folder.mkdir()
    sealed = linear_bundle(folder, LINE, msgspec.structs.replace(papers, **changes))
    with pytest.raises(ModelError, match=reason):
        bundle.load(folder, sealed)


@pytest.mark.parametrize("details", [{"trees": 2}, {"trees": "many"}, {"leaves": 3}])
def test_a_forests_part_of_the_papers_must_be_that_of_its_file(
    sealed_bundle: tuple[Path, str], details: dict[str, object]
) -> None:
    folder, sha256 = sealed_bundle
    forged = msgspec.structs.replace(bundle.load(folder, sha256).manifest, details=details)
    sealed = bundle.finalize(folder, forged)
    with pytest.raises(ModelError):
        bundle.load(folder, sealed)


@pytest.mark.parametrize(
    "papers_of_before",
    [b"[]", b"{}", b'{"manifest_version": 1}',
     b'{"manifest_version": 1, "train_x": 1, "figures": 7}',
     b'{"manifest_version": 1, "train_x": 1, "figures": {"rows": 1}}', b"[" * 100_000],
    ids=lambda data: data[:40].decode(),
)  # fmt: skip
def test_papers_of_no_version_are_refused(tmp_path: Path, papers_of_before: bytes) -> None:
    (tmp_path / bundle.MANIFEST).write_bytes(papers_of_before)
    with pytest.raises(ModelError):
        bundle.load(tmp_path, bundle.sha256(papers_of_before))
