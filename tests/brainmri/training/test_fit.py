"""`brainmri.training.fit`: early stopping, resuming bit for bit, and the arithmetic of a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from brainmri.errors import InputError, Interrupted, OutputError
from brainmri.files import write_atomically
from brainmri.training import fit as fitting
from brainmri.training.fit import Augment, FitOptions, Fitted, Rows, partial_label_loss
from brainmri.training.networks import Network, ReferenceCNN
from brainmri.training.pixels import PixelStore
from tests.brainmri.conftest import SmallDisk
from tests.brainmri.files_to_read import snapshot
from tests.brainmri.training.conftest import SIZE_PX, Task

OPTIONS = FitOptions(
    epochs=3, patience=3, batch=32, learning_rate=1e-3, l2=0.01, precision="float32"
)
# How often the network sees a part of a batch in one epoch of 40 images: batches of 32 and 8.
CALLS = -(-32 // OPTIONS.micro_batch) + -(-8 // OPTIONS.micro_batch)
IN_SECOND_EPOCH, IN_THIRD_EPOCH = CALLS + 2, 2 * CALLS + 1


def network(dropout: float = 0.25) -> ReferenceCNN:
    torch.manual_seed(0)
    return ReferenceCNN(2, SIZE_PX, (dropout, dropout, dropout))


def noisy(images: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """An augmentation that draws random numbers, as real ones do."""
    return (images.float() + 20 * torch.rand(images.shape)).to(torch.uint8), allowed


class Stops:
    """An augmentation that is interrupted at its n-th call."""

    def __init__(self, at: int) -> None:
        self.calls, self.at = 0, at

    def __call__(self, images: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        return noisy(images, allowed)


def fit(
    task: Task,
    folder: Path,
    *,
    options: FitOptions = OPTIONS,
    augment: Augment | None = noisy,
    resume: bool = False,
    seed: int = 0,
    net: Network | None = None,
    fingerprint: dict[str, Any] | None = None,
) -> Fitted:
    return fitting.fit(
        network() if net is None else net,
        task.store,
        task.train,
        task.val,
        options,
        seed=seed,
        augment=augment,
        checkpoint=folder / "checkpoint.pt",
        fingerprint=fingerprint or {"model": "cnn"},
        resume=resume,
        quiet=True,
    )


def weights(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


def assert_same_bits(left: nn.Module, right: nn.Module) -> None:
    for (name, mine), theirs in zip(
        left.state_dict().items(), right.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs), name


def without_times(history: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{k: v for k, v in entry.items() if k != "seconds"} for entry in history]


def scripted(monkeypatch: pytest.MonkeyPatch, losses: list[float]) -> list[dict[str, Tensor]]:
    """Make validation return these losses in turn; collects the weights of every epoch."""
    seen: list[dict[str, Tensor]] = []

    def evaluate(net: nn.Module, *_: object) -> tuple[float, float]:
        seen.append(weights(net))
        return losses[len(seen) - 1], 0.5

    monkeypatch.setattr(fitting, "evaluate", evaluate)
    return seen


# --- training --------------------------------------------------------------------------------


def test_training_learns_what_can_be_learned(task: Task, tmp_path: Path) -> None:
    options = replace(OPTIONS, epochs=8, batch=8, l2=0.0)
    fitted = fit(task, tmp_path, options=options, augment=None, net=network(0))
    first, last = fitted.history[0], fitted.history[-1]
    assert last["train_loss"] < 0.5 * first["train_loss"]
    assert last["train_accuracy"] > 0.9
    assert not fitted.network.training


def test_history_counts_epochs_and_holds_the_figures_of_each(task: Task, tmp_path: Path) -> None:
    history = fit(task, tmp_path).history
    assert [entry["epoch"] for entry in history] == [1, 2, 3]
    keys = {"epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds"}
    assert all(set(entry) == keys for entry in history)
    assert history[-1]["val_accuracy"] * 12 == pytest.approx(
        round(history[-1]["val_accuracy"] * 12)
    )


def test_the_seed_repeats_a_training_bit_for_bit(task: Task, tmp_path: Path) -> None:
    first, again, other = (
        fit(task, tmp_path / name, options=replace(OPTIONS, epochs=1), seed=seed)
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert_same_bits(first.network, again.network)
    assert not torch.equal(
        first.network.state_dict()["output.weight"], other.network.state_dict()["output.weight"]
    )


def test_micro_batches_add_up_to_one_step_of_adam_on_the_whole_batch(
    task: Task, tmp_path: Path
) -> None:
    # 32 images pass a few at a time; this is the step they must amount to, in plain torch.
    assert OPTIONS.micro_batch < 32
    part = Task(task.store, Rows(task.train.rows[:32], task.train.y_true[:32]), task.val)
    mine = fit(part, tmp_path, options=replace(OPTIONS, epochs=1), augment=None, net=network(0))

    net = network(0).train()
    images = torch.from_numpy(part.store.read(part.train.rows.tolist()))[:, None].float() / 255
    target = torch.from_numpy(part.train.y_true)
    loss = nn.functional.cross_entropy(net(images)[0], target)
    penalty = OPTIONS.l2 * net.hidden.weight.square().sum()  # the hidden layer's weights only
    torch.autograd.backward(loss + penalty)
    torch.optim.Adam(net.parameters(), lr=OPTIONS.learning_rate).step()

    assert mine.history[0]["train_loss"] == pytest.approx(loss.item(), rel=1e-5)
    for name, value in net.state_dict().items():
        # A step of Adam is nearly +-lr, whatever the gradient; where that is ~0 its sign is noise.
        difference = (mine.network.state_dict()[name] - value).abs()
        assert (difference > 1e-5).float().mean() < 1e-3, name


def test_the_last_partial_batch_is_trained_on(task: Task, tmp_path: Path) -> None:
    counted: list[int] = []

    def count(images: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
        counted.append(len(images))
        return images, allowed

    fit(task, tmp_path, options=replace(OPTIONS, epochs=1), augment=count)
    assert sum(counted) == 40
    assert max(counted) == OPTIONS.micro_batch


def test_augmentation_touches_training_images_only(task: Task, tmp_path: Path) -> None:
    def black(images: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros_like(images), allowed

    plain = fit(task, tmp_path, options=replace(OPTIONS, epochs=1), augment=black)
    expected = fitting.evaluate(plain.network, task.store, task.val, OPTIONS)
    got = plain.history[0]["val_loss"], plain.history[0]["val_accuracy"]
    assert got == pytest.approx(expected)


def test_evaluate_agrees_with_plain_torch_and_switches_dropout_off(task: Task) -> None:
    net = network(0.5).train()
    loss, accuracy = fitting.evaluate(net, task.store, task.val, OPTIONS)
    images = torch.from_numpy(task.store.read(task.val.rows.tolist()))[:, None].float() / 255
    target = torch.from_numpy(task.val.y_true)
    with torch.no_grad():
        logits = net.eval()(images)[0]
    assert loss == pytest.approx(nn.functional.cross_entropy(logits, target).item(), rel=1e-5)
    assert accuracy == (logits.argmax(1) == target).float().mean().item()


def test_bfloat16_activations_leave_float32_weights(task: Task, tmp_path: Path) -> None:
    options = replace(OPTIONS, epochs=1, precision="bfloat16")
    fitted = fit(task, tmp_path, options=options, augment=None)
    assert {value.dtype for value in fitted.network.state_dict().values()} == {torch.float32}
    assert np.isfinite(fitted.history[0]["train_loss"])


def test_the_partial_label_loss_is_cross_entropy_when_one_class_is_allowed() -> None:
    logits = torch.randn(7, 4, generator=torch.Generator().manual_seed(0))
    y_true = torch.arange(7) % 4
    allowed = nn.functional.one_hot(y_true, 4).bool()
    expected = nn.functional.cross_entropy(logits, y_true, reduction="sum")
    assert partial_label_loss(logits, allowed).item() == pytest.approx(expected.item(), rel=1e-6)


def test_an_image_of_some_tumour_is_judged_by_the_probability_of_any_tumour() -> None:
    y_prob = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25]])
    allowed = torch.tensor([[True, True, False, True], [True, True, True, True]])
    expected = -np.log(0.7) - np.log(1.0)
    assert partial_label_loss(y_prob.log(), allowed).item() == pytest.approx(expected, abs=1e-6)


def test_weights_decide_how_often_a_row_is_drawn() -> None:
    rows = Rows(np.arange(3), np.zeros(3, dtype=np.int64), np.array([0.0, 1.0, 3.0]))
    drawn = np.concatenate([rows.order(seed) for seed in range(2000)])
    assert np.bincount(drawn, minlength=3) / 6000 == pytest.approx([0, 0.25, 0.75], abs=0.03)
    plain = Rows(rows.rows, rows.y_true).order(0)
    assert sorted(plain) == [0, 1, 2]


def test_averaged_weights_are_judged_and_kept(task: Task, tmp_path: Path) -> None:
    options = replace(OPTIONS, epochs=1, averaging=0.999)
    averaged = fit(task, tmp_path / "a", options=options, augment=None, net=network(0)).network
    # Two steps of 40 images: the mean over (start, first, second) that `_Average` defines.
    steps = [weights(network(0))]

    watched = network(0)
    with pytest.MonkeyPatch.context() as patch:
        real = torch.optim.lr_scheduler.CosineAnnealingLR.step

        def step(self: torch.optim.lr_scheduler.CosineAnnealingLR, *args: Any) -> None:
            real(self, *args)
            steps.append(weights(watched))

        patch.setattr(torch.optim.lr_scheduler.CosineAnnealingLR, "step", step)
        fit(
            task, tmp_path / "b", options=replace(options, averaging=0.0), augment=None, net=watched
        )
    # The schedule steps once when it is made, before any weight has changed.
    start, first, second = steps[0], steps[-2], steps[-1]
    for name, value in averaged.state_dict().items():
        one = start[name] * (1 / 11) + first[name] * (10 / 11)
        two = one * (2 / 12) + second[name] * (10 / 12)
        torch.testing.assert_close(value, two)


def test_a_warm_up_rises_and_falls(task: Task, tmp_path: Path) -> None:
    options = replace(OPTIONS, epochs=3, averaging=0.9, warm_up=0.5)
    whole = fit(task, tmp_path / "whole", options=options)
    with pytest.raises(Interrupted):
        fit(task, tmp_path / "cut", options=options, augment=Stops(IN_SECOND_EPOCH))
    resumed = fit(task, tmp_path / "cut", options=options, resume=True)
    assert_same_bits(whole.network, resumed.network)


# --- early stopping --------------------------------------------------------------------------


def test_early_stopping_keeps_the_epoch_of_lowest_validation_loss(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = scripted(monkeypatch, [0.9, 0.5, 0.7, 0.6, 0.55, 0.1])
    fitted = fit(task, tmp_path, options=replace(OPTIONS, epochs=6))
    assert [entry["val_loss"] for entry in fitted.history] == [0.9, 0.5, 0.7, 0.6, 0.55]
    for name, value in fitted.network.state_dict().items():
        assert torch.equal(value, seen[1][name]), name
    assert not torch.equal(seen[1]["output.weight"], seen[4]["output.weight"])


def test_training_goes_on_while_the_loss_falls(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.9, 0.8, 0.85, 0.81, 0.7, 0.6])
    assert len(fit(task, tmp_path, options=replace(OPTIONS, epochs=6)).history) == 6


def test_of_equal_epochs_the_first_is_kept(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = scripted(monkeypatch, [0.5, 0.5])
    fitted = fit(task, tmp_path, options=replace(OPTIONS, epochs=2))
    assert torch.equal(fitted.network.state_dict()["output.bias"], seen[0]["output.bias"])


def test_an_epoch_that_diverged_is_never_the_best(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = scripted(monkeypatch, [0.9, float("nan"), 0.8])
    fitted = fit(task, tmp_path)
    assert len(fitted.history) == 3
    assert torch.equal(fitted.network.state_dict()["output.bias"], seen[2]["output.bias"])


# --- interrupting and resuming ---------------------------------------------------------------


@pytest.mark.parametrize(
    "call", [IN_SECOND_EPOCH, IN_THIRD_EPOCH], ids=["in the second epoch", "in the third"]
)
def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(
    call: int, task: Task, tmp_path: Path
) -> None:
    whole = fit(task, tmp_path / "whole")
    with pytest.raises(
        Interrupted, match=r"Stopped after epoch \d of 3, which is kept; add --resume"
    ):
        fit(task, tmp_path / "cut", augment=Stops(call))
    torch.manual_seed(999)  # nothing may hang on the state that happens to be left over
    resumed = fit(task, tmp_path / "cut", resume=True, net=network().apply(spoil))
    assert_same_bits(whole.network, resumed.network)
    assert without_times(whole.history) == without_times(resumed.history)


def spoil(module: nn.Module) -> None:
    """Other weights than the checkpoint's, to show that it is read."""
    if isinstance(module, nn.Conv2d):
        nn.init.constant_(module.weight, 0.1)


def test_an_interruption_in_the_first_epoch_keeps_nothing_and_says_so(
    task: Task, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted, match="Stopped in the first epoch; nothing was kept"):
        fit(task, tmp_path, augment=Stops(2))
    assert snapshot(tmp_path) == {}


def test_an_epoch_counts_as_kept_only_when_its_checkpoint_is_written(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def interrupted(path: Path, write: Callable[[Path], object]) -> None:
        if path.name == "checkpoint.pt" and path.exists():
            raise KeyboardInterrupt
        write_atomically(path, write)

    whole = fit(task, tmp_path / "whole")
    monkeypatch.setattr(fitting, "write_atomically", interrupted)
    with pytest.raises(Interrupted, match="Stopped after epoch 1 of 3"):
        fit(task, tmp_path / "cut")
    monkeypatch.undo()
    assert_same_bits(fit(task, tmp_path / "cut", resume=True).network, whole.network)


def test_a_finished_training_resumes_to_itself(task: Task, tmp_path: Path) -> None:
    finished = fit(task, tmp_path)
    before = snapshot(tmp_path)
    assert_same_bits(fit(task, tmp_path, resume=True).network, finished.network)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("gone", "do"),
    [("checkpoint.pt", "leave --resume out"), ("best.pt", "--replace instead of --resume")],
)
def test_there_must_be_something_to_resume(gone: str, do: str, task: Task, tmp_path: Path) -> None:
    options = replace(OPTIONS, epochs=1)
    fit(task, tmp_path, options=options)
    (tmp_path / gone).unlink()
    with pytest.raises(InputError, match=f"nothing to resume: .*{gone} does not exist; .*{do}"):
        fit(task, tmp_path, options=options, resume=True)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"options": replace(OPTIONS, epochs=4)}, "another options"),
        ({"seed": 1}, "another seed"),
        ({"fingerprint": {"model": "other"}}, "another model"),
    ],
)
def test_a_checkpoint_of_another_configuration_is_refused(
    changed: dict[str, Any], says: str, task: Task, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        fit(task, tmp_path, augment=Stops(IN_SECOND_EPOCH))
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match=f"was made with {says}; .*--replace instead of --resume"):
        fit(task, tmp_path, resume=True, **changed)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "another file of torch"])
def test_a_damaged_checkpoint_is_refused_in_one_sentence(
    damage: str, task: Task, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        fit(task, tmp_path, augment=Stops(IN_SECOND_EPOCH))
    path = tmp_path / "checkpoint.pt"
    whole = path.read_bytes()
    if damage == "another file of torch":
        torch.save({"weights": torch.zeros(3)}, path)
    else:
        path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "text": b"hello"}[damage])
    with pytest.raises(InputError, match=r"checkpoint\.pt is damaged") as caught:
        fit(task, tmp_path, resume=True)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_cannot_run_code(task: Task, tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return (Path.touch, (str(tmp_path / "harm"),))

    options = replace(OPTIONS, epochs=1)
    fit(task, tmp_path, options=options)
    torch.save({"identity": Harm()}, tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match="is damaged"):
        fit(task, tmp_path, options=options, resume=True)
    assert not (tmp_path / "harm").exists()


def test_a_full_disk_is_one_sentence_and_leaves_the_last_checkpoint(
    task: Task, small_disk: SmallDisk
) -> None:
    with pytest.raises(Interrupted):
        fit(task, small_disk.folder, augment=Stops(IN_SECOND_EPOCH))
    before = snapshot(small_disk.folder)
    with (
        small_disk.full(),
        pytest.raises(OutputError, match=r"Could not write .*: (No space left|File too large)"),
    ):
        fit(task, small_disk.folder, resume=True)
    assert snapshot(small_disk.folder) == before
    fit(task, small_disk.folder, resume=True)


def test_options_are_plain_values_for_run_json() -> None:
    assert FitOptions(**asdict(OPTIONS)) == OPTIONS


def test_the_store_is_read_from_the_task(task: Task) -> None:
    assert isinstance(task.store, PixelStore)
    assert task.store.read([0]).shape == (1, SIZE_PX, SIZE_PX)
