"""`brainmri.corrections`: what people said is kept, once, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from brainmri.correction_store import Store
from brainmri.corrections import (
    BAD_IMAGE,
    CLASS,
    CONFIRM,
    CONFIRMED,
    CORRECTION,
    DISPUTE,
    DISPUTED,
    OPEN,
    UNDO,
    UNDONE,
    UNSURE,
    Record,
    new_id,
    states,
)
from brainmri.errors import InputError, OutputError
from tests.brainmri.conftest import SmallDisk

ROOT = Path(__file__).parent.parent.parent


def correction(who: str = "Ada", **changed: object) -> Record:
    return replace(
        Record(
            id=new_id(),
            kind=CORRECTION,
            who=who,
            reason="the edge is smooth and it sits on the dura",
            path="Training/glioma/a.png",
            label="glioma",
            verdict=CLASS,
            right_label="meningioma",
            run="cnn",
            answer="meningioma",
        ),
        **changed,  # type: ignore[arg-type]
    )


def of(record: Record, kind: str, who: str, reason: str = "I see it too") -> Record:
    return Record(id=new_id(), kind=kind, who=who, reason=reason, about=record.id)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'some' / 'corrections.db'}"
    address: str = request.getfixturevalue("postgres_url")
    return address


@pytest.fixture
def store(url: str) -> Store:
    return Store(url)


def test_what_was_taken_comes_back_in_order_to_everybody(store: Store, url: str) -> None:
    first, second = store.add(correction()), store.add(correction("Grace", verdict=UNSURE,
                                                                  right_label=None))  # fmt: skip
    assert Store(url).records() == [first, second]
    assert first.made <= second.made
    assert store.version() == (2, 2)


def test_the_same_record_sent_again_is_taken_once(store: Store) -> None:
    one = correction()
    assert store.add(one) == store.add(one)
    assert len(store.records()) == 1


def test_another_record_under_the_same_id_is_refused(store: Store) -> None:
    one = store.add(correction())
    with pytest.raises(InputError, match="under the same id"):
        store.add(replace(one, right_label="pituitary"))
    assert store.records() == [one]


def test_looking_makes_no_file(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'corrections.db'}")
    assert (store.records(), store.version()) == ([], (0, 0))
    assert list(tmp_path.iterdir()) == []


def test_after_writing_there_is_one_file(tmp_path: Path) -> None:
    Store(f"sqlite:///{tmp_path / 'corrections.db'}").add(correction())
    assert [file.name for file in tmp_path.iterdir()] == ["corrections.db"]


# The second reader


def test_a_correction_is_open_until_somebody_else_confirms_it(store: Store) -> None:
    made = store.add(correction("Ada"))
    assert [c.state for c in states(store.records())] == [OPEN]
    store.add(of(made, CONFIRM, "Grace"))
    assert [c.state for c in states(store.records())] == [CONFIRMED]


@pytest.mark.parametrize("name", ["Ada", "ada ", "  ADA", "A\u200bda", "Ａda"])
def test_nobody_confirms_their_own_correction(store: Store, name: str) -> None:
    made = store.add(correction("Ada"))
    with pytest.raises(InputError, match="somebody else"):
        store.add(of(made, CONFIRM, name))


def test_a_dispute_outweighs_a_confirmation_until_it_is_undone(store: Store) -> None:
    made = store.add(correction("Ada"))
    store.add(of(made, CONFIRM, "Grace"))
    dispute = store.add(of(made, DISPUTE, "Mae"))
    assert [c.state for c in states(store.records())] == [DISPUTED]
    store.add(of(dispute, UNDO, "Mae"))
    assert [c.state for c in states(store.records())] == [CONFIRMED]


def test_a_reader_reviews_a_correction_once_and_again_after_an_undo(store: Store) -> None:
    made = store.add(correction("Ada"))
    review = store.add(of(made, CONFIRM, "Grace"))
    with pytest.raises(InputError, match="reviewed this correction already"):
        store.add(of(made, DISPUTE, "Grace"))
    store.add(of(review, UNDO, "Grace"))
    store.add(of(made, DISPUTE, "Grace"))
    assert [c.state for c in states(store.records())] == [DISPUTED]


def test_an_undo_is_a_further_record_and_final(store: Store) -> None:
    made = store.add(correction("Ada"))
    undo = store.add(of(made, UNDO, "Ada", reason=""))
    (one,) = states(store.records())
    assert (one.state, len(store.records())) == (UNDONE, 2)
    with pytest.raises(InputError, match="cannot be undone"):
        store.add(of(undo, UNDO, "Ada"))
    with pytest.raises(InputError, match="undone already"):
        store.add(of(made, CONFIRM, "Grace"))


def test_only_who_said_it_can_undo_it(store: Store) -> None:
    made = store.add(correction("Ada"))
    with pytest.raises(InputError, match="Only Ada"):
        store.add(of(made, UNDO, "Grace"))


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"who": "  "}, "Say who you are"),
        ({"who": "\u200b\u200b"}, "Say who you are"),
        ({"who": "\u3164"}, "Say who you are"),
        ({"who": "Ada\ud800"}, "no text"),
        ({"reason": "smooth\0edge"}, "no text"),
        ({"path": ["a.png"]}, "no text"),
        ({"reason": ""}, "Say why"),
        ({"verdict": "maybe"}, "Choose the right class"),
        ({"right_label": None}, "Choose the right class"),
        ({"verdict": BAD_IMAGE}, "Choose the right class"),
        ({"id": "x"}, "needs an id"),
        ({"reason": "a" * 2001}, "too long"),
        ({"who": "a" * 101}, "too long"),
        ({"kind": "rumour"}, "no kind of record"),
    ],
)
def test_what_is_not_whole_is_refused(
    tmp_path: Path, changed: dict[str, object], fault: str
) -> None:
    store = Store(f"sqlite:///{tmp_path / 'corrections.db'}")
    with pytest.raises(InputError, match=fault):
        store.add(replace(correction(), **changed))  # type: ignore[arg-type]
    assert store.records() == []


def test_a_review_of_nothing_is_refused(store: Store) -> None:
    store.add(correction())
    with pytest.raises(InputError, match="does not exist"):
        store.add(of(correction(), CONFIRM, "Grace"))


@pytest.mark.parametrize(
    "address", ["nonsense", "nothing://x/y", "sqlite://", "oracle+cx_oracle://x/y"]
)
def test_an_address_that_is_none_is_refused_in_words(address: str) -> None:
    with pytest.raises(InputError, match="BRAINMRI_DATABASE"):
        Store(address)


def test_a_database_that_does_not_answer_is_told_in_words() -> None:
    pytest.importorskip("psycopg")
    store = Store("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(OutputError, match="Not saved: the database says"):
        store.add(correction())


@pytest.mark.parametrize("second", [CONFIRM, DISPUTE])
def test_two_words_of_one_reader_at_once_are_one(
    url: str, monkeypatch: pytest.MonkeyPatch, second: str
) -> None:
    made = Store(url).add(correction("Ada"))
    both, looks, said = threading.Barrier(2), Store._check_against, []

    def look_and_wait(self: Store, *asked: Any) -> None:
        looks(self, *asked)
        with suppress(
            threading.BrokenBarrierError
        ):  # The other one waits for its turn, as it should.
            both.wait(timeout=1)

    def review(kind: str) -> None:
        try:
            said.append(Store(url).add(of(made, kind, "Grace")).kind)
        except InputError as error:
            said.append(str(error))

    monkeypatch.setattr(Store, "_check_against", look_and_wait)
    threads = [threading.Thread(target=review, args=(kind,)) for kind in (CONFIRM, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("reviewed this correction already" in one for one in said) == 1
    assert len(Store(url).records()) == 2


# Nothing that was acknowledged is lost


@pytest.mark.postgres
def test_a_record_that_a_server_shows_late_changes_the_version(postgres_url: str) -> None:
    from sqlalchemy import create_engine, text

    store = Store(postgres_url)
    store.add(correction())
    engine = create_engine(postgres_url)
    copy = text(
        "INSERT INTO brainmri_corrections (id, kind, path, verdict, reason, who, made) "
        "SELECT 'one-more-record', kind, path, verdict, reason, who, made FROM brainmri_corrections"
    )
    with engine.begin() as late:
        late.execute(copy)  # It has number 2 and is not to be seen yet.
        store.add(correction())
        before = store.version()
        assert before == (2, 3)
    engine.dispose()
    assert store.version() == (3, 3) != before


def test_writers_at_the_same_time_lose_and_double_nothing(url: str) -> None:
    writers, each = 6, 20
    made = [[correction(f"writer {w}") for _ in range(each)] for w in range(writers)]
    faults: list[BaseException] = []

    def write(mine: list[Record]) -> None:
        try:
            store = Store(url)
            for record in mine:
                store.add(record)
                store.add(record)  # As a client does that got no answer.
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    kept = [record.id for record in Store(url).records()]
    assert len(kept) == writers * each
    assert set(kept) == {record.id for mine in made for record in mine}


def test_a_writer_that_is_killed_keeps_all_that_it_acknowledged(url: str) -> None:
    """`benchmarks/corrections.py` does this 300 times."""
    acknowledged: set[str] = set()
    for turn in range(4):
        with subprocess.Popen(
            [sys.executable, "-m", "benchmarks.corrections", url],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            for _ in range(3 + turn):
                acknowledged.add(process.stdout.readline().strip())
            os.kill(process.pid, signal.SIGKILL)
            acknowledged |= {line.strip() for line in process.stdout if line.endswith("\n")}
    kept = [record.id for record in Store(url).records()]
    assert len(acknowledged) >= 12
    assert acknowledged <= set(kept)
    assert len(kept) == len(set(kept))


def test_on_a_full_disk_it_is_refused_in_words_and_what_is_there_stays(
    small_disk: SmallDisk,
) -> None:
    store = Store(f"sqlite:///{small_disk.folder / 'corrections.db'}")
    before = [store.add(correction()) for _ in range(5)]
    taken: list[Record] = []

    def fill() -> None:
        for _ in range(2000):
            taken.append(store.add(correction(reason="x" * 1500)))

    with small_disk.full(), pytest.raises(OutputError, match=r"Not saved: the disk .* is full"):
        fill()
    assert store.records() == before + taken
    after = store.add(correction())
    assert store.records() == [*before, *taken, after]


def test_a_folder_that_nobody_may_write_to_is_told_in_words(unwritable: Path) -> None:
    store = Store(f"sqlite:///{unwritable / 'new' / 'corrections.db'}")
    with pytest.raises(OutputError, match="Not saved: "):
        store.add(correction())
    assert Store(f"sqlite:///{unwritable / 'new' / 'corrections.db'}").records() == []
