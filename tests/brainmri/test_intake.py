"""`brainmri.intake`: one file of any kind to one picture, or one sentence."""

from __future__ import annotations

import gzip
import io
import re
import shutil
import struct
import sys
import types
import zlib
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pydicom.data
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from brainmri import asked, containers, decoder, dicom_entries, images, intake, nifti, rendering
from brainmri.errors import ImageError
from brainmri.intake import Intake
from tests import crowds
from tests.brainmri import volumes
from tests.brainmri.files_to_read import encode, gradient, png

INSTALLED = Path(pydicom.data.__file__).parent
DICOM_FILES = sorted(
    path for path in INSTALLED.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")
)
ANSWERED = 90
"""At least so many of pydicom's files hold a picture that can be read."""


def refusal(data: bytes | Path, *, number: int | None = None) -> ImageError:
    with pytest.raises(ImageError) as caught:
        intake.read(data, number=number)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert caught.value.code.isidentifier()
    return caught.value


def words_of(file: Intake) -> list[str]:
    answer = types.SimpleNamespace(
        finding=None, reasons=("Unlike all.",), outcome="refused", trace=mock.MagicMock()
    )
    return asked.Asked(file, answer, ()).in_words()  # type: ignore[arg-type]


def read_any(data: bytes | Path) -> Intake | ImageError:
    """The middle slice where there are several."""
    try:
        return intake.read(data)
    except ImageError as error:
        return error if error.slices is None else intake.read(data, number=error.proposed)


# --- pydicom's own test set -----------------------------------------------------------------------


def test_every_file_of_pydicom_gives_a_picture_or_one_sentence() -> None:
    pictures = 0
    for path in DICOM_FILES:
        found = read_any(path)
        if isinstance(found, Intake):
            pictures += 1
            assert found.image.pixels.dtype == np.uint8, path
            assert found.image.pixels.ndim == 2, path
        else:
            assert str(found).endswith("."), path
            assert "\n" not in str(found), path
    assert pictures >= ANSWERED


@pytest.mark.parametrize(
    "name",
    ["RLE", "implicit", "expb", "bigendian", "jp2klossless", "jpeg_ls_lossless", "padded"],
)
def test_one_scan_stored_in_several_ways_is_one_picture(name: str) -> None:
    plain = intake.read(INSTALLED / "test_files" / "MR_small.dcm").image.pixels
    other = intake.read(INSTALLED / "test_files" / f"MR_small_{name}.dcm")
    np.testing.assert_array_equal(other.image.pixels, plain)
    assert other.header["scanner"] == "MRT50H1"
    assert other.header["sequence"] == "SE"


def test_what_one_decoder_cannot_do_another_does() -> None:
    # JPEG 2000 of a kind that Pillow does not read.
    found = intake.read(INSTALLED / "test_files" / "GDCMJ2K_TextGBR.dcm")
    assert found.image.stored_size_px == found.image.picture.size
    assert found.image.pixels.std() > 10


def test_lossless_jpeg_is_the_picture_that_it_was_made_from() -> None:
    folder = INSTALLED / "test_files"
    lossless = intake.read(folder / "SC_rgb_jpeg_gdcm.dcm").image.pixels
    lossy = intake.read(folder / "SC_rgb_jpeg_lossy_gdcm.dcm").image.pixels
    assert np.abs(lossless.astype(int) - lossy).mean() < 5


# --- DICOM: grey levels, by hand ------------------------------------------------------------------


def test_rescale_and_window_are_applied_as_the_standard_says() -> None:
    stored = np.array([[0, 10, 20, 30, 40]], dtype=np.uint16)[None]
    data = volumes.dicom(
        stored, RescaleSlope="2", RescaleIntercept="-10", WindowCenter="30.5", WindowWidth="41"
    )
    # Values -10 to 70; PS3.3 C.11.2.1.2.1: (x - 30) / 40 + 0.5, so 10 is black and 50 is white.
    np.testing.assert_array_equal(intake.read(data).image.pixels, [[0, 0, 128, 255, 255]])


@pytest.mark.parametrize(
    ("function", "expected"),
    [("LINEAR_EXACT", [[0, 64, 128, 191, 255]]), ("SIGMOID", [[30, 69, 128, 186, 225]])],
)
def test_other_windows_are_applied_as_the_standard_says(
    function: str, expected: list[list[int]]
) -> None:
    stored = np.array([[0, 10, 20, 30, 40]], dtype=np.uint16)[None]
    data = volumes.dicom(stored, WindowCenter="20", WindowWidth="40", VOILUTFunction=function)
    np.testing.assert_allclose(intake.read(data).image.pixels, expected, atol=1)


def test_monochrome1_is_inverted() -> None:
    pixels = gradient()
    plain = intake.read(volumes.dicom(pixels[None])).image.pixels
    np.testing.assert_array_equal(plain, pixels)
    inverted = volumes.dicom(pixels[None], PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(intake.read(inverted).image.pixels, 255 - pixels)


def test_sixteen_bits_without_a_window_are_spread_and_outliers_do_not_darken_the_rest() -> None:
    deep = np.linspace(100, 900, 400 * 400).reshape(400, 400).astype(np.int16)
    deep[0, :10] = 30_000
    pixels = intake.read(volumes.dicom(deep[None])).image.pixels
    assert int(pixels[200, 200]) == pytest.approx(127, abs=3)


def test_pixels_that_are_not_square_are_made_so() -> None:
    tall = volumes.dicom(gradient(24, 16)[None], PixelSpacing=["2", "1"])
    found = intake.read(tall)
    assert found.image.pixels.shape == (32, 24)
    assert found.image.stored_size_px == (24, 16)


def test_each_frame_is_the_one_that_was_asked_for() -> None:
    frames = np.stack([gradient(), 255 - gradient()])
    data = volumes.dicom(frames)
    error = refusal(data)
    assert (error.code, error.slices, error.proposed) == ("needs_slice", 2, 1)
    for number in (1, 2):
        found = intake.read(data, number=number)
        np.testing.assert_array_equal(found.image.pixels, frames[number - 1])
        assert (found.number, found.slices) == (number, 2)
    for number in (0, 3, -1):
        assert refusal(data, number=number).code == "no_such_slice"


@pytest.mark.parametrize("form", [b"SS", b"US"])
def test_padding_is_as_dark_as_the_darkest_real_value(form: bytes) -> None:
    head = np.linspace(100, 900, 160 * 160).reshape(160, 160).astype(np.int16)
    cut = head.copy()
    cut[:40] = head[40, 0]
    plain = intake.read(volumes.dicom(cut[None])).image.pixels
    cut[:40] = -2_000
    data = volumes.dicom(cut[None], PixelPaddingValue=-2_000)
    # Some programs write the number without its sign.
    data = data.replace(b"\x28\0\x20\x01SS", b"\x28\0\x20\x01" + form)
    np.testing.assert_array_equal(intake.read(data).image.pixels, plain)
    # In MONOCHROME1 low values are bright.
    inverted = volumes.dicom(
        cut[None], PixelPaddingValue=-2_000, PhotometricInterpretation="MONOCHROME1"
    )
    assert intake.read(inverted).image.pixels[:40].max() == 0


def test_a_range_of_padding_is_passed_over() -> None:
    stored = np.array([[1, 2, 3, 50, 100]], dtype=np.uint16)[None]
    data = volumes.dicom(stored, PixelPaddingValue=1, PixelPaddingRangeLimit=3)
    pixels = intake.read(data).image.pixels
    assert pixels[0, :4].tolist() == [0, 0, 0, 0]


# --- DICOM: people --------------------------------------------------------------------------------


def test_tags_about_a_person_are_not_kept() -> None:
    ds, _ = dicom_entries.read(volumes.dicom(gradient()[None]))
    kept = {element.keyword for element in ds}
    assert "Rows" in kept
    assert not {name for name in kept if "Patient" in name or "Institution" in name}
    assert volumes.PATIENT not in str(ds)
    assert volumes.PATIENT not in str(intake.read(volumes.dicom(gradient()[None])))


def test_the_header_says_how_the_scan_was_taken() -> None:
    header = intake.read(volumes.dicom(gradient()[None])).header
    assert header == {
        "modality": "MR",
        "manufacturer": "Siemens",
        "scanner": "Avanto",
        "field_strength_t": 1.5,
        "sequence": "SE, IR",
    }


def test_every_entry_that_is_told_has_a_word_for_people() -> None:
    told = {"SequenceVariant": "SK", "SequenceName": "se2d", "MRAcquisitionType": "2D",
            "AcquisitionContrast": "T1",
            "RepetitionTime": 500, "EchoTime": 8, "InversionTime": 90, "SliceThickness": 5}  # fmt: skip
    header = intake.read(volumes.dicom(gradient()[None], **told)).header
    assert set(header) == set(dicom_entries.SHOWN)
    words = asked.header_in_words(header)
    assert words.count(", ") >= len(header) - 1
    assert "inversion time 90 ms, slice thickness 5 mm" in words


def test_an_enhanced_file_says_how_each_frame_was_taken() -> None:
    def group(**tags: Any) -> Dataset:
        made = Dataset()
        for name, value in tags.items():
            setattr(made, name, value)
        return made

    shared = group(
        MRTimingAndRelatedParametersSequence=[group(RepetitionTime=9_000)],
        MRModifierSequence=[group(InversionTimes=[2_500])],
        PixelMeasuresSequence=[group(SliceThickness=4, PixelSpacing=[1, 1])],
        ReferencedImageSequence=[group(PatientName=volumes.PATIENT)],
    )
    frames = [
        group(
            MREchoSequence=[group(EffectiveEchoTime=echo)],
            MRImageFrameTypeSequence=[group(AcquisitionContrast="FLUID_ATTENUATED")],
            FrameContentSequence=[group(FrameComments=volumes.PATIENT)],
        )
        for echo in (90, 120)
    ]
    data = volumes.dicom(
        np.stack([gradient()] * 2),
        ScanningSequence=None,
        EchoPulseSequence="SPIN",
        PulseSequenceName="tse2d",
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=frames,
    )
    found = intake.read(data, number=2)
    assert found.header == {
        "modality": "MR",
        "manufacturer": "Siemens",
        "scanner": "Avanto",
        "field_strength_t": 1.5,
        "sequence": "SPIN",
        "sequence_name": "tse2d",
        "contrast": "FLUID_ATTENUATED",
        "repetition_time_ms": 9_000,
        "echo_time_ms": 120,
        "inversion_time_ms": 2_500,
        "slice_thickness_mm": 4,
    }
    assert volumes.PATIENT not in str(found)


FREE_TEXT = {
    "Modality": "CANARY7F3A", "Manufacturer": "Canary-7f3a Imaging", "ManufacturerModelName": "Canary 7f3a",
    "SequenceName": "canary7f3a", "PulseSequenceName": "canary7f3a", "ScanningSequence": ["CANARY", "7F3A"],
    "SequenceVariant": "CANARY7F3A", "AcquisitionContrast": "CANARY", "MRAcquisitionType": "7F3A",
    "EchoPulseSequence": "CANARY",
}  # fmt: skip


@pytest.mark.parametrize("tag", FREE_TEXT)
def test_no_text_of_a_header_is_passed_on_as_it_stands(tag: str) -> None:
    found = intake.read(volumes.dicom(gradient()[None], **{tag: FREE_TEXT[tag]}))
    assert not re.search("canary|7f3a", repr(found), re.IGNORECASE)


@pytest.mark.parametrize(
    ("maker", "model", "told"),
    [
        ("SIEMENS", "TrioTim", "Siemens TrioTim"),
        ("Siemens Healthineers", "MAGNETOM Prisma_fit", "Siemens MAGNETOM Prisma_fit"),
        ("GE MEDICAL SYSTEMS", "DISCOVERY MR750w", "GE DISCOVERY MR750w"),
        ("G.E. Medical Systems", "SIGNA HDxt", "GE SIGNA HDxt"),
        ("Philips Medical Systems", "Ingenia Elition X", "Philips Ingenia Elition X"),
        ("TOSHIBA_MEC", "MRT50H1", "Toshiba MRT50H1"),
        ("UIH", "uMR780", "United Imaging uMR780"),
        ("Hyperfine, Inc.", "Swoop", "Hyperfine Swoop"),
        ("Geraldine Smith", "Avanto for J. Smith", "another maker -"),
        ("SIEMENS", "19700101", "Siemens -"),
    ],
)
def test_makers_and_models_are_told_by_lists(maker: str, model: str, told: str) -> None:
    tags = {"Manufacturer": maker, "ManufacturerModelName": model}
    header = intake.read(volumes.dicom(gradient()[None], **tags)).header
    assert f"{header['manufacturer']} {header.get('scanner', '-')}" == told


@pytest.mark.parametrize(
    ("name", "told"),
    [("*tfl3d1_16ns", True), ("*fl3d1", True), ("se2d1", True), ("ep_b1000#3", True), ("T1TFE", True),
     ("smith2d", False), ("se2d_smith", False), ("*tir2d1_19700101", False)],
)  # fmt: skip
def test_a_sequence_is_told_by_the_shape_of_its_name(name: str, told: bool) -> None:
    header = intake.read(volumes.dicom(gradient()[None], SequenceName=name)).header
    assert header.get("sequence_name") == (name if told else None)


def test_a_number_that_cannot_be_what_it_is_said_to_be_is_not_told() -> None:
    header = intake.read(
        volumes.dicom(gradient()[None], RepetitionTime=19_700_101, MagneticFieldStrength=15_000)
    ).header
    assert "repetition_time_ms" not in header
    assert header["field_strength_t"] == 1.5


@pytest.mark.parametrize(
    ("directions", "plane"),
    [
        ([1, 0, 0, 0, 1, 0], "axial"),
        ([1, 0, 0, 0, 0, -1], "coronal"),
        ([0, 1, 0, 0, 0, -1], "sagittal"),
        ([0.98, 0.1, 0.1, -0.1, 0.97, -0.2], "axial"),
        ([0, 0, 0, 0, 0, 0], None),
        (None, None),
    ],
)
def test_the_plane_of_a_dicom_slice_is_the_nearest_one(
    directions: list[float] | None, plane: str | None
) -> None:
    tags = {} if directions is None else {"ImageOrientationPatient": directions}
    assert intake.read(volumes.dicom(gradient()[None], **tags)).plane == plane


def test_text_in_the_pixels_and_other_modalities_are_noticed() -> None:
    data = volumes.dicom(gradient()[None], BurnedInAnnotation="YES", Modality="CT")
    assert [one.code for one in intake.read(data).notices] == ["other_modality", "burned_in_text"]
    for kind in ("OT", "SC", "WHATEVER"):
        (notice,) = intake.read(volumes.dicom(gradient()[None], Modality=kind)).notices
        assert notice.code == "not_mr"
    assert intake.read(volumes.dicom(gradient()[None])).notices == ()


# --- DICOM: refusals ------------------------------------------------------------------------------


def test_a_dicom_file_without_a_picture_is_refused() -> None:
    assert refusal(INSTALLED / "test_files" / "rtplan.dcm").code == "no_pixels"


@pytest.mark.parametrize("kept", [140, 400, 600, 900])
def test_a_dicom_file_cut_off_anywhere_is_refused(kept: int) -> None:
    whole = volumes.dicom(gradient(64, 64)[None])
    assert refusal(whole[:kept]).code in {"truncated", "damaged", "no_pixels"}


def test_a_deflated_data_set_is_unpacked_and_a_bomb_is_not() -> None:
    deflated = INSTALLED / "test_files" / "image_dfl.dcm"
    assert intake.read(deflated).image.pixels.shape == (512, 512)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(300)) + packer.flush()
    told = DeflatedExplicitVRLittleEndian.encode() + b"\0"
    meta = b"\x02\0\x10\0UI" + struct.pack("<H", len(told)) + told
    assert refusal(bytes(128) + b"DICM" + meta + bomb).code == "too_large"


def test_a_file_of_millions_of_entries_is_refused() -> None:
    entry = b"\x09\0\x10\0LO\0\0"
    assert refusal(bytes(128) + b"DICM" + entry * 500_000).code == "too_complex"
    inside = b"\xfe\xff\x00\xe0\0\0\0\0" * 300_000
    sequence = b"\x00\x52\x30\x92SQ\0\0" + struct.pack("<L", len(inside)) + inside
    assert refusal(bytes(128) + b"DICM\x08\0\x60\0CS\x02\0MR" + sequence).code == "too_complex"


def test_a_dicom_file_that_claims_to_be_huge_is_refused_before_it_is_unpacked() -> None:
    assert refusal(volumes.dicom(gradient()[None], Rows=30_000, Columns=30_000)).code == "too_large"
    assert refusal(volumes.dicom(gradient()[None], NumberOfFrames=99_999)).code == "too_large"


COMPRESSED = INSTALLED / "test_files" / "MR_small_jpeg_ls_lossless.dcm"


def test_a_decoder_that_cannot_start_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder.WAITING.stop()
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    assert refusal(COMPRESSED).code == "damaged"


def test_a_decoder_that_takes_too_long_is_a_refusal_and_the_next_picture_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(decoder, "SECONDS", 1e-4)
        assert refusal(COMPRESSED).code == "too_complex"
    assert intake.read(COMPRESSED).image.pixels.shape == (64, 64)


def test_a_waiting_decoder_that_died_is_started_again() -> None:
    assert intake.read(COMPRESSED).image.pixels.shape == (64, 64)
    waiting = decoder.WAITING._process
    assert waiting is not None
    waiting.kill()
    waiting.wait()
    assert intake.read(COMPRESSED).image.pixels.shape == (64, 64)


def test_one_waiting_decoder_serves_many_pictures() -> None:
    intake.read(COMPRESSED)
    waiting = decoder.WAITING._process
    damaged = COMPRESSED.read_bytes()
    assert refusal(damaged[:-2_000] + bytes(1_000) + damaged[-1_000:]).code == "damaged"
    intake.read(COMPRESSED)
    assert decoder.WAITING._process is waiting


# --- NIfTI ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("compressed", [True, False])
def test_an_even_volume_is_cut_axially_with_the_front_up_and_the_right_side_left(
    compressed: bool,
) -> None:
    voxels = np.zeros((30, 40, 6), dtype=np.int16)
    voxels[25:, :, 4] = 100  # its right side
    voxels[:, 35:, 4] = 200  # its front
    data = volumes.nifti(voxels, compressed=compressed)
    assert refusal(data).slices == 6
    found = intake.read(data, number=5)
    assert (found.kind, found.plane, found.slices) == ("NIfTI", "axial", 6)
    pixels = found.image.pixels
    assert pixels.shape == (40, 30)
    assert (pixels[:5] == 255).all()
    assert (pixels[5:, :5] == 127).all()  # rounded from 127.5
    assert (pixels[5:, 5:] == 0).all()


def test_the_same_head_stored_in_another_order_is_the_same_picture() -> None:
    voxels = np.random.default_rng(0).integers(0, 900, (20, 24, 7)).astype(np.int16)
    plain = intake.read(volumes.nifti(voxels), number=3).image.pixels
    # Stored from the left back top: each axis runs the other way.
    affine = np.diag([-1.0, -1.0, -1.0, 1.0])
    turned = volumes.nifti(np.ascontiguousarray(voxels[::-1, ::-1, ::-1]), affine=affine)
    np.testing.assert_array_equal(intake.read(turned, number=3).image.pixels, plain)


@pytest.mark.parametrize(("axis", "plane"), [(0, "sagittal"), (1, "coronal"), (2, "axial")])
def test_a_volume_is_cut_across_its_thickest_voxels(axis: int, plane: str) -> None:
    sizes = np.ones(4)
    sizes[axis] = 5
    found = intake.read(volumes.nifti(volumes.volume(9, 40), affine=np.diag(sizes)), number=1)
    assert found.plane == plane


def test_voxels_that_are_not_square_are_made_so() -> None:
    found = intake.read(volumes.nifti(volumes.volume(5, 40), sizes_mm=(1, 1.4, 1.4)), number=1)
    assert found.image.pixels.shape == (56, 40)


@pytest.mark.parametrize("compressed", [True, False])
def test_slices_are_counted_through_all_volumes_of_a_file(compressed: bool) -> None:
    several = np.stack([volumes.volume() * (t + 1) for t in range(4)], axis=3)
    several[..., 2] = several[::-1, ..., 2]
    data = volumes.nifti(several, compressed=compressed)
    error = refusal(data)
    assert (error.code, error.slices, error.volumes) == ("needs_slice", 20, 4)
    assert "20 slices in 4 volumes" in str(error)
    assert error.proposed == 5 + 3, "the middle slice of a middle volume"
    found = intake.read(data, number=2 * 5 + 4)
    assert (found.slices, found.volumes) == (20, 4)
    assert found.place == "slice 4 of 5, volume 3 of 4"
    assert any("slice 4 of 5, volume 3 of 4" in line for line in words_of(found))
    alone = volumes.nifti(np.ascontiguousarray(several[..., 2]))
    np.testing.assert_array_equal(found.image.pixels, intake.read(alone, number=4).image.pixels)
    assert refusal(data, number=21).code == "no_such_slice"


def test_a_volume_far_into_a_file_is_not_unpacked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    several = volumes.nifti(np.stack([volumes.volume()] * 4, axis=3))
    monkeypatch.setattr(nifti, "MOST_UNPACKED_BYTES", 2 * volumes.volume().nbytes)
    assert intake.read(several, number=10).number == 10
    assert refusal(several, number=11).code == "too_large"


def test_a_gzip_file_in_several_parts_is_read_to_its_end() -> None:
    whole = volumes.nifti(volumes.volume(), compressed=False)
    parts = gzip.compress(whole[:3_000]) + gzip.compress(whole[3_000:])
    plain = intake.read(whole, number=5).image.pixels
    np.testing.assert_array_equal(intake.read(parts, number=5).image.pixels, plain)


def test_colours_and_infinite_values_are_refused() -> None:
    assert refusal(volumes.nifti(np.zeros((8, 8, 8), np.complex64))).code == "unsupported"
    nothing = np.full((8, 8, 8), np.nan, np.float32)
    assert refusal(volumes.nifti(nothing), number=1).code == "damaged"


def test_a_volume_that_was_cut_off_is_refused() -> None:
    whole = volumes.nifti(volumes.volume(), compressed=False)
    assert refusal(whole[:-500], number=1).code == "truncated"
    packed = gzip.compress(whole[:-500])
    assert refusal(packed, number=1).code == "truncated"


def test_a_volume_is_unpacked_no_further_than_its_header_says() -> None:
    whole = volumes.nifti(volumes.volume(), compressed=False)
    bomb = gzip.compress(whole + bytes(300_000_000), 1)
    assert len(bomb) < 4_000_000
    found = rendering.unpacked(bomb, len(whole))
    assert len(found) == len(whole)
    claimed = volumes.nifti(np.zeros((4, 4, 4), np.int16), compressed=False)
    huge = claimed[:42] + struct.pack("<3h", 2000, 2000, 2000) + claimed[48:]
    assert refusal(gzip.compress(huge)).code == "too_large"


# --- everything else ------------------------------------------------------------------------------


def test_one_page_of_several_is_asked_for_and_read() -> None:
    pages = [gradient(), 255 - gradient(), gradient()[::-1]]
    first, *others = [Image.fromarray(page) for page in pages]
    for compression in ("raw", "tiff_adobe_deflate"):
        data = encode(first, "TIFF", save_all=True, append_images=others, compression=compression)
        error = refusal(data)
        assert (error.code, error.slices, error.proposed) == ("needs_slice", 3, 2)
        for number, page in enumerate(pages, 1):
            found = intake.read(data, number=number)
            np.testing.assert_array_equal(found.image.pixels, page)
            assert (found.number, found.slices) == (number, 3)
        assert refusal(data, number=4).code == "no_such_slice"


def test_a_smaller_copy_in_a_tiff_is_no_page() -> None:
    preview = Image.fromarray(gradient(8, 8))
    preview.encoderinfo = {"tiffinfo": {254: 1}}
    whole = Image.fromarray(gradient())
    data = encode(whole, "TIFF", save_all=True, append_images=[preview])
    assert intake.read(data).slices == 1


def test_the_name_of_a_file_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "scan.txt"
    file.write_bytes(volumes.dicom(gradient()[None]))
    assert intake.read(file).kind == "DICOM"


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "JPEG"])
def test_pictures_are_read_as_everywhere(kind: str) -> None:
    found = intake.read(encode(Image.fromarray(gradient()), kind))
    assert (found.kind, found.slices, found.header) == (kind, 1, {})
    assert refusal(encode(Image.fromarray(gradient()), kind), number=2).code == "no_such_slice"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"%PDF-1.7 report", "not_an_image"),
        (b"PK\x03\x04\x14\0\0\0", "archive"),
        (b"PK\x03\x04\x14\0\x01\0", "encrypted"),
        (gzip.compress(b"notes", mtime=0), "archive"),
        (b"\x1f\x8b\x08\0", "archive"),
        (bytes.fromhex("308006092a864886f70d010703a080") + bytes(40), "encrypted"),
        (b"just text", "not_an_image"),
        (bytes(intake.MAX_BYTES + 1), "too_large"),
    ],
)
def test_what_is_no_image_is_refused_with_its_code(data: bytes, code: str) -> None:
    assert refusal(data).code == code


def test_volumes_in_other_formats_are_told_what_to_convert_to() -> None:
    # Version, sizes, frames, type, degrees of freedom; then, at byte 284, the voxels.
    freesurfer = struct.pack(">7l", 1, 64, 64, 5, 1, 3, 0).ljust(284, b"\0") + bytes(64 * 64 * 20)
    for data in (freesurfer, gzip.compress(freesurfer)):
        error = refusal(data)
        assert error.code == "not_an_image"
        assert "mri_convert" in str(error)
    whole = volumes.nifti(volumes.volume(), compressed=False)
    of_two = whole[:344] + b"ni1\0"
    analyze = whole[:344] + bytes(4)
    for header in (of_two, analyze):
        assert "(.img); save both as one NIfTI file" in str(refusal(header))
    assert "(.img, .raw) need their header" in str(refusal(whole[352:]))


def test_a_file_that_is_too_large_is_not_even_opened(tmp_path: Path) -> None:
    file = tmp_path / "large.png"
    with file.open("wb") as hole:
        hole.truncate(intake.MAX_BYTES + 1)
    assert refusal(file).code == "too_large"
    assert refusal(tmp_path / "gone.png").code == "unreadable"


def test_a_picture_inside_another_file_is_not_looked_for() -> None:
    assert refusal(b"text before" + png()).code == "not_an_image"
    both = png() + volumes.dicom(gradient()[None])
    assert intake.read(both).kind == "PNG"


def test_a_long_chain_of_tiff_pages_is_refused_without_counting_them() -> None:
    buffer = io.BytesIO(encode(Image.fromarray(gradient()), "TIFF"))
    data = bytearray(buffer.getvalue())
    first = struct.unpack("<L", data[4:8])[0]
    entries = struct.unpack("<H", data[first : first + 2])[0]
    link = first + 2 + 12 * entries
    data[link : link + 4] = struct.pack("<L", first)  # the next page is the first one again
    assert read_any(bytes(data)) is not None


# --- files made of very many pieces ----------------------------------------------------------------


def test_files_of_far_too_many_pieces_are_refused_before_any_decoder_opens_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(images, "decode", opened)
    for kind, make in crowds.UNOPENED.items():
        code = refusal(make(9_000_000), number=1).code
        assert code in {"too_complex", "too_large"}, kind


@pytest.mark.parametrize(("slices", "volumes"), [(10_001, 1), (20_002, 2), (100_001, 50_000)])
def test_slices_are_limited_in_each_volume_and_in_all(slices: int, volumes: int) -> None:
    with pytest.raises(ImageError, match="save the one that is meant by itself") as refused:
        rendering.chosen(1, slices, volumes)
    assert refused.value.code == "too_large"
    assert rendering.chosen(1, 20_000, 2) == 0


def test_what_to_do_about_a_large_interlaced_picture_is_said() -> None:
    interlaced = crowds.UNOPENED["PNG, interlaced"](9_000_000)
    assert str(refusal(interlaced)).endswith("save the picture again without interlacing.")


def test_the_entries_before_a_dicom_data_set_are_limited() -> None:
    entries = b"\x02\0\x01\0UI\0\0" * 2_000
    assert refusal(bytes(128) + b"DICM" + entries).code == "too_complex"


def test_a_jpeg_with_as_many_scans_and_segments_as_cameras_write_is_read() -> None:
    picture = Image.fromarray(gradient(64, 64)).convert("RGB")
    profile = bytes(3_000_000)
    found = intake.read(encode(picture, "JPEG", progressive=True, icc_profile=profile))
    assert found.image.pixels.shape == (64, 64)
    remarks = crowds._jpeg(b"\xff\xfe\0\2" * 1_000)
    assert intake.read(remarks).image.pixels.shape == (64, 64)
    assert len(containers.pages(remarks, "JPEG")) == 1


def test_pixels_of_a_png_may_come_in_pieces_of_eight_kilobytes() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1_500, 1_500), dtype=np.uint8)
    whole = png(noise)
    at = whole.index(b"IDAT") - 4
    packed = b""
    while whole[at + 4 : at + 8] == b"IDAT":
        length = int.from_bytes(whole[at : at + 4], "big")
        packed += whole[at + 8 : at + 8 + length]
        at += 12 + length
    chunks = b"".join(
        crowds._chunk(b"IDAT", packed[i : i + 1_024]) for i in range(0, len(packed), 1_024)
    )
    pieces = whole[: whole.index(b"IDAT") - 4] + chunks + crowds._chunk(b"IEND", b"")
    np.testing.assert_array_equal(intake.read(pieces).image.pixels, noise)


def test_arithmetic_coding_is_said_to_be_unread() -> None:
    whole = encode(Image.fromarray(gradient()), "JPEG")
    assert refusal(whole.replace(b"\xff\xc0", b"\xff\xc9", 1)).code == "unsupported"


def test_an_upright_photograph_stays_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode(Image.fromarray(gradient()), "PNG", exif=exif)
    assert intake.read(turned).image.pixels.shape == (24, 16)


def test_a_jpeg_with_more_bytes_than_photographs_have_is_refused_before_it_is_decoded() -> None:
    picture = encode(Image.fromarray(gradient()), "JPEG")
    most = containers.MOST_JPEG_BYTES - len(picture)
    assert intake.read(picture + bytes(most)).kind == "JPEG"
    refused = refusal(picture + bytes(most + 1))
    assert refused.code == "too_large"
    assert "at most 20 MB are read: save it with a lower quality" in str(refused)


def test_who_would_wait_long_behind_other_large_files_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake, "_TURN_SECONDS", 0.01)
    file, small = volumes.nifti(volumes.volume()), encode(Image.new("L", (64, 64)), "PNG")
    with intake._turn():
        assert refusal(file).code == intake.BUSY
        assert intake.read(small).kind == "PNG", "what is small waits for nobody"
    assert refusal(file).code == "needs_slice"
