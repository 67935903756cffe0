"""What the terms of the pages mean, once for all of them, in words for somebody who is no statistician."""

from __future__ import annotations

import re

MEANINGS: dict[str, str] = {
    "95 % interval": "The range in which the true figure lies, as far as so many images can tell. Were the "
    "test repeated on other images like these, such ranges would hold the truth nineteen times in twenty.",
    "accuracy": "Of all images, the share whose class the model names right. It hides which mistakes are "
    "made: read it beside missed tumours.",
    "area under ROC": "Show the model one image with and one without the property: how often it gives the "
    "first the higher probability. One half is guessing, one is perfect.",
    "average precision": "The precision, averaged over all thresholds as more and more of the images are "
    "found. One is perfect.",
    "calibration": "Whether probabilities can be taken at their word: of the answers given with a "
    "probability of ninety percent, nine in ten should be right.",
    "calibration error": "How far, on average, the model's probabilities are from the share of its answers "
    "that turn out right. Zero is perfect.",
    "confidence": "The probability that the model gives to its own answer.",
    "conformal sets": "Instead of one answer a set of classes, so large that it holds the true one with a "
    "promised probability.",
    "drift": "A difference between the images that a model was trained on and those that it is shown later.",
    "epoch": "One pass of the training over all training images.",
    "F1": "One figure for precision and recall together, their harmonic mean: high only when both are.",
    "false alarms": "Images without a tumour that the model calls a tumour.",
    "grouped split": "Images of the same patient, neighbouring slices and copies are kept together, all in "
    "training or all in test, so that nothing in the test has been seen.",
    "loss": "What training makes small: how surprised the model is by the true classes. Lower is better.",
    "McNemar": "A test on the images that only one of two models got right: how often chance alone would "
    "split them so unevenly.",
    "missed tumours": "Images with a tumour that the model calls free of one: the costliest mistake.",
    "near-copy": "A picture so like another that a hash of both differs in a few bits only; mirrored ones "
    "count. A model that saw the one in training knows the other.",
    "net benefit": "Tumours found, less the false alarms, weighed by how many of them one found tumour is "
    "worth.",
    "official test": "The test folder as the data set comes. Images of it that have a near-copy in training "
    "flatter its figures.",
    "operating point": "The tumour probability from which the answer is “tumour”, chosen on validation "
    "images.",
    "precision": "Of the images that the model puts in a class, the share that belongs there.",
    "recall": "Of the images of a class, the share that the model finds.",
    "ROC": "A curve over all thresholds: how many of the wanted images are found (upwards) at how many false "
    "alarms (to the right). The nearer to the upper left corner, the better.",
    "seen in training": "With a near-copy among the images that shaped the model. Right answers about those "
    "show memory as much as skill.",
    "sensitivity": "Of the images with a tumour, the share that the model does not call free of one.",
    "specificity": "Of the images without a tumour, the share that the model calls free of one.",
    "temperature": "A number that the model's scores are divided by, fitted on validation images, so that "
    "its probabilities can be taken at their word. It changes no answer.",
    "threshold": "The probability from which an answer counts as given.",
    "unseen": "Without a near-copy among the images that the model was trained or chosen on.",
    "validation images": "Images kept from training to choose between models and to set thresholds.",
    "weighted": "Averaged over the classes, each counting by its number of images.",
}
"""Term to meaning. A term is found in any case, and with its plural s."""

_ENDINGS = {"near-copy": r"near-cop(?:y|ies)", "95 % interval": "95\\s%\\sintervals?"}
_FINDER = re.compile(
    r"(?<![\w-])(?:"
    + "|".join(
        f"(?P<t{number}>{_ENDINGS.get(term, re.escape(term) + 's?')})"
        for number, term in sorted(enumerate(MEANINGS), key=lambda entry: -len(entry[1]))
    )
    + r")(?![\w-])",
    re.IGNORECASE,
)


def terms_in(text: str) -> list[tuple[str, str | None]]:
    """The text in pieces: those that are a term with its meaning, the others with None.

    A term that comes again in the same text is not explained again.
    """
    pieces: list[tuple[str, str | None]] = []
    told: set[str] = set()
    meanings = list(MEANINGS.values())
    end = 0
    for match in _FINDER.finditer(text):
        meaning = meanings[int(str(match.lastgroup)[1:])]
        if meaning in told:
            continue
        told.add(meaning)
        pieces += [(text[end : match.start()], None), (match.group(), meaning)]
        end = match.end()
    return [(piece, meaning) for piece, meaning in [*pieces, (text[end:], None)] if piece]
