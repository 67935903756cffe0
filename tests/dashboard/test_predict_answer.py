"""A whole answer on Predict: gate, threshold, sets, maps, neighbours, trace, occlusion, pairs, report."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from brainmri import __version__, images, intake, phantom, runs
from dashboard import data
from tests.brainmri.lettering import lettered
from tests.brainmri.volumes import dicom, nifti, volume
from tests.dashboard.every_number import bare_numbers
from tests.dashboard.lookers import (
    LOOKER,
    copy_with_looker,
    five_slices,
    no_slice,
    with_lesion,
    without_lesion,
)
from tests.dashboard.results import HASTY, png
from tests.dashboard.visit import Visitor, find, reply, table_rows, visible, words


@pytest.fixture(scope="module")
def looking(made_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`made_models` with the run "looker"."""
    return copy_with_looker(made_models, tmp_path_factory.mktemp("looking") / "models")


@pytest.fixture(autouse=True)
def shown_looking(looking: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINMRI_MODELS", str(looking))
    monkeypatch.delenv("BRAINMRI_DATA", raising=False)


def five_pages() -> list[NDArray[np.uint8]]:
    return [phantom.draw("glioma", seed) for seed in range(5)]


def look(visitor: Visitor, upload: bytes, what: str = "answer", **query: Any) -> dict[str, Any]:
    return reply(visitor, upload, what=what, run=LOOKER, **query)


def test_an_image_like_the_training_images_is_answered(visitor: Visitor) -> None:
    told = look(visitor, with_lesion())
    assert told["outcome"] == "answered"
    (banner,) = find(told["answer"], className="outcome")
    assert visible(banner).startswith("Answered The image looks like the training images")
    assert told["row"] == ["answered", "> 99.9\u00a0%", "glioma"]
    assert told["said"].startswith("Called a tumour, most probable: glioma")


def test_an_image_unlike_them_is_refused_and_no_probability_is_shown(visitor: Visitor) -> None:
    told = look(visitor, no_slice())
    assert told["outcome"] == "refused"
    assert told["row"] == ["refused", "–", "–"]
    assert "model_answer" not in told["kept"]
    said = visible(told["answer"])
    assert "Refused: no answer for this image" in said
    assert "distance to the training images is" in said
    assert not find(told["answer"], className="bars")
    assert not find(told["answer"], className="map")
    assert "%" not in said
    assert told["square"] is None


def test_the_limits_that_decide_whether_there_is_an_answer_are_shown(visitor: Visitor) -> None:
    for upload in (with_lesion(), no_slice()):
        said = visible(look(visitor, upload)["answer"])
        assert re.search(r"distance to (them|the training images) is \d+\.\d", said)
        assert re.search(r"nothing is answered from \d+\.\d", said)
        assert re.search(r"set on \d+ validation images", said)
    assert re.search(r"a warning is given from \d", visible(look(visitor, with_lesion())["answer"]))


def test_a_report_says_the_limits_and_what_the_header_warns_about(visitor: Visitor) -> None:
    file = dicom(volume(depth=1)[:, :, 0][None].astype("uint16"), BurnedInAnnotation="YES")
    model = look(visitor, file)["model_sha256"]
    told = look(visitor, file, "report", model=model)["report"]
    assert "text is burned into the picture" in told
    assert "validation images)." in told


def test_text_in_a_picture_is_noticed_in_answer_table_report_and_for_screen_readers(
    visitor: Visitor,
) -> None:
    words = "Look whether it names a person"
    upload = images.encode_png(lettered(intake.read(with_lesion()).image.pixels, size_px=10))
    told = look(visitor, upload)
    assert words in visible(told["answer"])
    assert told["text_seen"] is True
    assert told["row"][0].endswith("; text in it?")
    assert told["said"].endswith("There seems to be text in the picture.")
    assert words in look(visitor, upload, "report", model=told["model_sha256"])["report"]
    plain = look(visitor, with_lesion())
    assert words not in visible(plain["answer"])
    assert plain["text_seen"] is False
    assert "text" not in plain["row"][0]


@pytest.mark.parametrize("modality", ["CT", "US", "CR", "DX", "MG", "PT", "NM", "XA", "IO", "ES"])
def test_what_is_something_else_by_its_header_is_refused_however_it_looks(
    visitor: Visitor, modality: str
) -> None:
    square = np.asarray(Image.open(io.BytesIO(with_lesion())))
    told = look(visitor, dicom(square[None], Modality=modality))
    assert told["outcome"] == told["row"][0] == "refused"
    assert "model_answer" not in told["kept"]
    (banner,) = find(told["answer"], className="outcome")
    assert visible(banner) == (
        "Refused: no answer for this image "
        f"The file's header says {modality}; this model was made for MR images."
    )
    assert "%" not in visible(told["answer"])


@pytest.mark.parametrize("modality", ["OT", "SC"])
def test_what_may_be_no_mri_by_its_header_is_answered_with_a_warning_at_best(
    visitor: Visitor, modality: str
) -> None:
    square = np.asarray(Image.open(io.BytesIO(with_lesion())))
    as_mr, as_other = (look(visitor, dicom(square[None], Modality=one)) for one in ("MR", modality))
    assert as_mr["outcome"] == "answered"
    assert as_other["outcome"] == as_other["row"][0] == "warned"
    assert as_other["said"].startswith("With a warning: ")
    (banner,) = find(as_other["answer"], className="outcome")
    assert "Answered with a warning" in visible(banner)
    said = visible(as_other["answer"])
    assert said.count(f"does not say that this is an MRI (modality {modality})") == 1
    assert "so expect less" in said


def test_the_tumour_probability_stands_against_the_threshold_in_words(visitor: Visitor) -> None:
    above, below = (
        visible(look(visitor, upload)["answer"]) for upload in (with_lesion(), without_lesion())
    )
    what = (
        "the threshold of 12.0 %, which finds at least 99 % of the tumours among the validation images "
        "(80 with a tumour of 120)."
    )
    assert f"Above {what}" in above.replace("\u00a0", " ")
    assert f"Below {what}" in below.replace("\u00a0", " ")
    assert "Not called a tumour, most probable: no tumour" in below


def test_possible_classes_and_answers_like_this_one_are_told_with_what_was_measured(
    visitor: Visitor,
) -> None:
    said = visible(look(visitor, with_lesion())["answer"])
    assert (
        "Glioma. Sets are made to hold the true class for at least 90 of 100 images of each" in said
    )
    assert "like these" not in said
    assert re.search(
        r"18 of 18 test images without a near-copy in training with this very set were of a class in it "
        r"\([\d.]+–[\d.]+ %\)",
        said,
    )
    assert re.search(r"\d+ of \d+ were right \(\d+\.\d–\d", said)


def test_a_map_of_every_class_lies_over_the_head(visitor: Visitor) -> None:
    node = look(visitor, with_lesion())["answer"]
    maps = {one["props"]["id"]["map"]: one["props"] for one in find(node, className="map")}
    # None is drawn before it is checked.
    assert {name: one["style"]["opacity"] for name, one in maps.items()} == dict.fromkeys(maps, 0)
    (drawn,) = find(node, "Checkbox", label="Draw the map over the picture")
    assert not drawn["props"]["checked"]
    (place,) = find(node, className="map-place")
    assert place["props"]["style"] == {
        "left": "0.000%", "top": "0.000%", "width": "100.000%", "height": "100.000%",
    }  # fmt: skip


def test_the_eight_most_similar_training_images_have_labels_and_distances(
    visitor: Visitor, phantom_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (without,) = find(look(visitor, with_lesion())["answer"], className="similar")
    entries = [visible(one) for one in find(without, "Li")]
    assert len(entries) == 8
    assert not find(without, "Img")
    distances = [float(entry.split()[1]) for entry in entries]
    assert distances == sorted(distances)
    monkeypatch.setenv("BRAINMRI_DATA", str(phantom_data))
    (pictured,) = find(look(visitor, with_lesion())["answer"], className="similar")
    sources = [one["props"]["src"] for one in find(pictured, "Img")]
    assert len(sources) == 8
    assert visitor.client.get(sources[0]).mimetype == "image/png"


def test_the_trace_holds_hashes_version_and_time(visitor: Visitor, looking: Path) -> None:
    (facts,) = find(look(visitor, with_lesion())["answer"], className="trace")
    said = visible(facts)
    assert runs.load(looking, LOOKER).model_sha256 in said
    assert re.search(r"Answered at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", said)
    assert len(re.findall(r"\b[0-9a-f]{64}\b", said)) == 4


def occlusion(visitor: Visitor, upload: bytes) -> dict[str, Any]:
    """What the page asks once the answer stands: of the picture that came with the answer."""
    square = base64.b64decode(look(visitor, upload)["square"].partition(",")[2])
    return look(visitor, square, "occlusion")


def test_hiding_the_lesion_changes_the_answer_and_the_page_says_so(visitor: Visitor) -> None:
    told = occlusion(visitor, with_lesion())
    assert "Yes: without it the model answers no tumour" in visible(told["verdict"])
    assert find(told["answer"], "Img")
    assert told["drawn"]
    assert told["doubt"] == ""


def test_a_map_that_explains_nothing_is_marked_so_beside_it_and_in_the_report(
    visitor: Visitor,
) -> None:
    told = occlusion(visitor, without_lesion())
    assert "No: the map does not explain this answer" in visible(told["verdict"])
    assert "So the map is drawn only if you ask for it." in visible(told["verdict"])
    assert told["verdict"]["props"]["className"] == "caution"
    assert not told["drawn"]
    assert told["doubt"] == "This map does not explain this answer."
    answered = look(visitor, without_lesion())
    report = look(visitor, without_lesion(), "report", model=answered["model_sha256"])["report"]
    assert "No: the map does not explain this answer" in report
    assert "So the map is left out." in report
    assert 'class="map"' not in report
    answered = look(visitor, with_lesion())
    report = look(visitor, with_lesion(), "report", model=answered["model_sha256"])["report"]
    assert 'class="map"' in report


def test_the_probabilities_of_an_answer_are_a_table_and_a_picture_to_download(
    visitor: Visitor,
) -> None:
    answer = look(visitor, with_lesion())["answer"]
    (frame,) = [
        one for one in find(answer, className="export-frame") if find(one, className="bars")
    ]
    kinds = [one["props"]["data-export"] for one in find(frame, "Button", className="export")]
    assert kinds == ["csv", "png", "svg"]
    (values,) = find(frame, "Table")
    (tumour,) = find(answer, className="statistic-value")
    rows = dict(table_rows(values))
    assert rows["a tumour, whichever"] == visible(tumour)
    assert [rows[name] for name in ("glioma", "notumor")] == [
        visible(one) for one in find(frame, className="bar-value")
    ]


def test_a_picture_without_a_header_has_no_line_about_the_scan(visitor: Visitor) -> None:
    assert not find(look(visitor, with_lesion())["answer"], className="scan")


def test_until_the_map_is_checked_it_stands_with_a_reservation(visitor: Visitor) -> None:
    answer = look(visitor, with_lesion())["answer"]
    (place,) = find(answer, className="map-check")
    assert "Checking whether the answer rests on what the map marks; only where it does" in visible(
        place
    )
    (controls,) = find(answer, className="viewer")
    assert find(controls, className="map-check")


def test_beside_the_map_of_another_class_stands_that_it_was_not_checked(visitor: Visitor) -> None:
    (viewer,) = find(look(visitor, with_lesion())["answer"], className="viewer")
    (told,) = [
        one["props"]["data"]
        for one in find(viewer, "Store")
        if one["props"]["id"]["part"] == "told"
    ]
    assert told["answer"] == "glioma"
    assert told["unchecked"] == {
        "notumor": "You see the map of notumor, which marks nothing: no part of the image speaks for "
        "notumor. Only the map of glioma was checked by hiding what it marks."
    }
    (hidden,) = find(viewer, className="map-unchecked")
    assert hidden["props"]["hidden"]


def test_a_check_of_another_size_than_the_networks_gets_one_clear_sentence(
    visitor: Visitor,
) -> None:
    assert look(visitor, png(), "occlusion")["said"].startswith("A picture of 64 x 64 pixels is")


def test_a_model_without_maps_has_nothing_to_check(visitor: Visitor) -> None:
    told = reply(visitor, png(), run=HASTY)
    assert told["square"] is None
    assert "no class-activation maps" in visible(told["answer"])
    assert not find(told["answer"], className="map-check")


def pair(
    visitor: Visitor, earlier: bytes, later: bytes, what: str = "pair", **query: Any
) -> dict[str, Any]:
    return look(visitor, earlier + later, what, earlier_bytes=len(earlier), **query)


def test_two_scans_are_answered_beside_each_other_with_the_change_in_marked_area(
    visitor: Visitor,
) -> None:
    both = pair(visitor, with_lesion(), with_lesion(30, 30))["answer"]
    said = visible(both).replace("\u00a0", " ")
    assert re.search(r"in the later one: (\d+ % (larger|smaller)|unchanged)\.", said)
    assert len(find(both, className="map")) == 4
    assert "This is not a measurement of growth" in said
    assert said.index("Earlier scan") < said.index("Later scan")


def test_of_the_very_same_picture_twice_nothing_has_changed(visitor: Visitor) -> None:
    said = visible(pair(visitor, with_lesion(), with_lesion())["answer"])
    assert "Both scans are the very same picture, so the marked area is unchanged." in said
    assert "larger" not in said
    refused = visible(pair(visitor, no_slice(), no_slice())["answer"])
    assert "A scan was refused, so no areas are compared." in refused


def test_each_of_two_scans_has_its_notices_and_the_whole_trace(
    visitor: Visitor, looking: Path
) -> None:
    square = np.asarray(Image.open(io.BytesIO(with_lesion())))[None]
    burned = dicom(square, BurnedInAnnotation="YES", PatientName="Canary^Person")
    node = pair(visitor, burned, dicom(square, Modality="OT"))["answer"]
    earlier, later = (visible(one) for one in find(node, "Article"))
    assert "text is burned into the picture" in earlier
    assert "text is burned" not in later
    assert "an MRI (modality OT)" in later
    assert "Answered with a warning" in later
    run = runs.load(looking, LOOKER)
    for trace in find(node, className="trace"):
        said = visible(trace)
        assert run.model_sha256 in said
        assert len(re.findall(r"\b[0-9a-f]{64}\b", said)) == 4
        assert re.search(r"Answered at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", said)
        assert f"Software brainmri {__version__}" in said
    assert "Canary" not in json.dumps(node)


def test_a_pair_has_a_report_of_both(visitor: Visitor) -> None:
    both = with_lesion(), without_lesion()
    model = pair(visitor, *both)["model_sha256"]
    page = pair(visitor, *both, what="pair-report", model=model)["report"]
    assert page.count(model) == 1
    assert page.index("Earlier scan") < page.index("Later scan")
    assert page.count("Does hiding the marked region change the answer?") == 2
    assert "This is not a measurement of growth" in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)
    other = pair(visitor, *both, what="pair-report", model="another")
    assert other["said"].startswith("The model of this run has changed since this answer")


def test_two_scans_wait_for_a_reading_of_both(visitor: Visitor) -> None:
    told = pair(visitor, with_lesion(), without_lesion(), what="pair-pictures")
    assert "%" not in words(told["answer"])
    assert "kept" not in told
    places = [one["props"]["data-place"] for one in find(told["answer"], "Button")]
    assert places == ["earlier"] * 4 + ["later"] * 4
    assert told["about"]["earlier"]["pixels"] != told["about"]["later"]["pixels"]
    answered = pair(
        visitor, with_lesion(), without_lesion(),
        earlier_impression="glioma", later_impression="no tumour", later_seen="yes",
    )  # fmt: skip
    earlier, later = (visible(one) for one in find(answered["answer"], "Article"))
    assert "You committed to: glioma." in " ".join(earlier.split())
    assert "You committed to: no tumour (after the answer was seen)." in " ".join(later.split())


def test_an_image_is_told_apart_by_its_pixels_and_its_file_and_not_by_a_name(
    visitor: Visitor,
) -> None:
    about = look(visitor, with_lesion())["about"]
    assert set(about) == {"slice", "slices", "pixels", "content"}
    assert (about["slice"], about["slices"]) == (1, 1)
    assert about == look(visitor, with_lesion(), "picture")["about"]
    assert about["pixels"] != look(visitor, without_lesion())["about"]["pixels"]
    file = five_slices()
    one, other = (look(visitor, file, slice=number)["about"] for number in (1, 2))
    assert one["content"] == other["content"]
    assert one["pixels"] != other["pixels"]


@pytest.mark.parametrize(
    ("later", "why"),
    [
        (without_lesion(), "different classes (glioma, then notumor)"),
        (no_slice(), "A scan was refused, so no areas are compared."),
    ],
    ids=["no tumour", "refused"],
)
def test_areas_that_cannot_be_compared_are_not(visitor: Visitor, later: bytes, why: str) -> None:
    assert why in visible(pair(visitor, with_lesion(), later)["answer"])


def test_the_change_is_that_of_the_marked_shares_of_the_head() -> None:
    small, large = (data.answer(LOOKER, with_lesion(grey=grey)) for grey in (100, 120))
    change = data.marked_change(small, large)
    assert change.of == "glioma"
    assert change.earlier is not None
    assert 0 < change.earlier < 0.5


def test_two_scans_within_the_limit_of_one_are_compared(visitor: Visitor) -> None:
    # What stands behind a PNG is no part of it.
    large = with_lesion() + bytes(3 * data.MAX_BYTES // 4)
    assert "threshold" in str(pair(visitor, large, large)["answer"])


def test_two_scans_beyond_the_limit_are_told_what_it_is(visitor: Visitor) -> None:
    large = with_lesion() + bytes(3 * data.MAX_BYTES // 2)
    told = pair(visitor, large, large)
    assert told["code"] == "too_large"
    assert told["said"] == (
        "One of the two files is too large, or both are: each may have no more than the 64 MB that are read; "
        "save one slice or volume by itself."
    )
    alone = look(visitor, large, "answer")
    assert alone["said"].endswith(
        "MB, which is more than the 64 MB that are read; save one slice or volume by itself."
    )


def test_a_damaged_pair_gets_one_clear_sentence(visitor: Visitor) -> None:
    told = look(visitor, with_lesion(), "pair", earlier_bytes=0)
    assert told["said"] == "The earlier scan: The file is empty (0 bytes)."


@pytest.mark.parametrize("what", ["pair", "pair-pictures"])
def test_of_two_scans_it_is_said_which_one_cannot_be_read(visitor: Visitor, what: str) -> None:
    for scans, faulty in (
        ((with_lesion(), b"no image"), ["later"]),
        ((b"no image", five_slices()), ["earlier"]),
        ((b"no image", b"none either"), ["earlier", "later"]),
    ):
        told = pair(visitor, *scans, what=what)
        assert told["outcome"] == "no answer"
        alerts = find(told["answer"], "Alert")
        assert [one["props"]["title"] for one in alerts] == [
            f"No answer for the {place} scan" for place in faulty
        ]
        # Where the script writes the names of the files.
        assert [one["props"]["id"] for one in find(told["answer"], "Em")] == [
            f"refused-{place}" for place in faulty
        ]
        assert "Error code: not_an_image" in visible(told["answer"])


def slice_of(plane: Sequence[float] | None, at: int) -> bytes:
    square = np.asarray(Image.open(io.BytesIO(with_lesion(at, at))))
    tags = {} if plane is None else {"ImageOrientationPatient": list(plane)}
    return dicom(square[None], **tags)


AXIAL, CORONAL = [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1]


def test_scans_of_different_planes_are_not_compared(visitor: Visitor) -> None:
    said = visible(pair(visitor, slice_of(AXIAL, 24), slice_of(CORONAL, 30))["answer"])
    assert "different planes (axial, then coronal), so they cannot be compared." in said
    assert not re.search(r"% (larger|smaller)", said.replace("\u00a0", " "))


@pytest.mark.parametrize(("plane", "known"), [(AXIAL, True), (None, False)])
def test_whether_the_planes_are_known_is_said(
    visitor: Visitor, plane: Sequence[float] | None, known: bool
) -> None:
    said = visible(pair(visitor, slice_of(plane, 24), slice_of(plane, 30))["answer"])
    assert re.search(r"% (larger|smaller)|unchanged", said.replace("\u00a0", " "))
    assert ("Whether both are of the same plane is not known" in said) is not known
    assert "This is not a measurement of growth" in said


@pytest.mark.parametrize("upload", [with_lesion(), no_slice()], ids=["answered", "refused"])
def test_a_report_is_one_page_of_its_own_that_loads_nothing(
    visitor: Visitor, looking: Path, upload: bytes
) -> None:
    model = runs.load(looking, LOOKER).model_sha256
    page = look(visitor, upload, "report", model=model)["report"]
    assert model in page
    assert "It assists; it does not diagnose." in page
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)
    assert ("Tumour probability" in page) == (upload != no_slice())


def test_a_report_of_another_model_is_refused(visitor: Visitor) -> None:
    told = look(visitor, with_lesion(), "report", model="another")
    assert "report" not in told
    assert told["said"].startswith("The model of this run has changed since this answer")


def test_the_picture_comes_without_any_answer_before_a_reader_commits(visitor: Visitor) -> None:
    told = look(visitor, with_lesion(), "picture")
    offered = [one["props"]["data-impression"] for one in find(told["answer"], "Button")]
    assert offered == ["no tumour", "glioma", "tumour, type unsure", "cannot tell"]
    assert "%" not in words(told["answer"])
    assert "kept" not in told


def test_what_was_committed_stands_beside_the_answer(visitor: Visitor) -> None:
    told = look(visitor, with_lesion(), impression="no tumour")
    assert "You committed to: no tumour. The model: called a tumour" in " ".join(
        visible(told["answer"]).split()
    )
    forged = look(visitor, with_lesion(), impression="<b>x</b>")
    assert not find(forged["answer"], className="impression")


def test_what_a_browser_may_keep_holds_no_picture(visitor: Visitor) -> None:
    kept = look(visitor, with_lesion())["kept"]
    assert set(kept) == {
        "outcome", "model_answer", "tumour_probability", "called_tumour", "answered_at_utc", "run",
        "model_sha256",
    }  # fmt: skip
    assert len(json.dumps(kept)) < 400


@pytest.mark.parametrize("upload", [with_lesion(), without_lesion(), no_slice()])
def test_every_number_has_n_and_an_interval_or_a_reason(visitor: Visitor, upload: bytes) -> None:
    for what, body, query in (
        ("answer", upload, {"impression": "no tumour"}),
        ("picture", upload, {}),
        ("pair", upload + with_lesion(30, 30), {"earlier_bytes": len(upload)}),
        ("pair-pictures", upload + upload, {"earlier_bytes": len(upload)}),
        ("pair", five_slices() + upload, {"earlier_bytes": len(five_slices())}),
    ):
        node = look(visitor, body, what, **query)["answer"]
        assert [str(bare) for bare in bare_numbers(node, [LOOKER])] == []
    if upload != no_slice():
        told = occlusion(visitor, upload)
        for node in (told["verdict"], told["answer"]):
            assert [str(bare) for bare in bare_numbers(node, [LOOKER])] == []


def test_of_a_volume_the_slice_is_asked_for_first(visitor: Visitor) -> None:
    file = five_slices()
    told = look(visitor, file)
    assert (told["slice"], told["slices"]) == (3, 5)
    assert told["row"] == ["choose a slice", "–", "–"]
    assert "The file holds 5 slices (axial)." in visible(told["answer"])
    assert "%" not in words(told["answer"])
    pictures = {look(visitor, file, "slice", slice=number)["picture"] for number in (1, 2, 5)}
    assert len(pictures) == 3
    answered = look(visitor, file, slice=2)
    assert answered["outcome"] in ("answered", "warned", "refused")
    assert "NIfTI, slice 2 of 5, axial" in visible(answered["answer"])
    assert "Another slice" in visible(answered["answer"])


def test_a_slice_that_there_is_not_gets_one_clear_sentence(visitor: Visitor) -> None:
    told = look(visitor, five_slices(), slice=9)
    assert told["said"] == "There is no slice 9: the file holds 5 slices."


def test_of_several_volumes_slice_and_volume_are_said(visitor: Visitor) -> None:
    file = nifti(np.stack([volume()] * 4, axis=3))
    told = look(visitor, file)
    assert (told["slice"], told["slices"]) == (8, 20)
    assert told["row"][0] == "choose a slice"
    seen = visible(told["answer"])
    assert "The file holds 5 slices in each of 4 volumes" in seen
    assert "Slice 3 of 5, volume 2 of 4" in seen
    assert "slice 5 of 5, volume 4 of 4" in visible(look(visitor, file, slice=20)["answer"])


def test_a_page_of_a_tiff_is_asked_for(visitor: Visitor) -> None:
    pages = [Image.fromarray(one) for one in five_pages()]
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    told = look(visitor, buffer.getvalue())
    assert (told["slice"], told["slices"]) == (3, 5)
    assert look(visitor, buffer.getvalue(), slice=2)["outcome"] != "no answer"


def test_of_two_scans_each_volume_has_its_slice_chosen(visitor: Visitor) -> None:
    file = five_slices()
    for what in ("pair", "pair-pictures"):
        told = pair(visitor, file, with_lesion(), what=what)
        assert told["choose"] == {"earlier": {"number": 3, "slices": 5}}
        assert [one["props"]["id"] for one in find(told["answer"], "Slider")] == ["slice-earlier"]
        assert "%" not in words(told["answer"])
    two = pair(visitor, file, file, earlier_slice=2)
    assert two["choose"] == {
        "earlier": {"number": 2, "slices": 5}, "later": {"number": 3, "slices": 5},
    }  # fmt: skip
    answered = pair(visitor, file, file, earlier_slice=2, later_slice=4)
    said = visible(answered["answer"])
    assert "NIfTI, slice 2 of 5, axial" in said
    assert "NIfTI, slice 4 of 5, axial" in said
    assert "Other slices" in said


def test_what_a_dicom_header_says_of_the_scan_is_shown_and_nothing_of_the_person(
    visitor: Visitor,
) -> None:
    frames = volume(depth=1)[:, :, 0][None].astype("uint16")
    node = look(
        visitor, dicom(frames, PatientName="Canary^Person", BurnedInAnnotation="YES",
                       MagneticFieldStrength=1.5),
    )["answer"]  # fmt: skip
    said = words(node)
    assert "field strength 1.5 T" in said
    (line,) = find(node, className="scan")
    assert visible(line) == "Scan, by the file's header: Siemens Avanto, 1.5 T, sequence SE, IR."
    assert "text is burned into the picture" in said
    assert "Canary" not in json.dumps(node)


@pytest.mark.parametrize(("upload", "did"), [(with_lesion(), "Answered"), (no_slice(), "Refused")])
def test_which_model_and_version_answered_stands_outside_the_fold(
    visitor: Visitor, looking: Path, upload: bytes, did: str
) -> None:
    (who,) = find(look(visitor, upload)["answer"], className="answered-by")
    model = runs.load(looking, LOOKER).model_sha256[:8]
    assert visible(who) == f"{did} by {LOOKER}, brainmri {__version__}, model {model}"
