"""The Predict page, opened in process."""

from __future__ import annotations

import base64
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from brainmri import images, phantom, predictions, runs
from brainmri.wording import probability
from dashboard import data
from dashboard.pages import predict_before
from tests.dashboard.faults import change_run
from tests.dashboard.reading import (
    TWO_ROWS,
    alerts,
)
from tests.dashboard.results import (
    CAREFUL,
    CLASSES,
    HASTY,
    png,
    write_promoted,
    write_table,
)
from tests.dashboard.visit import Node, Visitor, as_node, find, picked, reply, visible, words


def ask(
    visitor: Visitor, *, upload: bytes = b"", example: int | None = None, run: str = HASTY
) -> Node:
    """What the page shows for an upload or an example."""
    query: dict[str, Any] = {} if example is None else {"example": example}
    return reply(visitor, upload, run=run, **query)["answer"]


@pytest.mark.usefixtures("shown")
def test_only_runs_with_a_model_can_be_asked(visitor: Visitor) -> None:
    page = visitor.open("/predict")
    (picker,) = find(page, "Select")
    assert [option["value"] for option in picker["props"]["data"]] == [HASTY]
    assert "No image yet" in words(page)


@pytest.mark.usefixtures("shown")
def test_before_an_image_the_page_says_who_answers_and_how_well_what_goes_in_and_what_is_kept(
    visitor: Visitor,
) -> None:
    said = visible(visitor.open("/predict")).replace("\u00a0", " ")
    assert (
        f"Who answers {HASTY} names the right class for 70.0 % of 20 test images (48.1–85.5 %)"
        in said
    )
    assert "by the most probable class alone, missed 3 of 15 tumours (7.0–45.2 %)" in said
    assert "JPEG, PNG, BMP, TIFF, DICOM or NIfTI, up to 64 MB each" in said
    assert "How probable a tumour is, and which: glioma, meningioma, pituitary" in said
    assert "no picture and no file name is stored" in said


@pytest.mark.usefixtures("shown")
def test_who_answers_follows_the_choice_of_the_run() -> None:
    view = data.named_run(CAREFUL)
    assert view is not None
    said = visible(as_node(predict_before.part(view))).replace("\u00a0", " ")
    assert f"{CAREFUL} names the right class for 90.0 % of 20 test images" in said


@pytest.mark.parametrize(
    ("run", "title", "why"),
    [
        ("nobody", "There is no run “nobody”", ""),
        (CAREFUL, f"The run “{CAREFUL}” cannot answer", "Its model file is not here"),
        ("sheet", "The run “sheet” cannot answer", "It is a table of another tool"),
        ("broken", "The run “broken” cannot be shown", "broken/run.json is damaged"),
    ],
)
def test_a_run_that_cannot_answer_is_replaced_and_the_true_reason_said(
    visitor: Visitor, own: Path, run: str, title: str, why: str
) -> None:
    write_table(own, "sheet", TWO_ROWS)
    shutil.copytree(own / HASTY, own / "broken")
    (own / "broken" / runs.RUN_FILE).write_text("{")
    page = visitor.open(f"/predict?run={run}")
    assert picked(page, "run") == HASTY
    assert why in alerts(page)[title]
    assert alerts(page)[title].endswith(f"{HASTY} answers instead.")


def test_a_run_with_a_damaged_model_file_is_not_offered_and_named(
    visitor: Visitor, own: Path
) -> None:
    shutil.copytree(own / HASTY, own / "first")
    change_run(own / "first", name="first")
    write_promoted(own, "first", HASTY)
    (own / "first" / runs.MODEL_FILE).write_bytes(b"junk")
    page = visitor.open("/predict")
    assert picked(page, "run") == HASTY
    (picker,) = find(page, "Select")
    assert [option["value"] for option in picker["props"]["data"]] == [HASTY]
    for address, title in (
        ("/predict", "The run “first” was passed over"),
        ("/predict?run=first", "The run “first” cannot answer"),
    ):
        told = alerts(visitor.open(address))
        assert set(told) == {title, "No image yet"}
        assert told[title].startswith("Its model file is damaged: ")
        assert told[title].endswith(f"{HASTY} answers instead.")
    assert set(alerts(visitor.open(f"/predict?run={HASTY}"))) == {"No image yet"}


def test_where_no_run_can_answer_the_reason_is_said_of_the_one_asked_for(
    visitor: Visitor, own: Path
) -> None:
    (own / HASTY / runs.PREDICTIONS_FILE).write_bytes(b"")
    told = alerts(visitor.open(f"/predict?run={HASTY}"))
    assert f"The run “{HASTY}” cannot be shown" in told
    assert "No run here can answer" in told


@pytest.mark.parametrize("temperature", [None, 2.0])
def test_an_answer_says_whose_probabilities_it_tells(
    visitor: Visitor, own: Path, temperature: float | None
) -> None:
    change_run(own / HASTY, temperature=temperature)
    said = visible(ask(visitor, upload=png()))
    assert ("The probabilities are calibrated" in said) == (temperature is not None)


def test_an_upload_is_answered_with_probabilities_and_who_answered(
    visitor: Visitor, shown: Path
) -> None:
    finding = data.answer(HASTY, png()).answer.finding
    assert finding is not None
    expected = finding.probabilities
    node = ask(visitor, upload=png())
    bars = [visible(item) for item in find(find(node, "Ul", className="bars"), "Li")]
    ordered = sorted(expected.items(), key=lambda entry: -entry[1])
    assert bars == [f"{name} {probability(p, unit=' %')}" for name, p in ordered]
    assert f"Tumour probability {probability(1 - expected['notumor'], unit=' %')}" in visible(node)
    assert "hasty (mean-brightness)" in visible(node)
    assert runs.load(shown, HASTY).model_sha256[:12] in visible(node)
    assert "trained 2026-01-02, split official" in visible(node)
    assert "by the most probable class alone, this model missed 3 of 15 tumours" in visible(node)


def test_what_the_model_misses_is_counted_by_the_rule_of_the_verdict(
    visitor: Visitor, own: Path
) -> None:
    point = {"threshold": 0.29, "rule": "sensitivity", "target": 0.99, "n": 120, "tumours": 80}
    change_run(own / HASTY, temperature=2.0, operating_point=point)
    table = predictions.read(own / HASTY / runs.PREDICTIONS_FILE)
    test = table.splits == "test"
    root = np.sqrt(table.y_prob[test].astype(np.float64))  # A temperature of 2.
    none = CLASSES.index("notumor")
    called = 1 - root[:, none] / root.sum(axis=1) >= 0.29
    tumour = table.y_true[test] != none
    missed = int((~called & tumour).sum())
    assert missed < 3  # Which is how many are most probably none.
    said = visible(ask(visitor, upload=png()))
    assert f"at this operating point, this model missed {missed} of 15 tumours" in said
    assert "false alarms on an unknown number of images without one (too few" in said


@pytest.mark.usefixtures("shown")
def test_the_picture_shown_is_the_one_that_was_dropped(visitor: Visitor) -> None:
    pixels = phantom.draw("pituitary", 2)
    (picture,) = find(ask(visitor, upload=images.encode_png(pixels)), "Img")
    sent = base64.b64decode(picture["props"]["src"].partition(",")[2])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(sent))), pixels)
    height, width = pixels.shape
    assert f"{width} × {height} pixels, L" in visible(ask(visitor, upload=png("pituitary", 2)))


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("number", range(4))
def test_every_example_is_answered_with_one_click(visitor: Visitor, number: int) -> None:
    node = ask(visitor, example=number)
    assert "Tumour probability" in visible(node)
    assert f"synthetic {CLASSES[number]} slice" in visible(node)


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, **options)
    return buffer.getvalue()


def animated_png() -> bytes:
    frames = [
        Image.fromarray(phantom.draw("glioma", 1)),
        Image.fromarray(phantom.draw("glioma", 1)),
    ]
    buffer = io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=[frames[1].rotate(5)])
    return buffer.getvalue()


def truncated_jpeg() -> bytes:
    whole = tiff(phantom.draw("glioma", 1), format="JPEG")
    return whole[: len(whole) // 2]


def claims_to_be_huge() -> bytes:
    """A PNG whose header says 50,000 x 50,000."""
    import zlib

    header = b"IHDR" + (50_000).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    chunk = (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    return png()[:8] + chunk + png()[33:]


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize(
    ("upload", "sentence"),
    [
        (b"", "The file is empty (0 bytes)."),
        (
            b"just text",
            "The file is not a JPEG, PNG, BMP, TIFF, DICOM or NIfTI image, whatever its name says",
        ),
        (truncated_jpeg(), "The image is cut off or damaged"),
        (animated_png(), "The file holds several frames"),
        (claims_to_be_huge(), "The image is too large"),
        (png()[:200], "The image is cut off or damaged"),
    ],
    ids=["empty", "text", "truncated", "animated", "huge", "cut png"],
)
def test_a_file_that_cannot_be_used_gets_one_clear_sentence(
    visitor: Visitor, upload: bytes, sentence: str
) -> None:
    node = ask(visitor, upload=upload)
    (told,) = alerts(node).values()
    assert told.startswith(sentence)
    assert not find(node, "Img")
    by_api = visitor.client.post("/api/predict", data=upload).get_json()["error"]
    assert told.endswith(f"Error code: {by_api['code']}")


@pytest.mark.usefixtures("shown")
def test_a_file_that_is_too_large_gets_one_clear_sentence(visitor: Visitor) -> None:
    (told,) = alerts(ask(visitor, upload=bytes(75_000_000))).values()
    assert told.startswith(
        "The file has 75.0 MB, which is more than the 64 MB that are read; save one"
    )
    assert "Error code: too_large" in told


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("number", ["-1", "4", "99"])
def test_an_example_that_is_none_gets_one_clear_sentence(visitor: Visitor, number: str) -> None:
    node = reply(visitor, run=HASTY, example=number)["answer"]
    (told,) = alerts(node).values()
    assert told.startswith("There is no such example; choose one of those on the page.")


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("run", [CAREFUL, "nobody", "../.."])
def test_a_run_without_a_model_answers_with_a_sentence(visitor: Visitor, run: str) -> None:
    assert len(alerts(ask(visitor, upload=png(), run=run))) == 1


def test_a_damaged_model_answers_with_a_sentence(visitor: Visitor, own: Path) -> None:
    (own / HASTY / runs.MODEL_FILE).write_bytes(b"no model")
    (told,) = alerts(ask(visitor, upload=png())).values()
    assert "is not the file that run.json describes" in told
    assert str(own) not in told
