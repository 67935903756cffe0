"""`brainmri.training.export`: the ONNX file answers as torch does."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from brainmri import phantom
from brainmri.preprocessing import Preprocessing, network_input
from brainmri.training import export, fit
from brainmri.training.fit import FitOptions, Rows
from brainmri.training.networks import ReferenceCNN
from brainmri.training.pixels import PixelStore
from tests.conftest import ROOT

SIZE_PX = (
    80  # the smallest size whose dense layer has more than a million weights: 128 * 8 * 8 * 128
)
OPTIONS = FitOptions(
    epochs=4, patience=9, batch=16, learning_rate=1e-3, l2=0.0, precision="float32"
)


def run(model: onnx.ModelProto, images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return [np.asarray(output) for output in session.run(None, {"image": images})]


@pytest.fixture(scope="module")
def images() -> NDArray[np.float32]:
    """72 phantoms as network input, of four classes that differ in exposure; the first 40 train."""
    square = Preprocessing(SIZE_PX).square
    squares = [square(phantom.draw("glioma", i)) // (1 + i % 4) for i in range(72)]
    return network_input(np.stack(squares))


@pytest.fixture(scope="module")
def network(images: NDArray[np.float32], tmp_path_factory: pytest.TempPathFactory) -> ReferenceCNN:
    folder = tmp_path_factory.mktemp("export")
    (folder / "pixels.bin").write_bytes(np.rint(images * 255).astype(np.uint8).tobytes())
    rows = np.arange(72)
    torch.manual_seed(0)
    fitted = fit.fit(
        ReferenceCNN(4, SIZE_PX, (0.0, 0.0, 0.0)),
        PixelStore(folder / "pixels.bin", SIZE_PX),
        Rows(rows[:40], rows[:40] % 4),
        Rows(rows[40:], rows[40:] % 4),
        OPTIONS,
        seed=0,
        augment=None,
        checkpoint=folder / "checkpoint.pt",
        fingerprint={},
        resume=False,
        quiet=True,
    )
    assert isinstance(fitted.network, ReferenceCNN)
    return fitted.network


@pytest.fixture(scope="module")
def exported(network: ReferenceCNN) -> tuple[ReferenceCNN, onnx.ModelProto]:
    """The network as the export leaves it, and the file."""
    rounded = copy.deepcopy(network)
    return rounded, export.to_onnx(rounded, SIZE_PX)


@pytest.fixture(scope="module")
def model(exported: tuple[ReferenceCNN, onnx.ModelProto]) -> onnx.ModelProto:
    return exported[1]


def in_torch(network: ReferenceCNN, images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    with torch.no_grad():
        return [output.numpy() for output in network.eval()(torch.from_numpy(images))]


@pytest.mark.parametrize("n", [1, 2, 33])
def test_the_export_agrees_with_torch_for_any_number_of_images(
    n: int, exported: tuple[ReferenceCNN, onnx.ModelProto], images: NDArray[np.float32]
) -> None:
    network, model = exported
    for got, expected in zip(run(model, images[:n]), in_torch(network, images[:n]), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_a_network_without_a_large_layer_is_exported_as_it_is(
    images: NDArray[np.float32],
) -> None:
    torch.manual_seed(0)
    network = ReferenceCNN(4, 32, (0.0, 0.0, 0.0))
    before = copy.deepcopy(network.state_dict())
    model = export.to_onnx(network, 32)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
    kinds = {numpy_helper.to_array(t).dtype for t in model.graph.initializer}
    assert np.dtype(np.int8) not in kinds
    squares = images[:5, :, :32, :32]
    np.testing.assert_allclose(run(model, squares)[0], in_torch(network, squares)[0], atol=1e-4)


def test_dropout_is_off_in_the_export() -> None:
    model = export.to_onnx(ReferenceCNN(2, 32, (0.5, 0.5, 0.5)).train(), 32)
    image = np.random.default_rng(0).random((2, 1, 32, 32), dtype=np.float32)
    np.testing.assert_array_equal(run(model, image)[0], run(model, image)[0])
    assert "Dropout" not in {node.op_type for node in model.graph.node}


def test_inputs_and_outputs_have_the_names_that_scoring_asks_for(model: onnx.ModelProto) -> None:
    assert [entry.name for entry in model.graph.input] == ["image"]
    assert [entry.name for entry in model.graph.output] == ["logits", "embedding"]


def test_an_export_that_disagrees_with_torch_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    real = export._run
    monkeypatch.setattr(export, "_run", lambda *args: [out + 0.01 for out in real(*args)])
    with pytest.raises(RuntimeError, match=r"differs from torch by 0\.01"):
        export.to_onnx(ReferenceCNN(2, 32, (0.0, 0.0, 0.0)), 32)


def test_the_exported_file_holds_no_path_of_the_machine(model: onnx.ModelProto) -> None:
    data = model.SerializeToString()
    packages = Path(torch.__file__).parent.parent
    for trace in (str(ROOT), str(Path.home()), str(packages), "site-packages", ".py", "/usr"):
        assert trace.encode() not in data, trace


def test_int8_answers_agree_with_float_on_nearly_all_images(
    network: ReferenceCNN, model: onnx.ModelProto, images: NDArray[np.float32]
) -> None:
    exact, rounded = in_torch(network, images)[0], run(model, images)[0]
    answers = exact.argmax(axis=1)
    assert len(set(answers)) > 1  # or agreement would be no achievement
    assert (answers == rounded.argmax(axis=1)).mean() >= 0.98
    assert np.abs(exact - rounded).mean() < 0.02 * exact.std(axis=0).mean()
    assert np.abs(exact - rounded).max() > 0  # the two are not the same model


def test_int8_makes_the_file_a_quarter_of_the_size(
    network: ReferenceCNN, model: onnx.ModelProto
) -> None:
    floats = 4 * sum(p.numel() for p in network.parameters())
    saved = 3 * 128 * 8 * 8 * 128  # 3 of the 4 bytes of every weight of the dense layer
    assert model.ByteSize() == pytest.approx(floats - saved, rel=0.01)


def test_each_int8_weight_is_within_half_a_step_of_the_original(
    network: ReferenceCNN, exported: tuple[ReferenceCNN, onnx.ModelProto]
) -> None:
    rounded, model = exported
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    (node,) = [node for node in model.graph.node if node.op_type == "DequantizeLinear"]
    levels, scale = tensors[node.input[0]], tensors[node.input[1]]
    assert levels.dtype == np.int8
    assert scale.shape == (128,)  # one per output
    assert np.abs(levels.astype(int)).max() == 127
    along_rows = {a.name: a.i for a in node.attribute}["axis"] == 0
    weights = levels * scale[:, None] if along_rows else (levels * scale).T
    original = network.hidden.weight.detach().numpy()
    assert (np.abs(weights - original) <= scale[:, None] * 0.501).all()
    # What the file stores is what the network was rounded to, so torch and ONNX can agree.
    np.testing.assert_allclose(weights, rounded.hidden.weight.detach().numpy(), atol=1e-7)


def test_only_the_large_dense_layer_is_rounded(
    network: ReferenceCNN, exported: tuple[ReferenceCNN, onnx.ModelProto]
) -> None:
    rounded, model = exported
    changed = [
        name
        for name, value in network.state_dict().items()
        if not torch.equal(value, rounded.state_dict()[name])
    ]
    assert changed == ["hidden.weight"]
    kinds = [numpy_helper.to_array(t).dtype for t in model.graph.initializer]
    assert kinds.count(np.dtype(np.int8)) == 1


def test_an_output_without_weights_does_not_divide_by_zero() -> None:
    network = ReferenceCNN(2, SIZE_PX, (0.0, 0.0, 0.0))
    with torch.no_grad():
        network.hidden.weight[3] = 0
    model = export.to_onnx(network, SIZE_PX)
    image = np.ones((1, 1, SIZE_PX, SIZE_PX), dtype=np.float32)
    assert np.isfinite(run(model, image)[0]).all()
