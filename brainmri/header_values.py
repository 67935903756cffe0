"""What of a DICOM header may be told: values of closed lists and numbers in range, never a text as it stands.

Makers, models and sequences are text that anybody can edit, and a report says that no name is on it. So each
value is looked up here word by word; what is in no list is left out, or said as "another maker".
"""

from __future__ import annotations

import re
from collections.abc import Callable

NO_MRI = frozenset({
    "AR", "ASMT", "AU", "BDUS", "BI", "BMD", "CD", "CF", "CFM", "CP", "CR", "CS", "CT", "CTPROTOCOL",
    "DD", "DF", "DG", "DM", "DMS", "DOC", "DS", "DX", "EC", "ECG", "EEG", "EM", "EMG", "EOG", "EPS", "ES",
    "FA", "FID", "FS", "GM", "HC", "HD", "IO", "IOL", "IVOCT", "IVUS", "KER", "KO", "LEN", "LP", "LS",
    "M3D", "MG", "NM", "OAM", "OCT", "OP", "OPM", "OPR", "OPT", "OPTBSV", "OPTENF", "OPV", "OSS", "PA",
    "PLAN", "PR", "PT", "PX", "RESP", "RF", "RG", "RTDOSE", "RTIMAGE", "RTINTENT", "RTPLAN", "RTRAD",
    "RTRECORD", "RTSEGANN", "RTSTRUCT", "RWV", "SM", "SMR", "SR", "SRF", "ST", "STAIN", "TEXTUREMAP",
    "TG", "US", "VA", "VF", "XA", "XAPROTOCOL", "XC",
})  # fmt: skip
"""Modalities that are surely no MRI (PS3.3, C.7.3.1.1.1, with the retired ones)."""
_MODALITIES = NO_MRI | {"MR", "OT", "SC", "SEG", "REG", "MA", "MS", "ANN", "POS"}
UNKNOWN_MODALITY = "not known"
ANOTHER_MAKER = "another maker"
_MAKERS = {
    "siemens": "Siemens", "philips": "Philips", "picker": "Picker", "marconi": "Marconi",
    "canon": "Canon", "toshiba": "Toshiba", "hitachi": "Hitachi", "fujifilm": "Fujifilm",
    "united imaging": "United Imaging", "uih": "United Imaging", "bruker": "Bruker", "esaote": "Esaote",
    "hyperfine": "Hyperfine", "shimadzu": "Shimadzu", "neusoft": "Neusoft", "mindray": "Mindray",
    "alltech": "AllTech", "xingaoyi": "XGY", "paramed": "Paramed", "synaptive": "Synaptive",
    "agilent": "Agilent", "varian": "Varian", "fonar": "Fonar", "mr solutions": "MR Solutions",
    "aspect imaging": "Aspect Imaging", "samsung": "Samsung", "elscint": "Elscint", "imris": "IMRIS",
    "viewray": "ViewRay", "elekta": "Elekta", "time medical": "Time Medical", "asg": "ASG", "gehc": "GE",
    "ge": "GE", "g.e.": "GE",
}  # fmt: skip
"""What the name of a maker begins with, and how it is told."""
_MODELS = frozenset({
    "achieva", "aera", "affinity", "airis", "allegra", "altaire", "altea", "ambition", "amira", "aperto",
    "architect", "artist", "avanto", "axis", "biograph", "biomatrix", "biospec", "brivo", "cima",
    "cima.x", "cimax", "concerto", "conquest", "discovery", "dstream", "echelon", "eclipse", "elition",
    "espree", "essenza", "evo", "evolution", "evp", "evry", "excelart", "excite", "explorer", "fit",
    "flow", "free.max", "free.star", "galan", "genesis", "gyroscan", "harmony", "hdi", "hdx", "hdxt",
    "head", "impact", "infinion", "ingenia", "ingenuity", "integrated", "intera", "lumina", "lunar",
    "magnetom", "magnus", "mmr", "mr", "multiva", "nova", "novus", "nt", "numaris", "oasis", "onix",
    "opart", "openmr", "optima", "orian", "outlook", "oval", "panorama", "pet", "pharmascan", "pioneer",
    "polaris", "power", "premier", "prisma", "prisma_fit", "prodiva", "profile", "pulsar", "quantum",
    "release", "s-scan", "sempra", "signa", "skyra", "skyra-fit", "skyra_fit", "sola", "sonata",
    "spectra", "swoop", "symphony", "symphonytim", "symphonyvision", "syngo", "terra", "terra.x", "tf",
    "tim", "titan", "trillium", "trio", "triotim", "twinspeed", "vantage", "vectra", "verio", "vida",
    "vision", "viva", "voyager", "x", "xgv", "xq", "xr", "xt", "zen",
})  # fmt: skip
"""Words that names of scanners for MRI are made of."""
_MODEL_CODE = re.compile(
    r"(mrt?|umr|upmr|mr-)?\d{2,3}([a-z]{1,2}\d?)?|mrt\d{2}[a-z]\d|[0137]\.?\d?\s?t|r\d{1,2}|\d{1,2}x?|g4|s10",
    re.IGNORECASE,
)
"""Short numbers of models, as "MR750w", "MRT50H1", "uMR780" and "1.5T"."""
_MOST_LETTERS = 24
_MOST_WORDS = 4
_SEQUENCES = frozenset({"SE", "IR", "GR", "EP", "RM", "SPIN", "GRADIENT", "BOTH"})
_VARIANTS = frozenset({"SK", "MTC", "SS", "TRSS", "SP", "MP", "OSP", "TOF", "NONE"})
_CONTRASTS = frozenset({
    "DIFFUSION", "FLOW_ENCODED", "FLUID_ATTENUATED", "PERFUSION", "PROTON_DENSITY", "STIR", "TAGGING",
    "T1", "T2", "T2_STAR", "TOF", "UNKNOWN", "MIXED",
})  # fmt: skip
_ACQUISITIONS = frozenset({"1D", "2D", "3D"})
_STEM = (
    "se|tse|fse|hse|me|gre|fl|tfl|tfi|fi|fisp|ci|ciss|de|dess|tir|ir|ep|epse|epfid|spc|spcir|spcr|spcriru|tgse|"
    "swi|qfl|fm|pcr|re|b|h|s|st|medic"
)
_SEQUENCE_NAME = re.compile(
    rf"\*?({_STEM})_?[23]d(\d{{1,3}})?[tr]?(_?\d{{1,3}}(ns|r|rr|rb|t)?|_ns|_rr)?|\*?ep_b\d{{1,4}}t?(#\d{{1,3}})?|"
    r"(t1|t2|pd|3d|2d|s)?_?(se|tse|ffe|tfe|grase|epi|seepi|feepi|fse|fspgr|spgr|gre|flair|bffe)",
    re.IGNORECASE,
)
"""Names of sequences of Siemens ("*tfl3d1_ns"), and of others by their kind ("T1TFE")."""
_RANGES = {
    "field_strength_t": (0.01, 25.0),
    "repetition_time_ms": (0.0, 60_000.0),
    "echo_time_ms": (0.0, 5_000.0),
    "inversion_time_ms": (0.0, 30_000.0),
    "slice_thickness_mm": (0.0, 500.0),
}


def number(name: str, value: float) -> float | None:
    """A number of the header, rounded; None where it cannot be what it is said to be."""
    low, high = _RANGES[name]
    return round(value, 4) if low <= value <= high else None


def words(name: str, values: list[str]) -> str | None:
    """What may be told of the values of an entry, by the names of `dicom_entries.SHOWN`; None for nothing."""
    told = [one for value in values if (one := _TOLD[name](" ".join(value.split()))) is not None]
    return ", ".join(told) or None


def _maker(value: str) -> str | None:
    if not value:
        return None
    plain = value.lower().replace("_", " ")
    for start, maker in _MAKERS.items():
        if re.match(rf"{re.escape(start)}(\b|\s|$)", plain):
            return maker
    return ANOTHER_MAKER


def _model(value: str) -> str | None:
    parts = [one for one in re.split(r"[ _]", value) if one]
    if not parts or len(parts) > _MOST_WORDS or len(value) > _MOST_LETTERS:
        return None
    known = [one.lower() in _MODELS for one in parts]
    codes = [_MODEL_CODE.fullmatch(one) is not None for one in parts]
    if not all(a or b for a, b in zip(known, codes, strict=True)):
        return None
    # A number alone could be anybody's.
    return value if any(known) or re.match("u?p?mrt?", value, re.IGNORECASE) else None


def _sequence_name(value: str) -> str | None:
    return value if _SEQUENCE_NAME.fullmatch(value) else None


def _modality(value: str) -> str | None:
    if not value:
        return None
    return value.upper() if value.upper() in _MODALITIES else UNKNOWN_MODALITY


def _one_of(known: frozenset[str]) -> Callable[[str], str | None]:
    return lambda value: value if value in known else None


_TOLD: dict[str, Callable[[str], str | None]] = {
    "modality": _modality,
    "manufacturer": _maker,
    "scanner": _model,
    "sequence": _one_of(_SEQUENCES),
    "sequence_variant": _one_of(_VARIANTS),
    "sequence_name": _sequence_name,
    "contrast": _one_of(_CONTRASTS),
    "acquisition": _one_of(_ACQUISITIONS),
}
