"""Corrections on the pages: what people say is taken, shown to a second reader, and changes labels."""

from __future__ import annotations

import base64
import io
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, PngImagePlugin
from sqlalchemy import create_engine, text

from brainmri import accounts, corrections, images, intake, manifests, phantom, promotion
from brainmri.corrections import CONFIRM, CONFIRMED, DISPUTE, DISPUTED, OPEN, UNDONE
from dashboard import data
from dashboard.app import server
from tests.brainmri import volumes
from tests.brainmri.lettering import lettered
from tests.dashboard.every_number import bare_numbers
from tests.dashboard.reading import heading
from tests.dashboard.results import HASTY, write_promoted
from tests.dashboard.visit import Node, Visitor, find, table_rows, visible

PASSWORD = "correct horse battery"
PATH = "Testing/glioma/glioma-0000.png"
CLASSES = ["glioma", "meningioma", "notumor", "pituitary"]


def said(**changed: Any) -> dict[str, Any]:
    subject = {"path": PATH, "label": "glioma", "run": None, "answer": None}
    return {"id": "0123456789abcdef", "verdict": "class:meningioma", "reason": "on the dura",
            "who": "Ada", "keep": False, "subject": subject, **changed}  # fmt: skip


def send(
    visitor: Visitor, page: str = "review", upload: bytes | None = None, **changed: Any
) -> Node:
    """Send the form of a page; returns what it then says."""
    name = '{"correct":"' + page + '","part":"told"}'
    contents = "data:image/png;base64," + base64.b64encode(upload or b"").decode()
    answer = visitor.fire(name, inputs={"data": said(upload=contents, **changed)})
    return answer[name]["children"]


def press(
    visitor: Visitor,
    record: str,
    does: str,
    who: str,
    reason: str = "I see it too",
    at: str = "waiting",
) -> str:
    """Press a button beside a correction; returns what the page then says."""
    callback = next(
        c
        for c in visitor.client.get("/_dash-dependencies").get_json()
        if c["output"].startswith("..review-told.children...review-changed.data")
    )

    def entry(does: str, prop: str, value: Any) -> Any:
        return {"id": identity(does), "property": prop, "value": value}

    def identity(does: str) -> dict[str, str]:
        return {"review": record, "does": does, "at": at}

    body = {
        "output": callback["output"],
        "outputs": [
            {"id": "review-told", "property": "children"},
            {"id": "review-changed", "property": "data"},
        ],
        "inputs": [[entry(kind, "n_clicks", int(does == kind))] for kind in (CONFIRM, DISPUTE)],
        "state": [
            [entry("reason", "value", reason)],
            [entry("reason", "id", identity("reason"))],
            {"id": {"correct": "review", "part": "reader"}, "property": "value", "value": who},
        ],
        "changedPropIds": [f'{{"at":"{at}","does":"{does}","review":"{record}"}}.n_clicks'],
    }
    return answered(visitor, body)["review-told"]


def review(visitor: Visitor, kind: str, who: str, reason: str = "I see it too") -> str:
    """Press a button beside the one correction that waits."""
    (one,) = data.waiting()
    return press(visitor, one.record.id, kind, who, reason)


def undo(visitor: Visitor, record: str, who: str) -> str:
    """Press Undo beside a record in the list of what was said."""
    page = "review"
    button = {"said": page, "undo": record, "at": "said"}
    outputs = [(f"{page}-told", "children"), (f"{page}-changed", "data")]
    known = next(
        c["output"]
        for c in visitor.client.get("/_dash-dependencies").get_json()
        if f'"said":"{page}","undo":["ALL"]' in str(c["inputs"]).replace("'", '"')
    )
    body = {
        "output": known,
        "outputs": [
            {"id": id_, "property": part.rpartition(".")[2]}
            for (id_, _), part in zip(outputs, known.strip(".").split("..."), strict=True)
        ],
        "inputs": [[{"id": button, "property": "n_clicks", "value": 1}]],
        "state": [{"id": {"correct": page, "part": "reader"}, "property": "value", "value": who}],
        "changedPropIds": [f'{{"at":"said","said":"{page}","undo":"{record}"}}.n_clicks'],
    }
    return answered(visitor, body)[f"{page}-told"]


def answered(visitor: Visitor, body: dict[str, Any]) -> dict[str, str]:
    """What a callback says, as text by the id that it is for."""
    response = visitor.client.post("/_dash-update-component", json=body)
    assert response.status_code == 200, response.get_data(as_text=True)[-3000:]
    answer = response.get_json()["response"]
    return {key: visible(next(iter(props.values()))) for key, props in answer.items()}


def listed(visitor: Visitor, who: str = "", image: str | None = None) -> Node:
    """The list of what was said."""
    page = "review"
    reader = json.dumps({"correct": page, "part": "reader"}, separators=(",", ":"))
    answer = visitor.fire(
        f"{page}-said", inputs={"said": 1, "data": None, reader: who}, state={"image": image}
    )
    return answer[f"{page}-said"]["children"]


@pytest.mark.usefixtures("bare")
def test_without_an_index_the_page_says_what_to_run(visitor: Visitor) -> None:
    assert "python -m brainmri index DATA" in visible(visitor.open("/review"))


@pytest.mark.usefixtures("own")
def test_a_correction_is_taken_and_waits_for_a_second_reader(visitor: Visitor) -> None:
    assert "No correction waits" in visible(visitor.open("/review"))
    assert "Saved. A second reader decides" in visible(send(visitor))
    (one,) = data.waiting()
    assert (one.record.path, one.record.right_label, one.record.label) == (
        PATH, "meningioma", "glioma",
    )  # fmt: skip
    shown = visible(visitor.open("/review"))
    assert "1 correction waits" in shown
    assert "meningioma, not glioma" in shown
    assert "on the dura" in shown


@pytest.mark.usefixtures("own")
def test_predict_offers_the_classes_of_the_run_that_the_index_has() -> None:
    assert data.right_classes(["notumor", "unicorn", "glioma"]) == ["notumor", "glioma"]
    assert data.right_classes() == CLASSES


@pytest.mark.usefixtures("bare")
def test_without_an_index_predict_offers_what_the_run_knows() -> None:
    assert data.right_classes(["notumor", "unicorn"]) == ["notumor", "unicorn"]


@pytest.mark.usefixtures("own")
def test_of_an_upload_a_class_that_its_run_does_not_know_is_refused(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = data.find_run(HASTY)
    assert view is not None
    few = replace(view, classes=["notumor", "glioma"])
    monkeypatch.setattr(data, "find_run", lambda _name: few)
    shown = visible(send(visitor, **about_upload(verdict="class:pituitary")))
    assert "There is no class “pituitary”; choose one of notumor, glioma." in shown


@pytest.mark.usefixtures("own")
def test_sent_twice_it_is_taken_once(visitor: Visitor) -> None:
    send(visitor)
    send(visitor)
    assert len(data.corrections_made()) == 1


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"who": " "}, "Say who you are"),
        ({"reason": None}, "Say why"),
        ({"verdict": None}, "Choose the right class"),
        ({"subject": {"path": "../../etc/passwd", "label": "glioma"}}, "has changed meanwhile"),
        ({"subject": {"path": PATH, "label": "pituitary"}}, "has changed meanwhile"),
        ({"verdict": "class:unicorn"}, "There is no class “unicorn”; choose one of glioma, men"),
        (
            {"verdict": "class:unicorn", "subject": {"path": None, "run": HASTY}},
            "There is no class",
        ),
        ({"verdict": ["class:glioma"]}, "not what the form sends"),
        ({"subject": [PATH]}, "not said which image"),
        ({"subject": {"path": [PATH], "label": "glioma"}}, "not what the form sends"),
        ({"who": {"name": "Ada"}}, "not what the form sends"),
        ({"who": "Ada\ud800"}, "no text"),
        ({"who": "\u200b"}, "Say who you are"),
        ({"reason": 7}, "not what the form sends"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_words(
    visitor: Visitor, changed: dict[str, Any], fault: str
) -> None:
    assert fault in visible(send(visitor, **changed))
    assert data.corrections_made() == []


def test_a_database_that_is_damaged_is_told_on_the_page(visitor: Visitor, own: Path) -> None:
    send(visitor)
    (own / "corrections" / "corrections.db").write_bytes(b"no database" * 1000)
    assert "Not saved" in visible(send(visitor, id="another-id-01"))
    page = visitor.open("/review")
    assert heading(page) == "Review"
    assert "cannot be shown" in str(page)


@pytest.mark.postgres
@pytest.mark.usefixtures("own")
def test_a_correction_that_a_server_shows_late_is_on_the_page_and_in_the_manifest(
    visitor: Visitor, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(corrections.DATABASE, postgres_url)
    send(visitor)
    review(visitor, CONFIRM, "Grace")
    engine = create_engine(postgres_url)
    with engine.begin() as late:
        for key, about in (("late-correction", None), ("late-confirmation", "late-correction")):
            late.execute(
                text(
                    "INSERT INTO brainmri_corrections "
                    "(id, kind, about, path, label, verdict, right_label, reason, who, made) "
                    "SELECT :id, kind, :about, replace(path, '0000', '0001'), label, verdict, right_label, "
                    "reason, who, made FROM brainmri_corrections WHERE number = :like"
                ),
                {"id": key, "about": about, "like": 1 if about is None else 2},
            )
        last = send(visitor, id="a-third-correction")  # It has the highest number.
        assert "Saved" in visible(last)
        assert len(data.corrections_made()) == 2
    engine.dispose()
    assert len(data.corrections_made()) == 3
    made = data.make_manifest()
    assert made is not None
    assert len(made.rows) == 2


# Uploads


@pytest.fixture
def upload() -> bytes:
    """A colour PNG with a patient's name in its metadata."""
    text = PngImagePlugin.PngInfo()
    text.add_text("PatientName", "Mustermann^Max")
    file = io.BytesIO()
    Image.fromarray(phantom.draw("glioma", 1)).convert("RGB").save(file, "PNG", pnginfo=text)
    return file.getvalue()


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def about_upload(**changed: Any) -> dict[str, Any]:
    subject = {"path": None, "label": None, "run": HASTY, "answer": "notumor"}
    return {"subject": subject, "page": "predict", **changed}


def test_of_an_upload_only_the_words_are_kept(visitor: Visitor, own: Path, upload: bytes) -> None:
    before = files(own)
    assert "The picture itself is not kept" in visible(
        send(visitor, upload=upload, **about_upload())
    )
    assert files(own) - before == {"corrections/corrections.db"}
    assert data.corrections_made()[0].record.path is None


def test_with_the_tick_its_pixels_are_kept_and_nothing_else(
    visitor: Visitor, own: Path, upload: bytes
) -> None:
    before = files(own)
    shown = visible(send(visitor, upload=upload, **about_upload(keep=True)))
    assert "The picture is kept for training" in shown
    (kept,) = [name for name in files(own) - before if name.endswith(".png")]
    stored = (own / kept).read_bytes()
    assert b"Mustermann" not in stored
    picture = Image.open(io.BytesIO(stored))
    assert (picture.mode, picture.info) == ("L", {})
    served = visitor.client.get(f"/kept/{Path(kept).name}")
    assert (served.status_code, served.data) == (200, stored)
    assert served.headers["Cache-Control"] == "private, no-store"
    assert find(visitor.open("/review"), "Img", src=f"/kept/{Path(kept).name}")


def test_of_a_dicom_volume_the_slice_that_was_asked_about_is_kept(
    visitor: Visitor, own: Path
) -> None:
    drawn = phantom.draw("glioma", 1)
    frames = np.stack([drawn, drawn[::-1], drawn[:, ::-1]])
    file = volumes.dicom(frames, PatientName="Mustermann^Max")
    told = send(visitor, upload=file, **about_upload(keep=True), slice=2)
    assert "The picture is kept for training" in visible(told)
    (kept,) = (own / "corrections" / "images").iterdir()
    assert b"Mustermann" not in kept.read_bytes()
    with Image.open(kept) as picture:
        assert picture.info == {}
        assert np.array_equal(np.asarray(picture), intake.read(file, number=2).image.pixels)


@pytest.mark.usefixtures("own")
def test_a_volume_without_its_slice_is_not_kept(visitor: Visitor) -> None:
    file = volumes.dicom(np.stack([phantom.draw("glioma", 1)] * 2))
    told = send(visitor, upload=file, **about_upload(keep=True))
    assert "choose one from 1 to 2" in visible(told)
    assert data.corrections_made() == []


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"BurnedInAnnotation": "YES"}, "text is burned into the picture"),
        ({"Modality": "CT"}, "this is no MRI"),
    ],
    ids=["burned in", "no MRI"],
)
def test_a_picture_that_its_header_rules_out_is_not_kept(
    header: dict[str, str], why: str, visitor: Visitor, own: Path
) -> None:
    file = volumes.dicom(phantom.draw("glioma", 1)[None], **header)
    told = send(visitor, upload=file, **about_upload(keep=True))
    assert why in visible(told)
    assert not (own / "corrections" / "images").exists()
    assert data.corrections_made() == []


def test_a_picture_that_seems_to_hold_text_is_kept_only_once_somebody_has_looked(
    visitor: Visitor, own: Path
) -> None:
    file = images.encode_png(lettered(phantom.draw("glioma", 1)))
    told = send(visitor, upload=file, **about_upload(keep=True))
    assert "There seems to be text in the picture" in visible(told)
    assert not (own / "corrections" / "images").exists()
    assert data.corrections_made() == []
    told = send(visitor, upload=file, **about_upload(keep=True, nobody=True))
    assert "The picture is kept for training" in visible(told)


@pytest.mark.usefixtures("own")
def test_a_file_too_large_to_be_kept_is_refused_in_words(visitor: Visitor) -> None:
    told = send(visitor, **about_upload(keep=True, large=True))
    assert "A file of more than 20 MB cannot be kept" in visible(told)
    assert data.corrections_made() == []


def test_an_undo_deletes_the_kept_picture_and_keeps_the_record(
    visitor: Visitor, own: Path, upload: bytes
) -> None:
    send(visitor, upload=upload, **about_upload(keep=True))
    (one,) = data.corrections_made()
    data.say(corrections.Record("undo-it-please", corrections.UNDO, "Ada", about=one.record.id))
    assert not [name for name in files(own) if name.startswith("corrections/images")]
    assert [c.state for c in data.corrections_made()] == [UNDONE]


def test_a_picture_that_is_sent_again_after_it_was_taken_back_is_not_kept(
    visitor: Visitor, own: Path, upload: bytes
) -> None:
    send(visitor, upload=upload, **about_upload(keep=True))
    (one,) = data.corrections_made()
    data.say(corrections.Record("undo-it-please", corrections.UNDO, "Ada", about=one.record.id))
    send(visitor, upload=upload, **about_upload(keep=True))  # As a browser does that got no answer.
    assert not [name for name in files(own) if name.startswith("corrections/images")]


def test_a_form_that_is_not_whole_keeps_no_picture(
    visitor: Visitor, own: Path, upload: bytes
) -> None:
    before = files(own)
    assert "Say why" in visible(send(visitor, upload=upload, **about_upload(keep=True, reason="")))
    assert files(own) == before


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("name", ["x.png", "..%2f..%2frun.json", "0" * 64 + ".png"])
def test_only_kept_pictures_are_served(visitor: Visitor, name: str) -> None:
    assert visitor.client.get(f"/kept/{name}").status_code == 404


# The second reader


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(("kind", "state"), [(CONFIRM, CONFIRMED), (DISPUTE, DISPUTED)])
def test_the_second_reader_decides(visitor: Visitor, kind: str, state: str) -> None:
    send(visitor)
    assert "It is in the record" in review(visitor, kind, "Grace")
    assert [one.state for one in data.corrections_made()] == [state]


@pytest.mark.usefixtures("own")
def test_nobody_reviews_what_they_said_themselves(visitor: Visitor) -> None:
    send(visitor)
    assert "somebody else" in review(visitor, CONFIRM, "ada")
    assert [one.state for one in data.corrections_made()] == [OPEN]


# What was said can be taken back and disputed, also later


@pytest.mark.usefixtures("own")
def test_what_was_said_is_listed_and_undone_after_a_reload(visitor: Visitor) -> None:
    assert "Nothing was said yet" in visible(listed(visitor))
    send(visitor)
    (one,) = data.corrections_made()
    assert "Type your name above" in visible(listed(visitor))
    assert find(listed(visitor), "Button") == []
    (button,) = find(listed(visitor, "ada"), "Button")
    assert button["props"]["id"] == {"said": "review", "undo": one.record.id, "at": "said"}
    assert "Undone" in undo(visitor, one.record.id, "Ada")
    assert [c.state for c in data.corrections_made()] == [UNDONE]
    assert "Taken back." in visible(listed(visitor, "Ada"))
    assert find(listed(visitor, "Ada"), "Button") == []


@pytest.mark.usefixtures("own")
def test_a_review_is_undone_by_who_made_it_only(visitor: Visitor) -> None:
    send(visitor)
    review(visitor, CONFIRM, "Grace")
    (one,) = data.corrections_made()
    confirmation = one.reviews[0].id
    assert "Only Grace" in undo(visitor, confirmation, "Ada")
    (button,) = find(listed(visitor, "Grace"), "Button")
    assert button["props"]["id"]["undo"] == confirmation
    undo(visitor, confirmation, "Grace")
    assert [c.state for c in data.corrections_made()] == [OPEN]


@pytest.mark.usefixtures("own")
def test_a_confirmed_correction_can_be_disputed(visitor: Visitor) -> None:
    send(visitor)
    review(visitor, CONFIRM, "Grace")
    (one,) = data.corrections_made()
    (button,) = find(listed(visitor, "Mae"), "Button")
    assert button["props"]["id"] == {"review": one.record.id, "does": DISPUTE, "at": "said"}
    assert "Say why" in press(visitor, one.record.id, DISPUTE, "Mae", reason="", at="said")
    press(visitor, one.record.id, DISPUTE, "Mae", reason="no dura there", at="said")
    assert [c.state for c in data.corrections_made()] == [DISPUTED]
    shown = visible(listed(visitor, "Mae"))
    assert "Confirmed by Grace" in shown
    assert "Disputed by Mae : “ no dura there ”" in shown


@pytest.mark.usefixtures("own")
def test_a_list_that_is_cut_says_so(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.pages.review._MOST_WAITING", 1)
    send(visitor)
    cut = "the first 1 are shown"
    assert cut not in visible(visitor.open("/review"))
    send(visitor, id="another-id-0001", reason="another")
    assert f"Of these 2 {cut}" in visible(visitor.open("/review"))


@pytest.mark.usefixtures("own")
def test_of_two_that_contradict_each_other_one_is_disputed_there(visitor: Visitor) -> None:
    send(visitor)
    review(visitor, CONFIRM, "Grace")
    send(visitor, id="another-of-this-image", verdict="class:pituitary")
    review(visitor, CONFIRM, "Grace")
    page = visitor.open("/review")
    assert "contradict each other" in visible(page)
    ids = [button["props"]["id"] for button in find(page, "Button") if "Dispute" in visible(button)]
    assert [one["at"] for one in ids] == ["agreed", "agreed"]
    press(visitor, ids[0]["review"], DISPUTE, "Mae", at="agreed")
    assert "contradict each other" not in visible(visitor.open("/review"))
    made = data.make_manifest()
    assert made is not None
    assert len(made.rows) == 1


@pytest.mark.usefixtures("own")
def test_the_open_image_and_ones_own_words_come_first(visitor: Visitor) -> None:
    others = [PATH.replace("0000", f"000{i}") for i in (1, 2, 3)]
    for i, (path, who) in enumerate(zip(others, ("Ada", "Grace", "Mae"), strict=True)):
        subject = {"path": path, "label": "glioma", "run": None, "answer": None}
        send(visitor, id=f"correction-{i}", who=who, subject=subject)

    def order(**asked: Any) -> list[str]:
        shown = visible(listed(visitor, **asked))
        return sorted(others, key=shown.index)

    assert order() == others[::-1]
    assert order(who="Ada") == [others[0], others[2], others[1]]
    assert order(who="Ada", image=others[1]) == [others[1], others[0], others[2]]


# Signed in, a name is not typed


@pytest.fixture
def users(own: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Visitor]]:
    """A visitor of each role, signed in as "ada-" and the role, and a second maintainer."""
    password_hash = accounts.hashed(PASSWORD)
    names = {**{role: f"ada-{role}" for role in accounts.ROLES}, "second": "grace"}
    monkeypatch.setenv(
        accounts.USERS,
        "\n".join(
            f"{name}:{role if role in accounts.ROLES else accounts.MAINTAINER}:{password_hash}"
            for role, name in names.items()
        ),
    )
    monkeypatch.setattr(server, "secret_key", None)
    assert own.is_dir()
    visitors = {}
    for role, name in names.items():
        client = server.test_client()
        client.post("/sign-in", data={"name": name, "password": PASSWORD})
        visitors[role] = Visitor(client)
    yield visitors
    server.secret_key = None


def test_what_is_said_stands_under_the_name_that_is_signed_in(users: dict[str, Visitor]) -> None:
    send(users["clinician"], "panel", who="Somebody Else")
    (one,) = data.waiting()
    assert one.record.who == "ada-clinician"
    page = users["maintainer"].open(f"/review?image={PATH}")
    names = [box for box in find(page, "TextInput") if box["props"]["label"] == "Your name"]
    assert names
    for box in names:
        assert (box["props"]["value"], box["props"]["readOnly"]) == ("ada-maintainer", True)
        assert not box["props"].get("persistence")


def test_the_second_reader_is_another_account_whatever_name_is_sent(
    users: dict[str, Visitor],
) -> None:
    send(users["maintainer"])
    told = review(users["maintainer"], CONFIRM, "Somebody Else")
    assert "has to be somebody else" in told
    assert [one.state for one in data.corrections_made()] == [OPEN]
    review(users["second"], CONFIRM, "ada-maintainer")
    (one,) = data.corrections_made()
    assert (one.state, one.reviews[0].who) == (CONFIRMED, "grace")


def test_a_clinician_takes_back_what_they_said_and_sees_nothing_else(
    users: dict[str, Visitor],
) -> None:
    send(users["clinician"], "panel")
    send(users["maintainer"], id="another-id-01", reason="of a maintainer")
    page = users["clinician"].open("/review")
    assert "What you said of labels" in visible(page)
    shown = visible(listed(users["clinician"]))
    assert "You made 1 correction" in shown
    assert "of a maintainer" not in shown
    one, other = data.corrections_made()
    assert "Only ada-maintainer" in undo(users["clinician"], other.record.id, "ada-maintainer")
    assert "Undone" in undo(users["clinician"], one.record.id, "")
    assert [c.state for c in data.corrections_made()] == [UNDONE, OPEN]


def test_nobody_undoes_what_another_account_said(users: dict[str, Visitor]) -> None:
    send(users["clinician"], "panel")
    (one,) = data.waiting()
    client = users["second"].client
    undo = next(
        callback["output"]
        for callback in client.get("/_dash-dependencies").get_json()
        if '"correct":"panel","part":"told"' in callback["output"]
        and "undo" in str(callback["inputs"])
    )
    parts = {part: {"correct": "panel", "part": part} for part in ("told", "undo", "taken")}
    forged = {"id": one.record.id, "who": "ada-clinician"}
    body = {
        "output": undo,
        "outputs": [
            {"id": parts[part], "property": one.rpartition(".")[2]}
            for part, one in zip(("told", "taken"), undo.strip(".").split("..."), strict=True)
        ],
        "inputs": [{"id": parts["undo"], "property": "n_clicks", "value": 1}],
        "state": [{"id": parts["taken"], "property": "data", "value": forged}],
        "changedPropIds": ['{"correct":"panel","part":"undo"}.n_clicks'],
    }
    told = client.post("/_dash-update-component", json=body)
    assert "can undo it" in told.get_data(as_text=True)
    assert [one.state for one in data.corrections_made()] == [OPEN]


@pytest.mark.usefixtures("pictures")
def test_the_form_is_shown_to_those_who_may_send_it(users: dict[str, Visitor]) -> None:
    for role, visitor in users.items():
        page = visitor.open(f"/evaluate?run={HASTY}&image={PATH}")
        shown = [one for one in find(page, "Details") if "This is wrong" in visible(one)]
        assert bool(shown) == (role != "viewer")
    thanks = {role: send(users[role], "panel", id=f"{role}-of-ada") for role in accounts.ROLES[1:]}
    leads = {role: visible(find(said, "Link", href="/review")) for role, said in thanks.items()}
    assert leads == {"clinician": "See what you said", "maintainer": "Open the review queue"}


@pytest.mark.usefixtures("pictures")
def test_confirmed_corrections_change_what_is_reported_and_are_marked(
    visitor: Visitor, own: Path
) -> None:
    cell = f"/evaluate?run={HASTY}&cell=meningioma~notumor"
    assert PATH not in visible(visitor.open(cell))
    send(visitor)
    review(visitor, CONFIRM, "Grace")
    assert PATH not in visible(visitor.open(cell))  # Until it is written.
    told = visitor.fire("review-agreed", inputs={"n_clicks": 1})
    assert "Corrections 1 are written" in visible(told["review-told"]["children"])
    assert manifests.numbers(own) == [1]
    shown = visible(visitor.open(cell))
    assert PATH in shown
    assert "two readers corrected the label (it was glioma)" in shown
    panel = visible(visitor.open(f"/evaluate?run={HASTY}&image={PATH}"))
    assert "Two readers corrected the label (it was glioma)." in panel
    assert "two readers corrected 1 label (corrections 1)." in visible(visitor.open("/"))


@pytest.mark.usefixtures("own")
def test_beside_the_button_stands_why_there_is_nothing_to_write(visitor: Visitor) -> None:
    def button() -> tuple[bool, str]:
        page = visitor.open("/review")
        (pressed,) = find(page, id="review-make")
        why = find(page, id=pressed["props"].get("aria-describedby", ""))
        return pressed["props"]["disabled"], " ".join(map(visible, why))

    send(visitor)
    assert button() == (
        True,
        "Nothing to write yet: a correction is written once two people have confirmed it.",
    )
    review(visitor, CONFIRM, "Grace")
    assert button() == (False, "")


@pytest.mark.usefixtures("own")
def test_what_is_confirmed_and_not_in_the_numbers_is_told_until_it_is_written(
    visitor: Visitor,
) -> None:
    def told() -> str:
        return visible(find(visitor.open("/review"), id="review-unwritten")[0])

    send(visitor)
    assert told() == ""
    review(visitor, CONFIRM, "Grace")
    assert "1 confirmed correction is not in the numbers yet: press “Write numbered" in told()
    written = visitor.fire("review-agreed", inputs={"n_clicks": 1})
    assert not written["review-unwritten"]["children"]
    assert told() == ""
    (one,) = data.corrections_made()
    stays = "It stays in the numbers until numbered corrections are written again."
    assert stays in undo(visitor, one.record.id, "Ada")
    assert "1 correction that no longer stands is still in the numbers" in told()
    assert f"Taken back. {stays}" in visible(listed(visitor))
    subject = {"path": PATH.replace("0000", "0001"), "label": "glioma", "run": None, "answer": None}
    send(visitor, id="another-id-01", subject=subject)
    review(visitor, CONFIRM, "Grace")
    assert (
        "is not in the numbers yet, and 1 correction that no longer stands is still in them"
        in told()
    )
    page = visitor.open("/review")
    assert [str(bare) for bare in bare_numbers(page, [HASTY, "careful", *CLASSES])] == []
    data.make_manifest()
    assert told() == ""
    assert stays not in visible(listed(visitor))


@pytest.mark.usefixtures("own")
def test_who_takes_back_a_picture_that_has_to_stay_is_told_so(
    visitor: Visitor, upload: bytes
) -> None:
    for key, who in (("of-ada-0001", "Ada"), ("of-mae-0001", "Mae"), ("of-joe-0001", "Joe")):
        send(visitor, upload=upload, **about_upload(keep=True, id=key, who=who))
    stays = "Its picture stays: another correction or numbered corrections need it."
    assert stays in undo(visitor, "of-ada-0001", "Ada")  # Mae and Joe keep it.
    undo(visitor, "of-mae-0001", "Mae")
    review(visitor, CONFIRM, "Grace")
    data.make_manifest()
    assert stays in undo(visitor, "of-joe-0001", "Joe")  # Corrections 1 do.
    send(visitor, upload=images.encode_png(phantom.draw("pituitary", 2)),
         **about_upload(keep=True, id="another-0001"))  # fmt: skip
    assert stays not in undo(visitor, "another-0001", "Ada")


# The queue


@pytest.mark.usefixtures("own")
def test_what_the_runs_doubt_comes_first_and_leaves_when_it_was_looked_at(
    visitor: Visitor,
) -> None:
    count, shown, lacking = data.doubtful(0, 5)
    assert lacking == []
    assert shown[0].path == PATH  # Both runs call this glioma "notumor".
    assert (shown[0].suggestion, shown[0].against) == ("notumor", 2)
    send(visitor)
    after, rest, _ = data.doubtful(0, 5)
    assert after == count - 1
    assert PATH not in {one.path for one in rest}


def test_a_run_that_cannot_be_asked_is_told_without_where_the_server_keeps_it(
    visitor: Visitor, own: Path
) -> None:
    (own / "cut-off").mkdir()
    (own / "cut-off" / "predictions.parquet").write_bytes(b"PAR1")
    queue = visitor.fire("review-doubtful", inputs={"at": 1, "children": []})
    shown = visible(queue["review-doubtful"]["children"])
    assert "These runs could not be asked" in str(queue)
    assert "cut-off/predictions.parquet is damaged or cut off" in shown
    assert str(own) not in shown


@pytest.mark.usefixtures("own")
def test_every_number_of_the_page_has_a_reason(visitor: Visitor) -> None:
    names = [HASTY, "careful", *CLASSES]
    queue = visitor.fire("review-doubtful", inputs={"at": 1, "children": []})
    for shown in (visitor.open("/review"), visitor.open(f"/review?image={PATH}")):
        assert [str(bare) for bare in bare_numbers(shown, names)] == []
    part = queue["review-doubtful"]["children"]
    assert [str(bare) for bare in bare_numbers(part, names, is_part=True)] == []
    send(visitor)
    review(visitor, CONFIRM, "Grace")
    data.make_manifest()
    assert [str(bare) for bare in bare_numbers(visitor.open("/review"), names)] == []


@pytest.mark.usefixtures("own")
def test_one_image_comes_with_what_each_voice_says_and_an_open_form(visitor: Visitor) -> None:
    page = visitor.open(f"/review?image={PATH}")
    assert "Labelled glioma" in visible(page)
    assert HASTY in visible(page)
    (form,) = [one for one in find(page, "Details") if "This is wrong" in visible(one)]
    assert form["props"]["open"] is True
    assert "There is no such image" in str(visitor.open("/review?image=nowhere.png"))


@pytest.mark.usefixtures("own", "pictures")
def test_the_panel_of_an_image_has_the_form_below_the_answer_before_all_else(
    visitor: Visitor,
) -> None:
    page = visitor.open(f"/evaluate?run={HASTY}&image={PATH}")
    (form,) = [d for d in find(page, "Details") if "This is wrong" in visible(d)]
    assert form["props"].get("open") is not True
    (panel,) = find(page, className="panel-body")
    said = visible(panel)
    assert said.index(f"{HASTY} says") < said.index("This is wrong") < said.index("Other run")
    assert "Saved. A second reader" in visible(send(visitor, "panel"))
    (one,) = data.waiting()
    assert one.record.path == PATH


@pytest.mark.usefixtures("own")
def test_what_two_readers_left_out_is_not_said_to_be_corrected(visitor: Visitor) -> None:
    send(visitor, verdict=corrections.BAD_IMAGE)
    review(visitor, CONFIRM, "Grace")
    data.make_manifest()
    assert "two readers left 1 image out (corrections 1)." in visible(visitor.open("/"))
    subject = {"path": PATH.replace("0000", "0001"), "label": "glioma", "run": None, "answer": None}
    send(visitor, id="another-id-01", subject=subject)
    review(visitor, CONFIRM, "Grace")
    data.make_manifest()
    said = "two readers corrected 1 label and left 1 image out (corrections 2)."
    assert said in visible(visitor.open("/"))


def test_test_images_are_counted_by_every_split_that_a_run_was_made_with(
    visitor: Visitor, own: Path
) -> None:
    index = own / "dataset" / "index.parquet"
    table = pq.read_table(index)
    column = ["test" if path == PATH.replace("0000", "0001") else "train"
              for path in table["path"].to_pylist()]  # fmt: skip
    pq.write_table(table.append_column("by_scanner", pa.array(column)), index)
    file = own / HASTY / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "protocol": "by_scanner"}))
    for i in range(2):
        path = PATH.replace("0000", f"000{i}")
        subject = {"path": path, "label": "glioma", "run": None, "answer": None}
        send(visitor, id=f"correction-{i}", subject=subject)
        review(visitor, CONFIRM, "Grace")
    data.make_manifest()
    (row,) = table_rows(find(visitor.open("/review"), "Table")[-1])
    assert row == ["Corrections 1", "2", "0", "2 of official, 1 of by_scanner"]


def test_the_promoted_run_is_shown_first(own: Path) -> None:
    before = data.find_run(None)
    assert before is not None
    other = next(name for name in ("careful", HASTY) if name != before.name)
    write_promoted(own, other, before.name)
    after = data.find_run(None)
    assert after is not None
    assert after.name == other
    (own / promotion.FILE).write_text("{")
    shown, broken = data.list_runs()
    assert data.best_run(shown) is before
    assert [one.name for one in broken] == [promotion.FILE]


def test_who_made_which_run_the_first_one_is_shown(visitor: Visitor, own: Path) -> None:
    assert "Who made which run" not in visible(visitor.open("/review"))
    write_promoted(own, "careful", HASTY)
    promotion.roll_back(own, who="grace")
    page = visitor.open("/review")
    back, done = table_rows(find(page, "Table")[-1])
    assert done[:3] == ["careful", f"promoted in place of {HASTY}", "ada"]
    assert back[:3] == ["careful", "taken back", "grace"]
    assert [str(bare) for bare in bare_numbers(page, [HASTY, "careful", *CLASSES])] == []
    (own / promotion.FILE).write_text("{")
    assert "Who made which run" not in visible(visitor.open("/review"))


def test_records_are_in_one_plain_table(visitor: Visitor, own: Path) -> None:
    send(visitor)
    with sqlite3.connect(own / "corrections" / "corrections.db") as database:
        rows = database.execute(
            "SELECT kind, who, right_label FROM brainmri_corrections"
        ).fetchall()
    database.close()
    assert rows == [("correction", "Ada", "meningioma")]
