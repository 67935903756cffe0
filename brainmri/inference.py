"""An exported ONNX model to probabilities: the one scorer of the command line and the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brainmri import memory, runs
from brainmri.calibration import apply_temperature
from brainmri.errors import InputError
from brainmri.preprocessing import Preprocessing, network_input

if TYPE_CHECKING:
    import onnxruntime

INPUT_NAME, LOGITS_NAME, EMBEDDING_NAME, MAPS_NAME = "image", "logits", "embedding", "maps"


@dataclass(frozen=True)
class Answers:
    """What a model says about some images, and what it saw.

    Attributes:
        y_prob: class probabilities, calibrated where the run has a temperature, float32 (n, k).
        uncalibrated: the same before the temperature, as a predictions table holds them.
        embedding: last features before the output, float32 (n, d); None where the model gives none.
        maps: class-activation maps, float32 (n, k, h, w), in logits: the mean over a map is the
            uncalibrated logit of its class; None where the model gives none.
    """

    y_prob: NDArray[np.float32]
    uncalibrated: NDArray[np.float32]
    embedding: NDArray[np.float32] | None
    maps: NDArray[np.float32] | None


@dataclass(frozen=True)
class Classifier:
    """A run's model, loaded.

    Attributes:
        run: what run.json says.
        session: ONNX Runtime session; input `image` float32 (n, 1, s, s) 0-1, output `logits` (n, k).
        sparing: give what an answer takes, beyond the model itself, back after each (20 to 40 MB, and a
            quarter of the network's time); for a process that answers now and then.
    """

    run: runs.Run
    session: onnxruntime.InferenceSession
    sparing: bool = False

    @cached_property
    def preprocessing(self) -> Preprocessing:
        """How an image becomes network input."""
        return Preprocessing.from_json(self.run.preprocessing)

    def classify(self, images: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Class probabilities of decoded images, after the temperature where the run has one.

        Args:
            images: greyscale uint8 (h, w) each, as `images.decode` gives them.

        Returns:
            float32 (n, k), columns in the order of `run.classes`; rows sum to 1.
        """
        return self.classify_squares(np.stack([self.preprocessing.square(i) for i in images]))

    def classify_squares(self, squares: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The same for images already in network size, uint8 (n, size, size)."""
        return apply_temperature(self.uncalibrated(squares), self.run.temperature)

    def explain(self, squares: NDArray[np.uint8]) -> Answers:
        """Probabilities, embedding and class-activation maps of images in network size."""
        given = {output.name for output in self.session.get_outputs()}
        told = self._told(squares, {LOGITS_NAME, EMBEDDING_NAME, MAPS_NAME} & given)
        uncalibrated = softmax(told[LOGITS_NAME])
        return Answers(
            apply_temperature(uncalibrated, self.run.temperature),
            uncalibrated,
            told.get(EMBEDDING_NAME),
            told.get(MAPS_NAME),
        )

    def uncalibrated(self, squares: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities before the temperature: what a predictions table holds."""
        return softmax(self._told(squares, {LOGITS_NAME})[LOGITS_NAME])

    @cached_property
    def embeds(self) -> bool:
        """Whether the model has an embedding output."""
        return EMBEDDING_NAME in {output.name for output in self.session.get_outputs()}

    def embedded(
        self, squares: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `uncalibrated`, and the embedding (n, d), of a model that `embeds`."""
        told = self._told(squares, {LOGITS_NAME, EMBEDDING_NAME})
        return softmax(told[LOGITS_NAME]), told[EMBEDDING_NAME]

    def _told(self, squares: NDArray[np.uint8], names: set[str]) -> dict[str, NDArray[np.float32]]:
        """Outputs by name."""
        wanted = sorted(names)
        outputs = self.session.run(wanted, {INPUT_NAME: network_input(squares)}, self._options)
        return {name: np.asarray(output) for name, output in zip(wanted, outputs, strict=True)}

    @cached_property
    def _options(self) -> onnxruntime.RunOptions | None:
        if not self.sparing:
            return None
        import onnxruntime

        options = onnxruntime.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        return options


def load(models: Path, name: str, *, threads: int = 0, sparing: bool = False) -> Classifier:
    """Load the model of a run, after checking that the file is the one the run was written with.

    Args:
        models: folder of the runs.
        name: of the run.
        threads: of ONNX Runtime; 0 lets it choose.
        sparing: see `Classifier`.

    Raises:
        InputError: no such run, no model file, another file than the run's, or not a usable model.
    """
    import onnxruntime

    run = runs.load(models, name)
    path = models / name / runs.MODEL_FILE
    if not path.is_file():
        raise InputError(
            f'The run "{name}" comes without its model file (only its predictions are here); train '
            "it again to get one."
        )
    if (fault := runs.model_fault(models, run)) is not None:
        raise InputError(f'The run "{name}" cannot answer. {fault}')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception:  # ONNX Runtime raises types of its own, and names the whole path.
        raise InputError(
            f'The model file of the run "{name}" cannot be loaded: it is no usable ONNX model; train the '
            "run again."
        ) from None
    memory.return_freed()  # Reading a model takes twice what it comes to.
    names = {entry.name for entry in session.get_inputs()}
    if names != {INPUT_NAME} or LOGITS_NAME not in {o.name for o in session.get_outputs()}:
        raise InputError(
            f'The model file of the run "{name}" has no input {INPUT_NAME} or no output {LOGITS_NAME}.'
        )
    return Classifier(run, session, sparing)


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float32]:
    """Row-wise softmax of (n, k), computed in float64 so that rows sum to 1."""
    shifted = np.asarray(logits, dtype=np.float64)
    shifted = np.exp(shifted - shifted.max(axis=1, keepdims=True))
    return (shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32)
