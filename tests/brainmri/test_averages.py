"""`brainmri.averages`: every image counts once, and the file comes back as it was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainmri import averages
from brainmri.averages import Averages, AverageStream
from brainmri.errors import InputError, OutputError
from brainmri.features import THUMBNAIL_PX
from tests.brainmri.conftest import SmallDisk

SHAPE = (THUMBNAIL_PX, THUMBNAIL_PX)


def flat(level: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.full(SHAPE, level, dtype=np.uint8)


def noisy(groups: int) -> Averages:
    rng = np.random.default_rng(0)
    return Averages(
        [("train", f"class {i}") for i in range(groups)],
        np.arange(1, groups + 1),
        rng.random((groups, *SHAPE), dtype=np.float32),
        rng.random((groups, 256), dtype=np.float32),
    )


def test_two_images_average_by_hand() -> None:
    stream = AverageStream()
    stream.add(("train", "glioma"), flat(255))
    stream.add(("train", "glioma"), flat(0))
    stream.add(("test", "glioma"), flat(51))
    result = stream.result()
    assert result.groups == [("test", "glioma"), ("train", "glioma")]
    assert result.counts.tolist() == [1, 2]
    np.testing.assert_allclose(result.means[0], 0.2, rtol=1e-6)
    np.testing.assert_allclose(result.means[1], 0.5, rtol=1e-6)
    assert result.densities[0, 51] == 1
    assert (result.densities[1, 0], result.densities[1, 255]) == (0.5, 0.5)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=70), st.integers(0, 99))
def test_a_stream_of_any_length_agrees_with_numpy(labels: list[int], seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (len(labels), *SHAPE), dtype=np.uint8)
    stream = AverageStream()
    for label, image in zip(labels, images, strict=True):
        stream.add(("train", str(label)), image)
    result = stream.result()
    assert result.counts.sum() == len(labels)
    for i, (_, name) in enumerate(result.groups):
        chosen = images[np.array(labels) == int(name)]
        assert result.counts[i] == len(chosen)
        np.testing.assert_allclose(result.means[i], chosen.mean(axis=0) / 255, atol=1e-6)
        density = np.bincount(chosen.ravel(), minlength=256) / chosen.size
        np.testing.assert_allclose(result.densities[i], density, atol=1e-7)
    np.testing.assert_allclose(result.densities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("n", [1, 31, 32, 33, 65])
@pytest.mark.parametrize("piece", [1, 32])
def test_the_last_partial_batch_counts(n: int, piece: int) -> None:
    # The reference project dropped it: 33 images became 32.
    levels = np.arange(n, dtype=np.uint8)
    images = np.broadcast_to(levels[:, None, None], (n, *SHAPE))
    stream = AverageStream()
    for start in range(0, n, piece):
        stream.add(("test", "glioma"), images[start : start + piece])
    result = stream.result()
    assert result.counts.tolist() == [n]
    np.testing.assert_allclose(result.means[0], (n - 1) / 2 / 255, atol=1e-7)
    np.testing.assert_allclose(result.densities[0, :n], 1 / n, atol=1e-7)
    assert result.densities[0, n:].sum() == 0


def test_contrast_is_the_class_minus_the_negative_class_of_the_same_split() -> None:
    stream = AverageStream()
    for split, level in (("train", 0), ("test", 51)):
        stream.add((split, "glioma"), flat(204))
        stream.add((split, "healthy"), flat(level))
    result = stream.result()
    np.testing.assert_allclose(result.contrast("train", "glioma", "healthy"), 0.8, atol=1e-6)
    np.testing.assert_allclose(result.contrast("test", "glioma", "healthy"), 0.6, atol=1e-6)
    np.testing.assert_array_equal(result.contrast("test", "healthy", "healthy"), 0)


def test_the_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = noisy(3)
    averages.write(tmp_path / "a.npz", written)
    read = averages.read(tmp_path / "a.npz")
    assert read.groups == written.groups
    for name in ("counts", "means", "densities"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Could not read .*a\.npz: No such.*DATA` again\.$"):
        averages.read(tmp_path / "a.npz")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_file_cut_off_in_the_middle_is_refused(share: float, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    averages.write(path, noisy(2))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InputError, match=r"a\.npz is damaged or cut off; run"):
        averages.read(path)


def test_a_flipped_bit_anywhere_is_refused_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    written = noisy(1)
    averages.write(path, written)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for at in [*rng.integers(0, len(whole), 60), *range(len(whole) - 400, len(whole), 7)]:
        damaged = bytearray(whole)
        damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            read = averages.read(path)
        except InputError:
            refused += 1
        else:  # a date or an attribute in the archive's directory
            np.testing.assert_array_equal(read.means, written.means)
    assert refused > 60


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with path.open("wb") as file:
        np.savez(file, splits=np.array([{"code": "harm"}], dtype=object))
    with pytest.raises(InputError, match=r"a\.npz is damaged or cut off; run"):
        averages.read(path)


def test_a_full_disk_leaves_the_old_averages(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "averages.npz"
    averages.write(path, noisy(1))
    old = path.read_bytes()
    with small_disk.full():
        before = sorted(small_disk.folder.iterdir())
        with pytest.raises(OutputError, match=r"averages\.npz"):
            averages.write(path, noisy(8))
        assert sorted(small_disk.folder.iterdir()) == before
    assert path.read_bytes() == old
