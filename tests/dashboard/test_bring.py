"""Add a run: uploads that stream to disk, tables and models that become runs, evaluations to follow."""

from __future__ import annotations

import io
import os
import pickle
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from brainmri import index, jobs, predictions, table_child
from brainmri.errors import InputError, OutputError
from brainmri.foreign_tables import Checked
from brainmri.job_queue import Queue
from dashboard import bodies, data, uploads
from tests.brainmri import foreign
from tests.dashboard import results
from tests.dashboard.every_number import bare_numbers
from tests.dashboard.results import CLASSES
from tests.dashboard.visit import Node, Visitor, as_node, find, visible, words

PATIENCE_SECONDS = 120
TABLE = (
    b"path,label,prob_glioma,prob_notumor\n"
    b"a.png,glioma,0.9,0.1\nb.png,notumor,0.25,0.75\nc.png,glioma,0.33,0.66\n"
)
EMPTY_ZIP = b"PK\x05\x06" + bytes(18)


@pytest.fixture
def own_pictures(own: Path, phantom_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The images of the data are here too."""
    monkeypatch.setenv("BRAINMRI_DATA", str(phantom_data))
    return own


def sent(client: FlaskClient, body: bytes, name: str) -> Any:
    return client.post(f"/bring/upload?name={name}", data=body)


def dropped(visitor: Visitor, body: bytes, name: str) -> tuple[str, Node]:
    """The upload, and what the page says and asks about it."""
    token = sent(visitor.client, body, name).get_json()["token"]
    shown = visitor.fire("bring-next", inputs={"bring-upload": token, "bring-fault": None})
    return token, shown["bring-next"]["children"]


def left(models: Path) -> list[str]:
    folder = models / ".state" / "uploads"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def form(node: Node) -> tuple[list[tuple[str, Any]], list[tuple[int, Any]]]:
    """What the controls of a model's form hold, as the browser would send them."""
    held = [entry["props"] for entry in find(node) if isinstance(entry["props"].get("id"), dict)]
    return (
        [(p["id"]["bring"], p["value"]) for p in held if "bring" in p["id"]],
        [(p["id"]["bring-class"], p["value"]) for p in held if "bring-class" in p["id"]],
    )


def previewed(
    visitor: Visitor,
    token: str,
    values: list[tuple[str, Any]],
    classes: list[tuple[int, Any]],
    *,
    clicks: int | None = None,
    width: int = 4,
) -> tuple[Node, Node]:
    """What the page shows of the model when its form holds this, after clicks on "Another image".

    And the choice of columns where there is a new one; `width` is how many the old one is of.
    """
    shown = visitor.fire(
        "bring-preview",
        inputs={"bring": values, "bring-class": classes, "bring-another": clicks},
        state={"bring-upload": token, "bring-width": width},
    )
    return shown["bring-preview"]["children"], shown.get("bring-columns", {}).get("children")


def started(
    visitor: Visitor, token: str, values: list[tuple[str, Any]], classes: list[tuple[int, Any]]
) -> dict[str, Any]:
    """What the page answers when the evaluation is asked for, as the run "theirs"."""
    return visitor.fire(
        "bring-queued",
        inputs={"bring-evaluate": 1},
        state={"bring": values, "bring-class": classes, "bring-upload": token,
               "bring-name": "theirs", "bring-part": "split"},
    )  # fmt: skip


def finished() -> None:
    """Wait until the last evaluation is done."""
    end = time.monotonic() + PATIENCE_SECONDS
    while data.latest_jobs()[0].state in jobs.UNFINISHED and time.monotonic() < end:
        time.sleep(0.2)
    assert data.latest_jobs()[0].state == jobs.DONE


def added(visitor: Visitor, token: str, name: str) -> Node:
    """What the page answers when the table is to be a run of that name."""
    shown = visitor.fire(
        "bring-added",
        inputs={"bring-add": 1},
        state={"bring-upload": token, "bring-name": name, "bring-negative": "notumor"},
    )
    return shown["bring-added"]["children"]


# Uploads


def test_an_upload_goes_to_disk_whole(client: FlaskClient, own: Path) -> None:
    body = TABLE * 100_000
    token = sent(client, body, "theirs.csv").get_json()["token"]
    upload = data.find_upload(token)
    assert upload is not None
    assert upload.path.read_bytes() == body
    assert left(own) == sorted([f"{token}.json", f"{token}.upload"])


@pytest.mark.usefixtures("own")
def test_a_request_may_be_larger_than_those_of_the_pages(client: FlaskClient) -> None:
    from dashboard.app import server

    body = b"x" * (int(server.config["MAX_CONTENT_LENGTH"]) + 1)
    assert sent(client, body, "theirs.csv").status_code == 200
    pages = client.post("/_dash-update-component", data=body, content_type="application/json")
    assert pages.status_code == 413


@pytest.mark.parametrize(
    ("body", "name", "sentence"),
    [
        (b"", "theirs.csv", "The file is empty"),
        (b"\x80\x04code", "theirs.onnx", "a Python pickle"),
        (pickle.dumps([*range(2000)], protocol=0), "theirs.onnx", "a Python pickle"),
        (bytes(10_000) + EMPTY_ZIP, "theirs.onnx", "an archive with other data before it"),
        (b"PK\x03\x04code", "theirs.onnx", "an archive"),
        (b"code", "theirs.pt", "torch.onnx.export"),
        (b"\x89HDF", "theirs.h5", 'format="onnx"'),
    ],
)
def test_a_refused_upload_says_why_and_leaves_nothing(
    client: FlaskClient, own: Path, body: bytes, name: str, sentence: str
) -> None:
    answer = sent(client, body, name)
    assert answer.status_code == 400
    assert sentence in answer.get_json()["fault"]
    assert left(own) == []


def test_an_upload_that_is_cut_off_leaves_nothing(own: Path) -> None:
    with pytest.raises(InputError, match="cut off"):
        data.receive(io.BytesIO(b"half"), "theirs.csv", 8)
    assert left(own) == []


def test_a_file_that_is_too_large_is_refused_before_it_is_read(own: Path) -> None:
    class Unread(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise AssertionError("it was read")

    with pytest.raises(InputError, match="at most 500 MB are taken"):
        data.receive(Unread(), "theirs.onnx", 600_000_000)
    assert left(own) == []


@pytest.mark.parametrize("length", [1_200_000_000, None])
def test_an_upload_that_is_too_large_is_refused_in_words(
    client: FlaskClient, own: Path, monkeypatch: pytest.MonkeyPatch, length: int | None
) -> None:
    """With its length announced, and sent in pieces without one."""
    environ: dict[str, Any] = {"CONTENT_LENGTH": str(length or ""), "wsgi.input_terminated": True}
    if length is None:
        monkeypatch.setattr("dashboard.data.received.MOST_UPLOAD_BYTES", 2)
        monkeypatch.setattr(data, "MOST_UPLOAD_BYTES", 2)
    answer = client.post(
        "/bring/upload?name=theirs.csv", input_stream=io.BytesIO(TABLE), environ_overrides=environ
    )
    assert answer.status_code == 400
    assert "MB are taken" in answer.get_json()["fault"]
    assert left(own) == []


def test_few_files_are_taken_at_a_time_and_the_others_are_told(
    client: FlaskClient, own: Path
) -> None:
    """Few requests are worked on at a time, and pages need some of them."""
    with ExitStack() as held:
        for _ in range(uploads._MOST_AT_A_TIME):
            uploads._few.acquire()
            held.callback(uploads._few.release)
        answer = sent(client, TABLE, "theirs.csv")
        assert answer.status_code == 429
        assert "busy with other files; try again" in answer.get_json()["fault"]
    assert left(own) == []
    assert sent(client, TABLE, "theirs.csv").status_code == 200


def test_an_upload_that_is_too_slow_is_stopped_and_told(
    client: FlaskClient, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "PATIENCE_SECONDS", -1.0)
    answer = sent(client, TABLE, "theirs.csv")
    assert answer.status_code == 408
    assert "slower than 50 kB a second and was stopped" in answer.get_json()["fault"]
    assert left(own) == []


def test_a_full_disk_is_said_and_leaves_nothing(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dashboard.data.received.os.fsync", full)
    with pytest.raises(OutputError, match="Free some space"):
        data.receive(io.BytesIO(TABLE), "theirs.csv", len(TABLE))
    assert left(own) == []


def test_what_nobody_used_within_a_day_is_removed(client: FlaskClient, own: Path) -> None:
    token = sent(client, TABLE, "theirs.csv").get_json()["token"]
    for name in left(own):
        os.utime(own / ".state" / "uploads" / name, (0, 0))
    sent(client, TABLE, "theirs.csv")
    assert data.find_upload(token) is None
    assert len(left(own)) == 2


def test_the_model_of_a_job_that_waits_is_kept_however_old_it_is(
    client: FlaskClient, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Queue, "wake", lambda _queue: None)
    folder = own / ".state" / "uploads"
    sent(client, TABLE, "theirs.csv")
    for name in ("needed.model", "forgotten.model"):
        (folder / name).write_bytes(b"a model")
        os.utime(folder / name, (0, 0))
    Queue(own / ".state").add("theirs", {"model": str(folder / "needed.model")})
    sent(client, TABLE, "theirs.csv")
    assert [name for name in left(own) if name.endswith(".model")] == ["needed.model"]


def test_a_job_that_a_reboot_interrupted_goes_on_while_any_page_is_open(
    client: FlaskClient, own: Path
) -> None:
    """Nobody has to open Add: what asks for the state of the runs is enough."""
    (own / ".state").mkdir(exist_ok=True)
    queue = Queue(own / ".state")
    with pytest.MonkeyPatch.context() as asleep:
        asleep.setattr(Queue, "wake", lambda _queue: None)
        queue.add("theirs", {"model": "/gone", "models": str(own), "images": "/gone"})
    assert queue.take() is not None  # By a worker that lives no more.
    client.get("/state")
    end = time.monotonic() + PATIENCE_SECONDS
    while queue.latest()[0].state in jobs.UNFINISHED and time.monotonic() < end:
        time.sleep(0.2)
    assert queue.latest()[0].state == jobs.FAILED
    assert "There is no folder /gone" in queue.latest()[0].told


@pytest.mark.parametrize("token", ["../../run", "0" * 32, "", "%00"])
@pytest.mark.usefixtures("own")
def test_an_unknown_upload_is_not_looked_for_elsewhere(visitor: Visitor, token: str) -> None:
    assert data.find_upload(token) is None
    assert "This upload is no longer here" in words(visitor.open(f"/bring?upload={token or 'x'}"))


# Predictions


def test_a_dropped_table_becomes_a_run_on_every_page(visitor: Visitor, own: Path) -> None:
    token, shown = dropped(visitor, TABLE, "their table.csv")
    assert "3 (3 test)" in visible(shown)
    assert "Rows that were rounded, scaled to sum to one: 1" in visible(shown)
    assert [str(bare) for bare in bare_numbers(shown, CLASSES, is_part=True)] == []
    assert find(shown, id="bring-name")[0]["props"]["value"] == "their-table"
    assert find(shown, id="bring-negative")[0]["props"]["value"] == "notumor"
    assert "The run theirs is on every page" in words(added(visitor, token, "theirs"))
    assert left(own) == []
    assert "theirs" in visible(visitor.open("/"))
    assert "theirs" in words(visitor.open("/evaluate?run=theirs"))


@pytest.mark.usefixtures("own")
def test_there_is_no_report_of_a_table_and_the_answer_says_why(
    visitor: Visitor, client: FlaskClient
) -> None:
    token, _ = dropped(visitor, TABLE, "theirs.csv")
    added(visitor, token, "theirs")
    answer = client.get("/report/theirs.html")
    assert answer.status_code == 422
    assert "theirs is a table of another tool" in answer.get_data(as_text=True)
    assert "on Evaluate and Compare" in answer.get_data(as_text=True)
    assert find(visitor.open("/evaluate?run=theirs"), "A", href="/report/theirs.html") == []


def test_a_table_that_is_wrong_is_refused_by_row_and_column_and_forgotten(
    visitor: Visitor, own: Path
) -> None:
    _, shown = dropped(visitor, TABLE.replace(b"0.25", b"often"), "theirs.csv")
    assert 'Row 2, column "prob_glioma" is "often"' in visible(shown)
    assert left(own) == []


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("name", ["theirs.tab", "theirs", "theirs.onnx"])
def test_a_table_is_known_by_its_contents(visitor: Visitor, name: str) -> None:
    _, shown = dropped(visitor, TABLE.replace(b",", b"\t"), name)
    said = "is not an ONNX model" if name.endswith(".onnx") else "3 (3 test)"
    assert said in visible(shown)


@pytest.mark.usefixtures("own")
def test_a_table_that_has_to_wait_is_not_forgotten(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.data.bring._BUSY_SECONDS", 0.01)
    with ExitStack() as held:
        while data.LONG_WORK.acquire(blocking=False):
            held.callback(data.LONG_WORK.release)
        token = data.receive(io.BytesIO(TABLE), "theirs.csv", len(TABLE)).token
        shown = visitor.fire("bring-next", inputs={"bring-upload": token, "bring-fault": None})
        assert "nothing has to be sent again" in visible(shown["bring-next"]["children"])
        assert "busy with other files" in visible(shown["bring-next"]["children"])
    assert data.find_upload(token) is not None
    again = next(
        one["output"]
        for one in visitor.client.get("/_dash-dependencies").get_json()
        if "bring-again" in str(one["inputs"])
    )
    pressed = {
        "output": again,
        "outputs": {"id": "bring-next", "property": again.rpartition(".")[2]},
        "inputs": [{"id": "bring-again", "property": "n_clicks", "value": 1}],
        "state": [{"id": "bring-upload", "property": "data", "value": token}],
        "changedPropIds": ["bring-again.n_clicks"],
    }
    answer = visitor.client.post("/_dash-update-component", json=pressed).get_json()["response"]
    assert "3 (3 test)" in visible(answer["bring-next"]["children"])


def test_a_look_that_has_to_wait_leaves_what_another_one_writes(
    client: FlaskClient, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two pages ask about one upload; the second is told to wait while the first is at it."""
    token = sent(client, TABLE, "theirs.csv").get_json()["token"]
    upload = data.find_upload(token)
    assert upload is not None
    convert = table_child.convert

    def asked_again(source: Path, to: Path, *, models: Path) -> Checked:
        with ExitStack() as held:
            while data.LONG_WORK.acquire(blocking=False):
                held.callback(data.LONG_WORK.release)
            monkeypatch.setattr("dashboard.data.bring._BUSY_SECONDS", 0.01)
            with pytest.raises(data.BusyError):
                data.check_table(upload)
        return convert(source, to, models=models)

    monkeypatch.setattr(table_child, "convert", asked_again)
    assert data.check_table(upload).rows == 3
    assert left(own) == sorted(f"{token}.{kind}" for kind in ("json", "table", "upload"))


@pytest.mark.usefixtures("own")
def test_a_taken_name_is_refused_and_the_upload_waits(visitor: Visitor) -> None:
    token, _ = dropped(visitor, TABLE, "theirs.csv")
    assert 'There is a run "careful" already' in words(added(visitor, token, "careful"))
    assert data.find_upload(token) is not None


# Models


@pytest.mark.usefixtures("own_pictures")
def test_a_dropped_model_is_evaluated_in_the_background_and_becomes_a_run(
    visitor: Visitor, own: Path
) -> None:
    body = foreign.keras().SerializeToString()
    token, shown = dropped(visitor, body, "theirs.onnx")
    assert "Input input_1: n × 32 × 32 × 3" in visible(shown)
    assert [str(bare) for bare in bare_numbers(shown, CLASSES, is_part=True)] == []
    values, classes = form(shown)
    assert [value for _, value in classes] == ["1", "2", "3", "4"]
    preview, _ = previewed(visitor, token, values, classes, clicks=1)
    assert "A test image, as the model gets it: 32 × 32 pixels" in visible(preview)
    answer = started(visitor, token, values, classes)
    assert "It is being evaluated" in words(answer["bring-queued"]["children"])
    assert answer["bring-clock"]["disabled"] is False
    finished()
    made = predictions.read(own / "theirs" / "predictions.parquet")
    assert len(made.y_true) == 20
    page = visitor.open("/bring")
    assert "20 test images were answered" in visible(page)
    assert find(page, "Link", href="/evaluate?run=theirs")
    assert [str(bare) for bare in bare_numbers(page, ["theirs", *CLASSES])] == []
    assert left(own) == []


@pytest.mark.usefixtures("own_pictures")
def test_a_queue_of_several_machines_that_does_not_answer_is_told_and_the_job_waits(
    visitor: Visitor, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_queue: Queue) -> None:
        raise InputError("The queue of the workers does not answer.")

    monkeypatch.setattr(Queue, "wake", away)
    token, shown = dropped(visitor, foreign.torch().SerializeToString(), "theirs.onnx")
    values, classes = form(shown)
    started = visitor.fire(
        "bring-queued",
        inputs={"bring-evaluate": 1},
        state={"bring": values, "bring-class": classes, "bring-upload": token,
               "bring-name": "theirs", "bring-part": "split"},
    )  # fmt: skip
    assert "It is being evaluated" in words(started["bring-queued"]["children"])
    page = visitor.open("/bring")
    assert "The queue of the workers does not answer." in words(page)
    assert "waiting" in visible(page)
    assert [str(bare) for bare in bare_numbers(page, ["theirs", *CLASSES])] == []
    assert [Path(name).suffix for name in left(own)] == [".model"]


@pytest.mark.usefixtures("own_pictures")
def test_settings_for_several_machines_that_cannot_work_keep_the_upload(
    visitor: Visitor, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, shown = dropped(visitor, foreign.torch().SerializeToString(), "theirs.onnx")
    values, classes = form(shown)
    monkeypatch.setenv("BRAINMRI_QUEUE", "redis://host:6379/0")
    monkeypatch.delenv("BRAINMRI_DATABASE", raising=False)
    started = visitor.fire(
        "bring-queued",
        inputs={"bring-evaluate": 1},
        state={"bring": values, "bring-class": classes, "bring-upload": token,
               "bring-name": "theirs", "bring-part": "split"},
    )  # fmt: skip
    assert "BRAINMRI_QUEUE needs BRAINMRI_DATABASE too" in words(
        started["bring-queued"]["children"]
    )
    assert "BRAINMRI_QUEUE needs BRAINMRI_DATABASE too" in words(visitor.open("/bring"))
    assert sorted(Path(name).suffix for name in left(own)) == [".json", ".upload"]


@pytest.mark.usefixtures("own")
def test_without_the_images_a_model_is_shown_on_a_synthetic_slice_and_not_evaluated(
    visitor: Visitor,
) -> None:
    token, shown = dropped(visitor, foreign.torch().SerializeToString(), "theirs.onnx")
    assert "A synthetic slice, as the model gets it" in visible(shown)
    values, classes = form(shown)
    answer = started(visitor, token, values, classes)
    assert "start the dashboard with --data FOLDER" in words(answer["bring-queued"]["children"])
    assert data.latest_jobs() == []


@pytest.mark.usefixtures("own")
def test_a_form_that_is_not_filled_in_says_so(visitor: Visitor) -> None:
    token, shown = dropped(visitor, foreign.torch().SerializeToString(), "theirs.onnx")
    values, classes = form(shown)
    twice = [(i, "1") for i, _ in classes]
    preview, _ = previewed(visitor, token, values, twice)
    assert "Give each class a column of its own" in words(preview)
    empty = [("width_px", "") if key == "width_px" else (key, value) for key, value in values]
    preview, _ = previewed(visitor, token, empty, classes)
    assert "width and height are whole numbers" in words(preview)


@pytest.mark.usefixtures("own_pictures")
def test_another_output_has_other_columns_to_choose_from(visitor: Visitor) -> None:
    token, shown = dropped(visitor, foreign.with_features().SerializeToString(), "theirs.onnx")
    values, classes = form(shown)
    assert dict(values)["output"] == "1"
    assert [value for _, value in classes] == ["1", "2", "3", "4"]
    features = [(key, "0" if key == "output" else value) for key, value in values]
    _, columns = previewed(visitor, token, features, classes)
    _, chosen = form(columns)
    assert [value for _, value in chosen] == [1, 2, 3, 4]
    assert "Columns without a class: 124" in visible(columns)
    assert [str(bare) for bare in bare_numbers(columns, CLASSES)] == []
    preview, columns = previewed(visitor, token, values, chosen, width=128)
    assert "It says" in visible(preview)
    assert [value for _, value in form(columns)[1]] == ["1", "2", "3", "4"]


@pytest.mark.usefixtures("own_pictures")
def test_a_model_of_tumour_and_no_tumour_is_a_run_on_every_page(visitor: Visitor) -> None:
    token, shown = dropped(visitor, foreign.sigmoid().SerializeToString(), "theirs.onnx")
    assert "So few columns tell tumour from no tumour" in visible(shown)
    values, classes = form(shown)
    preview, _ = previewed(visitor, token, values, classes, width=1)
    assert "tumour" in visible(preview)
    started(visitor, token, values, classes)
    finished()
    for page in ("/", "/evaluate?run=theirs", "/compare?a=careful&b=theirs", "/review", "/data"):
        visitor.open(page)
    assert "tumour" in visible(visitor.open("/evaluate?run=theirs"))


def test_a_file_that_is_no_model_is_refused_and_forgotten(visitor: Visitor, own: Path) -> None:
    _, shown = dropped(visitor, b"no model at all", "theirs.onnx")
    assert "is not an ONNX model, or it is cut off" in words(shown)
    assert left(own) == []


@pytest.mark.usefixtures("own")
def test_a_model_that_was_trained_here_is_not_evaluated_in_another_way(
    visitor: Visitor, own: Path
) -> None:
    model = foreign.torch().SerializeToString()
    table = results.answers(index.read(index.path(own)), {})
    results.write_run(own, "trained", table, model=model, history=results.HISTORY)
    _, shown = dropped(visitor, model, "downloaded.onnx")
    assert "downloaded.onnx is the model of the run trained" in visible(shown)
    assert left(own) == []


def test_a_fault_of_the_upload_is_shown(visitor: Visitor) -> None:
    shown = visitor.fire(
        "bring-next",
        inputs={"bring-upload": None, "bring-fault": {"sentence": "It was cut off.", "at": 1}},
        changed=["bring-fault.data"],
    )["bring-next"]["children"]
    assert "It was cut off." in words(as_node(shown))
