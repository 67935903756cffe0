"""One file and what a run says of it, as JSON and in plain words: the same for API and command line."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from brainmri import answer as answers
from brainmri import intake
from brainmri.answer import Answer, Finding, Predictor
from brainmri.errors import ImageError
from brainmri.intake import Intake
from brainmri.wording import counted
from brainmri.wording import probability as percent

ASSISTS = "This assists; it does not diagnose."
CALIBRATED = "Calibrated"
UNCALIBRATED = "Uncalibrated"
"""Titles of the probabilities after the temperature, and before it, as predictions.parquet holds them."""
_NEIGHBOURS = 3
"""Code of the notice of `intake` that makes an answer one with a warning."""
_HEADER_WORDS = {
    "modality": ("modality", ""),
    "manufacturer": ("manufacturer", ""),
    "scanner": ("scanner", ""),
    "field_strength_t": ("field strength", " T"),
    "sequence": ("sequence", ""),
    "sequence_variant": ("variant", ""),
    "sequence_name": ("sequence name", ""),
    "contrast": ("contrast", ""),
    "acquisition": ("acquisition", ""),
    "repetition_time_ms": ("repetition time", " ms"),
    "echo_time_ms": ("echo time", " ms"),
    "inversion_time_ms": ("inversion time", " ms"),
    "slice_thickness_mm": ("slice thickness", " mm"),
}


@dataclass(frozen=True)
class Asked:
    """A file and its answer.

    Attributes:
        file: what it is, and its picture.
        answer: what the run says of it.
        lacking: what the run can say of no image, and why, a sentence each.
        passed_over: runs that would have answered instead, and why they could not; none where the run
            was named.
    """

    file: Intake
    answer: Answer
    lacking: tuple[str, ...]
    passed_over: tuple[str, ...] = ()

    def to_json(self, *, maps: bool = False) -> dict[str, Any]:
        """Plain values; class-activation maps, which are long, only where they are asked for."""
        width, height = self.file.image.stored_size_px
        return {
            "file": {
                "kind": self.file.kind,
                "width_px": width,
                "height_px": height,
                "mode": self.file.image.mode,
                "slice": self.file.number,
                "slices": self.file.slices,
                "volumes": self.file.volumes,
                "plane": self.file.plane,
                "header": self.file.header,
                "notices": [asdict(notice) for notice in self.file.notices],
            },
            **self.answer.to_json(maps=maps),
            "lacking": list(self.lacking),
            "passed_over": list(self.passed_over),
            "note": ASSISTS,
        }

    def in_words(self) -> list[str]:
        """The same for people, a line each."""
        width, height = self.file.image.stored_size_px
        which = "" if self.file.slices == 1 else f", {self.file.place}"
        plane = "" if self.file.plane is None else f", {self.file.plane}"
        lines = [f"{self.file.kind}, {width:,} x {height:,} pixels{which}{plane}"]
        if self.file.header:
            lines.append(header_in_words(self.file.header))
        reasons = self.answer.reasons
        lines += [f"Note: {one.message}" for one in self.file.notices if one.message not in reasons]
        finding = self.answer.finding
        if finding is None:
            lines.append("No answer: " + " ".join(self.answer.reasons))
        else:
            word = "Warning" if self.answer.outcome == "warned" else "Note"
            lines += [f"{word}: {reason}" for reason in self.answer.reasons]
            lines += _finding_in_words(finding)
        trace = self.answer.trace
        who = "Answered" if finding is not None else "Refused"
        lines += [f"Not said: {lacking}" for lacking in self.lacking]
        lines += [f"Note: {one}" for one in self.passed_over]
        lines.append(f"{who} by the run {trace.run}, {trace.software}, {trace.answered_at}")
        for part in ("model", "preprocessing", "calibrator", "thresholds"):
            lines.append(f"  {part:14} SHA-256 {getattr(trace, f'{part}_sha256')}")
        return [*lines, ASSISTS]


def ask(predictor: Predictor, source: bytes | Path, *, number: int | None = None) -> Asked:
    """Let a run look at one file. Nothing is stored.

    Args:
        predictor: as `answer.load` gives it.
        source: the file, or its content.
        number: of the slice, from 1; needed where the file holds several.

    Raises:
        ImageError: as `intake.read`.
    """
    file = intake.read(source, number=number)
    # Exports name their kind wrongly often enough ("OT", "SC"), so that they are warned about. What a header
    # surely calls something else is refused, however much it looks like a slice: a CT of a head does.
    doubts, against = (
        tuple(notice.message for notice in file.notices if notice.code == code)
        for code in (intake.NOT_MR, intake.OTHER_MODALITY)
    )
    found = answers.answer(predictor, file.image, doubts=doubts, against=against)
    return Asked(file, found, predictor.lacking)


def refusal_to_json(code: str, message: str, error: ImageError | None = None) -> dict[str, Any]:
    """A refusal: its stable code and its sentence.

    Where a slice has to be chosen, or there is none of that number, also how many slices and volumes there
    are and which slice is proposed.
    """
    told: dict[str, Any] = {"code": code, "message": message}
    if error is not None and error.slices is not None:
        told |= {"slices": error.slices, "volumes": error.volumes, "proposed": error.proposed}
    return {"error": told}


def exactly(finding: Finding) -> list[tuple[str, str]]:
    """Both kinds of probabilities as they can be compared: title and text each."""
    calibrated, uncalibrated = (
        ", ".join(f"{name} {value:.6f}" for name, value in probabilities.items())
        for probabilities in (finding.probabilities, finding.uncalibrated_probabilities)
    )
    return [
        (CALIBRATED, f"{calibrated} (after the temperature)"),
        (UNCALIBRATED, f"{uncalibrated} (before it, as in predictions.parquet)"),
    ]


def header_in_words(header: dict[str, str | float]) -> str:
    """Scanner and sequence in one line, "scanner MRT50H1, sequence SE, echo time 240 ms"."""
    said = []
    for key, value in header.items():
        word, unit = _HEADER_WORDS[key]
        said.append(f"{word} {f'{value:g}' if isinstance(value, float) else value}{unit}")
    return ", ".join(said)


def scan_in_words(header: dict[str, str | float]) -> str:
    """Scanner, field strength and sequence alone, "Siemens Avanto, 1.5 T, sequence SE"; may be empty."""
    told = [" ".join(str(header[key]) for key in ("manufacturer", "scanner") if key in header)]
    if "field_strength_t" in header:
        told.append(f"{header['field_strength_t']:g} T")
    named = [str(header[key]) for key in ("sequence", "contrast") if key in header]
    if named:
        told.append(f"sequence {', '.join(named)}")
    return ", ".join(one for one in told if one)


def _finding_in_words(finding: Finding) -> list[str]:
    lines = [f"Most probable: {finding.answer}"]
    ordered = sorted(finding.probabilities.items(), key=lambda entry: -entry[1])
    lines += [f"  {name:14} {percent(value, 2, '%'):>7}" for name, value in ordered]
    lines += [f"{title}: {text}" for title, text in exactly(finding)]
    tumour = finding.tumour
    point = "no operating point is set"
    if tumour.operating_point is not None and tumour.called is not None:
        side = "at or above" if tumour.called else "below"
        point = f"{side} the operating point of {tumour.operating_point.threshold:.2%}"
    lines.append(f"Tumour probability: {percent(tumour.probability, 2, '%')}, {point}")
    if finding.conformal is not None:
        lines.append(f"Possible classes: {finding.conformal.words}")
        if finding.conformal.measured_words:
            lines.append(finding.conformal.measured_words)
    if finding.like_this is not None:
        lines.append(finding.like_this.words)
    if finding.similar:
        nearest = finding.similar[:_NEIGHBOURS]
        lines.append(
            f"Most similar {counted(len(nearest), 'training image', 'training images')}: "
            + ", ".join(f"{one.label} ({one.distance:.2f} away)" for one in nearest)
        )
    return lines
