"""What the training images of a run are like, to its model and as pictures: stored, or else fitted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from brainmri import corrected, embedding, images, look, manifests
from brainmri.embedding import TrainingEmbeddings
from brainmri.index import ImageIndex
from brainmri.inference import Classifier
from brainmri.look import Looks
from brainmri.runs import Run


@dataclass(frozen=True)
class TrainingImages:
    """What is known of them.

    Attributes:
        space: as the model sees them; None with a reason in `lacking`.
        lacking: why there is no `space`.
        looks: as pictures; None where some of them are gone, or there are too few.
    """

    space: TrainingEmbeddings | None
    lacking: str | None
    looks: Looks | None


def known(
    classifier: Classifier,
    data: Path,
    models: Path,
    table: ImageIndex,
    part: pd.Series[str],
    *,
    quiet: bool,
) -> TrainingImages:
    """What is stored of them; what is not is fitted, in one pass over the images.

    Nobody has to keep the training images for a run to be scored, so that some are gone is no fault.

    Args:
        classifier: the run's model.
        data: the data folder.
        models: folder of the runs.
        table: the index that the run was trained with.
        part: of each image, as the run's split has it.
        quiet: no progress bar.

    Raises:
        InputError: a stored file is damaged, or the corrections that the run learned are.
    """
    run = classifier.run
    space, lacking = embedding.stored(classifier, models)
    looks = look.read(models, run)
    to_embed, to_describe = classifier.embeds and space is None, looks is None
    if not to_embed and not to_describe:
        return TrainingImages(space, lacking, looks)
    chosen = _learned(models, run, table, part)
    files = [(path, data / path) for path in chosen["path"]]
    gone = [(path, "there is no such file") for path, file in files if not file.is_file()]
    vectors: list[NDArray[np.float32]] = []
    described: list[NDArray[np.float32]] = []
    if not gone:
        with tqdm(
            total=len(files), unit="image", desc="Looking at training images", disable=quiet
        ) as bar:
            for _, pixels in images.decode_batches(files, gone, bar.update):
                if to_embed:
                    squares = np.stack([classifier.preprocessing.square(each) for each in pixels])
                    vectors.append(classifier.embedded(squares)[1])
                if to_describe:
                    described += [look.describe(each) for each in pixels]
    if gone:
        path, reason = gone[0]
        if to_embed:
            lacking = (
                f"No embedding statistics: {len(gone):,} of {len(files):,} training images cannot be "
                f"read, such as {path} ({reason})."
            )
        return TrainingImages(space, lacking, looks)
    if to_embed:
        labels = pd.Categorical(chosen["label"], categories=run.classes).codes.astype(np.int64)
        space = embedding.fit(
            np.concatenate(vectors), labels, chosen["path"].tolist(), of=embedding.fingerprint(run)
        )
        lacking = None if space else (
            f"No embedding statistics: {len(files):,} training images are too few, or look all alike to "
            "the model."
        )  # fmt: skip
    if to_describe:
        looks = look.fit(np.stack(described), of=look.fingerprint(run))
    return TrainingImages(space, lacking, looks)


def _learned(models: Path, run: Run, table: ImageIndex, part: pd.Series[str]) -> pd.DataFrame:
    """The indexed images that trained a run, with the labels that it learned.

    Kept uploads are not among them: no page could show one beside an image like it.
    """
    manifest = manifests.learned(models, run)
    if manifest is not None:
        table, part = corrected.put_right(table, part, manifest)
    return table.rows[part == "train"]
