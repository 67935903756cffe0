"""`POST /api/predict` and its description: what is answered, what is refused, and that both are as told."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from brainmri import containers, images, intake, phantom, predictions, promotion, runs
from brainmri.asked import CALIBRATED, UNCALIBRATED
from brainmri.calibration import apply_temperature
from brainmri.cli import main
from tests.brainmri.files_to_read import BAD, Bad
from tests.brainmri.lettering import lettered
from tests.brainmri.volumes import dicom, nifti, volume
from tests.conftest import SHIPPED
from tests.dashboard.faults import change_run
from tests.dashboard.results import CAREFUL, HASTY, png, write_promoted
from tests.dashboard.visit import Visitor, reply, visible

pytestmark = pytest.mark.usefixtures("shown")


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    from dashboard import data

    description: dict[str, Any] = json.loads(data.api_description())
    return description


def send(client: FlaskClient, upload: bytes, query: str = "", **fields: str) -> TestResponse:
    """A form with the file, as a browser or curl -F sends it."""
    # Written here, since the test client puts large files into the temporary folder.
    disposition = "--limit\r\nContent-Disposition: form-data; name="
    parts = [f'{disposition}"{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()]
    head = "".join(parts) + f'{disposition}"file"; filename="scan.bin"\r\n\r\n'
    return client.post(
        f"/api/predict{query}",
        data=head.encode() + upload + b"\r\n--limit--\r\n",
        content_type="multipart/form-data; boundary=limit",
    )


def checked(told: dict[str, Any], response: TestResponse) -> dict[str, Any]:
    """The answer, after a look whether it is as the description says of this status."""
    described = told["paths"]["/api/predict"]["post"]["responses"][str(response.status_code)]
    schema = described["content"]["application/json"]["schema"]
    answer: dict[str, Any] = response.get_json()
    validator = jsonschema.Draft202012Validator(
        {**schema, "components": told["components"]},
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )
    validator.validate(answer)
    if response.status_code != 200:
        code = answer["error"]["code"]
        assert code in described["description"], "a status says which codes come with it"
    return answer


def refused(told: dict[str, Any], response: TestResponse, status: int, code: str) -> str:
    answer = checked(told, response)
    assert (response.status_code, answer["error"]["code"]) == (status, code)
    sentence: str = answer["error"]["message"]
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_the_description_is_served_and_is_an_openapi_description(client: FlaskClient) -> None:
    response = client.get("/api/openapi.json")
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    described = response.get_json()
    assert described["openapi"].startswith("3.1")
    for schema in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert (
        f"{intake.MAX_BYTES:,} bytes" in described["paths"]["/api/predict"]["post"]["description"]
    )
    assert (
        f"{containers.MOST_PIXELS:,} pixels"
        in described["paths"]["/api/predict"]["post"]["description"]
    )


def test_the_content_of_a_large_file_does_not_matter_to_the_form(
    client: FlaskClient, told: dict[str, Any]
) -> None:
    # A line may end wherever the form is cut into pieces, and be held back with the piece before.
    picture = png() + (b"\r\n" + bytes(11)) * 40_000
    assert checked(told, send(client, picture))["outcome"] == "answered"


def test_a_picture_is_answered_as_the_description_says(
    client: FlaskClient, told: dict[str, Any], shown: Path
) -> None:
    answer = checked(told, send(client, png()))
    assert answer["outcome"] == "answered"
    assert answer["file"]["kind"] == "PNG"
    assert sum(answer["finding"]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert answer["trace"]["run"] == HASTY == promotion.answering(shown, [])
    assert answer["trace"]["model_sha256"] == runs.load(shown, HASTY).model_sha256


def test_a_promoted_run_whose_predictions_are_damaged_answers_nowhere(
    client: FlaskClient, own: Path
) -> None:
    shutil.copytree(own / HASTY, own / "first")
    change_run(own / "first", name="first")
    write_promoted(own, "first", HASTY)
    assert send(client, png()).get_json()["trace"]["run"] == promotion.answering(own, []) == "first"
    (own / "first" / runs.PREDICTIONS_FILE).write_bytes(b"")
    assert send(client, png()).get_json()["trace"]["run"] == promotion.answering(own, []) == HASTY


def test_a_run_with_a_damaged_model_file_is_passed_over_and_named(
    client: FlaskClient, told: dict[str, Any], own: Path
) -> None:
    shutil.copytree(own / HASTY, own / "first")
    change_run(own / "first", name="first")
    write_promoted(own, "first", HASTY)
    (own / "first" / runs.MODEL_FILE).write_bytes(b"junk")
    answer = checked(told, send(client, png()))
    assert answer["trace"]["run"] == HASTY
    (why,) = answer["passed_over"]
    assert why.startswith("first was passed over. Its model file is damaged: ")
    assert checked(told, send(client, png(), run=HASTY))["passed_over"] == []
    refused = send(client, png(), run="first")
    assert (refused.status_code, checked(told, refused)["error"]["code"]) == (
        409,
        "run_cannot_answer",
    )
    (own / HASTY / runs.MODEL_FILE).write_bytes(b"junk")
    refused = send(client, png())
    assert refused.status_code == 409
    said = checked(told, refused)["error"]["message"]
    assert "first was passed over" in said
    assert str(own) not in said


def test_the_file_may_be_the_body_itself(client: FlaskClient, told: dict[str, Any]) -> None:
    body = client.post("/api/predict?maps=no", data=png(), content_type="image/png")
    form = send(client, png(), maps="no")
    assert checked(told, body)["finding"] == checked(told, form)["finding"]


def test_nothing_of_the_name_of_the_file_is_told(client: FlaskClient) -> None:
    form = {"file": (io.BytesIO(png()), "JANE-DOE.png")}
    assert b"JANE" not in client.post("/api/predict", data=form).data


def test_text_in_a_picture_is_noticed_by_api_and_command_line(
    client: FlaskClient,
    told: dict[str, Any],
    shown: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    upload = images.encode_png(lettered(phantom.draw("glioma", 1)))
    (notice,) = checked(told, send(client, upload))["file"]["notices"]
    assert notice["code"] == "text_seen"
    (tmp_path / "slice.png").write_bytes(upload)
    main(["predict", str(tmp_path / "slice.png"), "--models", str(shown), "--run", HASTY])
    assert "Note: There seems to be text in the picture" in capsys.readouterr().out


def test_every_slice_of_a_volume_can_be_asked_about(
    client: FlaskClient, told: dict[str, Any]
) -> None:
    for file in (nifti(volume()), dicom(np.moveaxis(volume(), 2, 0))):
        response = send(client, file)
        refused(told, response, 422, "needs_slice")
        error = response.get_json()["error"]
        assert error["proposed"] == (error["slices"] + 1) // 2
        asked = checked(told, send(client, file, slice=str(error["proposed"])))
        assert asked["file"]["slice"] == error["proposed"]
        assert asked["file"]["slices"] == error["slices"]
        by_query = checked(told, send(client, file, f"?slice={error['proposed']}"))
        assert by_query["finding"] == asked["finding"]
        refused(told, send(client, file, slice=str(error["slices"] + 1)), 422, "no_such_slice")


def test_what_a_dicom_header_says_of_the_scanner_is_told_and_nothing_of_the_patient(
    client: FlaskClient, told: dict[str, Any]
) -> None:
    response = send(client, dicom(phantom.draw("glioma", 1)[None]))
    answer = checked(told, response)
    assert answer["file"]["header"]["field_strength_t"] == 1.5
    assert answer["file"]["header"]["scanner"] == "Avanto"
    for of_a_person in (b"DOE", b"1970", b"St Nowhere"):
        assert of_a_person not in response.data


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_refused_with_its_code_and_one_sentence(
    client: FlaskClient, told: dict[str, Any], case: Bad
) -> None:
    status = {"too_large": 413, "not_an_image": 415}.get(case.code, 422)
    # Of the pages of a TIFF one can be chosen, which a folder of pictures has no way to do.
    code = "needs_slice" if case.name == "stack.tif" else case.code
    refused(told, send(client, case.data), status, code)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?run=nobody", 404, "no_such_run"),
        (f"?run={CAREFUL}", 404, "no_such_run"),  # it has no model file
        ("?run=../../etc", 404, "no_such_run"),
        ("?slice=0", 422, "no_such_slice"),
        ("?slice=-1", 400, "bad_request"),
        ("?slice=x", 400, "bad_request"),
        ("?maps=perhaps", 400, "bad_request"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    client: FlaskClient, told: dict[str, Any], query: str, status: int, code: str
) -> None:
    refused(told, send(client, png(), query), status, code)


def test_a_request_without_exactly_one_file_is_refused(
    client: FlaskClient, told: dict[str, Any]
) -> None:
    refused(
        told,
        client.post("/api/predict", data={"picture": (io.BytesIO(png()), "a")}),
        400,
        "no_file",
    )
    two: dict[str, Any] = {"file": [(io.BytesIO(png()), "a"), (io.BytesIO(png()), "b")]}
    refused(told, client.post("/api/predict", data=two), 400, "no_file")
    refused(told, client.post("/api/predict"), 422, "empty")
    for body in (
        b"",
        b"--x\r\nnonsense",
        b"--x\r\nContent-Disposition: form-data\r\n\r\n\r\n--x--",
    ):
        response = client.post(
            "/api/predict", data=body, content_type="multipart/form-data; boundary=x"
        )
        assert checked(told, response)["error"]["code"] in {"bad_request", "no_file"}


def test_too_many_bytes_are_refused_in_a_form_and_as_the_body(
    client: FlaskClient, told: dict[str, Any]
) -> None:
    much = bytes(intake.MAX_BYTES + 1)
    refused(told, send(client, much), 413, "too_large")
    refused(told, client.post("/api/predict", data=much), 413, "too_large")
    refused(told, client.post("/api/predict", data=much + bytes(200_000)), 413, "too_large")


def test_a_form_with_too_much_beside_the_file_is_told_so(
    client: FlaskClient, told: dict[str, Any]
) -> None:
    many = {f"field{number}": "x" for number in range(16)}
    large = {"slice": "1" * 2_000_000}
    for fields in (many, large):
        sentence = refused(told, send(client, png(), **fields), 400, "bad_request")
        assert "more than 16 parts, or a text field with more than 1 MB" in sentence


@pytest.mark.parametrize(
    ("path", "methods", "allowed"),
    [
        ("/api/predict", ("GET", "HEAD", "PUT", "DELETE", "PATCH", "BREW"), "POST"),
        ("/api/openapi.json", ("POST", "PUT", "BREW"), "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_refused_as_everything_else(
    client: FlaskClient,
    told: dict[str, Any],
    path: str,
    methods: tuple[str, ...],
    allowed: str,
) -> None:
    assert "405" in next(iter(told["paths"][path].values()))["responses"]
    assert "405 bad_method" in told["info"]["description"]
    for method in methods:
        response = client.open(path, method=method)
        assert response.status_code == 405, method
        assert set(allowed.split(", ")) <= set(response.headers["Allow"].split(", "))
        if method != "HEAD":
            assert response.get_json()["error"]["code"] == "bad_method", method
            assert response.get_json()["error"]["message"].endswith("see /api/openapi.json.")


def test_an_address_that_is_none_of_the_api_is_refused_as_everything_else(
    client: FlaskClient, told: dict[str, Any]
) -> None:
    assert "404 no_such_address" in told["info"]["description"]
    for path, method in (("/api/", "GET"), ("/api/nothing", "GET"), ("/api/nothing/else", "POST")):
        response = client.open(path, method=method)
        code = "no_such_address" if method == "GET" else "bad_method"
        assert response.status_code == {"GET": 404, "POST": 405}[method]
        assert response.get_json()["error"]["code"] == code
    assert client.get("/nothing").mimetype == "text/html"


def test_a_run_whose_files_are_damaged_is_refused(
    client: FlaskClient, told: dict[str, Any], own: Path
) -> None:
    (own / HASTY / runs.MODEL_FILE).write_bytes(b"no model")
    refused(told, send(client, png()), 409, "run_cannot_answer")


def test_maps_come_only_when_asked_for(
    client: FlaskClient, told: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINMRI_MODELS", str(SHIPPED))
    scan = png("meningioma", 3)  # One that the run answers; it refuses some for their looks.
    query = "?run=champion-official"
    without = checked(told, send(client, scan, query))
    assert without["finding"]["maps"] is None
    maps = checked(told, send(client, scan, query, maps="yes"))["finding"]["maps"]
    assert set(maps["by_class"]) == set(without["finding"]["probabilities"])


@pytest.mark.parametrize("label", phantom.CLASSES)
def test_api_and_command_line_give_the_same_answer(
    client: FlaskClient,
    shown: Path,
    tmp_path: Path,
    label: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "slice.png"
    file.write_bytes(png(label, 7))
    by_api = send(client, file.read_bytes(), run=HASTY).get_json()
    arguments = ["predict", str(file), "--run", HASTY, "--models", str(shown), "--json"]
    assert main(arguments) == 0
    by_command = json.loads(capsys.readouterr().out)
    by_api["trace"].pop("answered_at")
    by_command["trace"].pop("answered_at")
    assert by_api == by_command


def test_api_and_command_line_refuse_alike(
    client: FlaskClient, shown: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "volume.nii.gz"
    file.write_bytes(nifti(volume()))
    arguments = ["predict", str(file), "--run", HASTY, "--models", str(shown), "--json"]
    assert main(arguments) == 2
    assert json.loads(capsys.readouterr().out) == send(client, file.read_bytes()).get_json()


def in_text(text: str, title: str, classes: list[str]) -> list[float]:
    """Probabilities that a text says behind a title, in the order of the classes."""
    said = re.split(rf"\b{title}\b", text)[-1]
    return [float(re.search(rf"{name} ([01]\.\d+)", said)[1]) for name in classes]  # type: ignore[index]


def test_page_report_api_command_line_and_table_give_the_same_probabilities(
    visitor: Visitor,
    trained_models: Path,
    phantom_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    models = Path(shutil.copytree(trained_models, tmp_path / "models"))
    change_run(models / "cnn", temperature=1.7)
    monkeypatch.setenv("BRAINMRI_MODELS", str(models))
    table = predictions.read(models / "cnn" / runs.PREDICTIONS_FILE)
    classes = table.classes
    # The table keeps them before the temperature, people see them after it.
    calibrated = apply_temperature(table.y_prob, 1.7)
    assert np.abs(calibrated - table.y_prob).max() > 0.01
    capsys.readouterr()
    for row in (0, len(table.paths) // 2, len(table.paths) - 1):
        path = phantom_data / str(table.paths[row])
        upload = path.read_bytes()
        page = reply(visitor, upload, run="cnn")
        report = reply(visitor, upload, what="report", run="cnn", model=page["model_sha256"])
        arguments = ["predict", str(path), "--run", "cnn", "--models", str(models)]
        assert main([*arguments, "--json"]) == 0
        as_json = json.loads(capsys.readouterr().out)["finding"]
        assert main(arguments) == 0
        as_words = capsys.readouterr().out
        by_api = send(visitor.client, upload, run="cnn").get_json()["finding"]
        for key, title, expected in (
            ("probabilities", CALIBRATED, calibrated[row]),
            ("uncalibrated_probabilities", UNCALIBRATED, table.y_prob[row]),
        ):
            told = {
                "API": [by_api[key][name] for name in classes],
                "command line, JSON": [as_json[key][name] for name in classes],
                "command line, words": in_text(as_words, title, classes),
                "page": in_text(visible(page["answer"]), title, classes),
                "report": in_text(report["report"], title, classes),
            }
            for channel, given in told.items():
                np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5, err_msg=channel)
