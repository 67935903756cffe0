"""Training by corrected labels, from the weights of a run: `train --from RUN --corrections N`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
import torch

from brainmri import (
    corrected,
    corrections,
    embedding,
    images,
    index,
    manifests,
    phantom,
    runs,
    scoring,
    splits,
    trust,
)
from brainmri.correction_store import Store
from brainmri.corrections import BAD_IMAGE, CLASS, CONFIRM, CORRECTION, KEPT, Record, new_id
from brainmri.errors import InputError
from brainmri.index import ImageIndex
from brainmri.manifests import Manifest
from brainmri.training import export, networks, start, train
from brainmri.training.networks import Network

SIZE_PX = 40


@pytest.fixture
def table(own_models: Path) -> ImageIndex:
    return index.read(index.path(own_models))


@pytest.fixture
def part(table: ImageIndex) -> pd.Series[str]:
    return splits.assign(table, "official", seed=0)


def correct(models: Path, **right: str | None) -> Manifest:
    """Two readers agree on right labels by path."""
    store = Store(corrections.url_of(models))
    table = index.read(index.path(models)).rows.set_index("path")["label"]
    for path, label in right.items():
        said = store.add(
            Record(new_id(), CORRECTION, "Ada", "why", path=path, label=table.get(path),
                   verdict=CLASS if label else BAD_IMAGE, right_label=label)
        )  # fmt: skip
        store.add(Record(new_id(), CONFIRM, "Grace", about=said.id))
    made = manifests.write(models, manifests.confirmed(corrections.states(store.records())).rows)
    assert made is not None
    return made


def first(table: ImageIndex, part: pd.Series[str], of: str, label: str, at: int = 0) -> str:
    rows = table.rows[(part == of) & (table.rows["label"] == label)]
    return str(rows["path"].iloc[at])


# What may train


def test_training_rows_get_the_right_label_or_are_left_out(
    own_models: Path, table: ImageIndex, part: pd.Series[str]
) -> None:
    wrong, bad = first(table, part, "train", "glioma"), first(table, part, "train", "glioma", 1)
    made = corrected.apply(
        own_models, table, part, correct(own_models, **{wrong: "pituitary", bad: None})
    )
    rows = made.index.rows.set_index("path")["label"]
    assert rows[wrong] == "pituitary"
    assert made.part[made.index.rows["path"] == bad].tolist() == ["unused"]
    assert (made.relabelled, made.left_out) == (1, 1)
    assert table.rows.set_index("path")["label"][wrong] == "glioma"  # The index itself stays.


@pytest.mark.parametrize("of", ["val", "test"])
def test_evaluation_rows_never_train(
    own_models: Path, table: ImageIndex, part: pd.Series[str], of: str
) -> None:
    wrong = first(table, part, of, "glioma")
    made = corrected.apply(own_models, table, part, correct(own_models, **{wrong: "pituitary"}))
    assert made.part.tolist() == part.tolist()
    assert made.index.rows.set_index("path")["label"][wrong] == "pituitary"
    assert made.relabelled == 0


def test_a_kept_upload_trains_unless_it_is_a_copy_of_an_evaluation_image(
    own_models: Path, phantom_data: Path, table: ImageIndex, part: pd.Series[str]
) -> None:
    folder = own_models / corrections.FOLDER / "images"
    folder.mkdir(parents=True)
    test_image = images.decode(phantom_data / first(table, part, "test", "glioma")).pixels
    for name, pixels in (("new", phantom.draw("glioma", 4711)), ("copy", test_image[:, ::-1])):
        (folder / f"{name}.png").write_bytes(images.encode_png(np.ascontiguousarray(pixels)))
    manifest = correct(own_models, **{f"{KEPT}new.png": "glioma", f"{KEPT}copy.png": "glioma"})
    made = corrected.apply(own_models, table, part, manifest)
    assert (made.added, made.too_close) == (1, 1)
    assert made.part.tolist() == [*part.tolist(), "train"]
    assert made.index.rows["path"].iloc[-1] == str(folder / "new.png")
    run = train.train(phantom_data, own_models, name="more", model="cnn", size_px=SIZE_PX, epochs=1,
                      corrections=manifest.number, allow_leaks=True, quiet=True)  # fmt: skip
    assert run.images["train"] == int((part == "train").sum()) + 1
    (folder / "new.png").unlink()
    with pytest.raises(
        InputError, match=r"new\.png, a picture that was kept .* is gone; .* the new n"
    ):
        corrected.apply(own_models, table, part, manifest)


def test_a_class_that_the_data_do_not_have_is_refused(
    own_models: Path, table: ImageIndex, part: pd.Series[str]
) -> None:
    path = first(table, part, "train", "glioma")
    with pytest.raises(InputError, match="name the class oedema, which is none of the data"):
        corrected.apply(own_models, table, part, correct(own_models, **{path: "oedema"}))


# Where it starts


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def written(network: Network, size_px: int, folder: Path) -> Path:
    file = folder / "model.onnx"
    file.write_bytes(export.to_onnx(network, size_px).SerializeToString())
    return file


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("name", "size_px"), [("cnn", 120), ("efficientnet-lite0", 64)])
def test_a_network_gets_the_weights_of_the_file_back(
    name: str, size_px: int, tmp_path: Path
) -> None:
    """Dense weights that are stored as integers (cnn at 120 px) and folded normalisation too."""

    def built() -> Network:
        return networks.build(name, 4, size_px=size_px, frozen=3, dropout=(0.1, 0.1, 0.1))

    torch.manual_seed(0)
    learned = built()
    for module in learned.modules():
        if isinstance(module, torch.nn.Linear | torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.weight, 0.5, 0.1)
            torch.nn.init.normal_(module.bias, 0, 0.1)
    file = written(learned, size_px, tmp_path)
    fresh = built()
    start.load(fresh, file, size_px)
    image = torch.rand(3, 1, size_px, size_px)
    learned.eval()
    with torch.no_grad():
        torch.testing.assert_close(fresh(image)[0], learned(image)[0], rtol=1e-3, atol=1e-3)
    fresh.train()
    still = [m for m in fresh.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert not any(module.training for module in still)


def test_a_file_of_another_network_is_refused(own_models: Path, tmp_path: Path) -> None:
    network = networks.build("cnn", 4, size_px=48, frozen=0, dropout=(0, 0, 0))
    with pytest.raises(InputError, match="does not hold the weights"):
        start.load(network, own_models / "cnn" / "model.onnx", 48)
    network = networks.build("cnn", 4, size_px=SIZE_PX, frozen=0, dropout=(0, 0, 0))
    graph = onnx.load(own_models / "cnn" / "model.onnx")
    for tensor in graph.graph.initializer:
        tensor.name = tensor.name.replace("hidden.bias", "x")
    for node in graph.graph.node:
        node.input[:] = [name.replace("hidden.bias", "x") for name in node.input]
    (tmp_path / "other.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(InputError, match="does not hold the weights"):
        start.load(network, tmp_path / "other.onnx", SIZE_PX)
    (tmp_path / "bad.onnx").write_bytes(b"nonsense")
    with pytest.raises(InputError, match=r"is damaged|does not hold"):
        start.load(network, tmp_path / "bad.onnx", SIZE_PX)


def test_what_goes_on_from_a_run_keeps_its_split_and_says_what_it_is(
    own_models: Path, phantom_data: Path, table: ImageIndex, part: pd.Series[str]
) -> None:
    wrong = first(table, part, "train", "glioma")
    manifest = correct(own_models, **{wrong: "pituitary"})
    run = train.train(phantom_data, own_models, name="again", start="cnn", epochs=1,
                      corrections=manifest.number, quiet=True)  # fmt: skip
    base = runs.load(own_models, "cnn")
    assert (run.protocol, run.seed, run.preprocessing) == (
        base.protocol, base.seed, base.preprocessing,
    )  # fmt: skip
    told = run.configuration
    assert (told["from"], told["from_model_sha256"]) == ("cnn", base.model_sha256)
    assert (told["corrections"], told["corrected_labels"]) == (1, 1)
    assert told["learning_rate"] == pytest.approx(base.configuration["learning_rate"] / 5)
    scored = scoring.score(phantom_data, own_models, "again", quiet=True).predictions
    assert set(scored.paths) == set(table.rows["path"][part.isin(["val", "test"])])


def test_the_embeddings_are_of_what_trained_with_the_labels_that_it_learned(
    own_models: Path, phantom_data: Path, table: ImageIndex, part: pd.Series[str]
) -> None:
    wrong, bad = (first(table, part, "train", "glioma", at) for at in (0, 1))
    judged = first(table, part, "val", "glioma")
    before = embedding.read(own_models, runs.load(own_models, "cnn"))
    manifest = correct(own_models, **{wrong: "pituitary", bad: None, judged: "notumor"})
    train.train(phantom_data, own_models, name="again", start="cnn", epochs=1,
                corrections=manifest.number, quiet=True)  # fmt: skip
    scored = scoring.score(phantom_data, own_models, "again", quiet=True)
    after = embedding.read(own_models, runs.load(own_models, "again"))
    assert after is not None
    classes = scored.run.classes
    assert classes[after.labels[after.paths.index(wrong)]] == "pituitary"
    assert bad not in after.paths
    assert before is None or bad in before.paths
    # The table keeps what the data set says; what is fitted on it goes by the right label.
    (at,) = np.flatnonzero(scored.predictions.paths == judged)
    assert classes[scored.predictions.y_true[at]] == "glioma"
    right = scored.predictions.y_true.copy()
    right[at] = classes.index("notumor")
    labelled = replace(scored.predictions, y_true=right)
    fit = trust.fit(labelled, negative=scored.run.negative_class)
    assert scored.fit == fit


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"start": "brightness"}, "has no weights to go on from"),
        ({"start": "nothing"}, 'There is no run "nothing"'),
        ({"start": "cnn", "model": "cnn-augmented"}, "--model cnn, and what goes on"),
        ({"start": "cnn", "protocol": "auto"}, "--split official"),
        ({"start": "cnn", "seed": 3}, "--seed 0"),
        ({"start": "cnn", "size_px": 64}, "--size-px 40"),
        ({"start": "cnn", "name": "cnn"}, "would replace the run"),
        ({"start": "cnn", "corrections": 5}, "There are no corrections 5"),
        ({}, "Say which --model"),
    ],
)
def test_what_cannot_be_gone_on_from_is_refused(
    own_models: Path, phantom_data: Path, options: dict[str, object], fault: str
) -> None:
    given: dict[str, object] = {"name": "again", "quiet": True, **options}
    with pytest.raises(InputError, match=fault):
        train.train(phantom_data, own_models, **given)  # type: ignore[arg-type]


def test_a_run_of_another_index_or_without_its_model_is_refused(
    own_models: Path, phantom_data: Path
) -> None:
    run = runs.load(own_models, "cnn")
    runs.save(own_models, replace(run, index_sha256="ab" * 32))
    with pytest.raises(InputError, match="images that it has learned could test"):
        train.train(phantom_data, own_models, name="again", start="cnn", quiet=True)
    runs.save(own_models, run)
    (own_models / "cnn" / "model.onnx").unlink()
    with pytest.raises(InputError, match="is not here"):
        train.train(phantom_data, own_models, name="again", start="cnn", quiet=True)
