"""From wrong labels to a model trained again, at a reduced size; in full: benchmarks/label_noise.py."""

from __future__ import annotations

from pathlib import Path

from benchmarks import label_noise


def test_planted_wrong_labels_are_found_corrected_and_trained_away(tmp_path: Path) -> None:
    """One label in ten is wrong; most of them are in the first 15 % of the queue."""
    done = label_noise.loop(
        tmp_path, train_per_class=180, test_per_class=10, size_px=48, epochs=40, model="cnn"
    )
    assert (done.planted, done.training) == (72, 720)
    assert done.found >= label_noise.WANTED * done.planted
    gain = done.judged.compared.difference("accuracy").difference
    assert gain.n == 40
    assert gain.low is not None
    assert gain.high is not None
