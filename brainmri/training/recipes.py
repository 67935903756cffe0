"""How each kind of network is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace

MEAN_BRIGHTNESS = "mean-brightness"


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: at most, when the command line does not say.
        size_px: side of the square input, likewise.
        patience: see `FitOptions`.
        fit: see `Preprocessing`.
        learning_rate: see `FitOptions`; the same for the others of its names.
        dropout: of the reference's networks after the second and third pooling and before the output;
            of the others before the output only, the last figure.
        augmentation: "none", "mild" (`transforms.mild`) or "strong" (`transforms.Strong`).
        painted: share of the images of the negative class into which a lesion is painted ("strong").
        balanced: rare classes and sources, and images with few near-duplicates, are drawn more often.
        frozen: first stages of a pretrained network that are left as they are.
    """

    epochs: int
    size_px: int = 256
    patience: int = 3
    fit: str = "stretch"
    learning_rate: float = 5e-4
    l2: float = 0.0
    dropout: tuple[float, float, float] = (0.0, 0.0, 0.0)
    augmentation: str = "none"
    painted: float = 0.0
    balanced: bool = False
    frozen: int = 0
    micro_batch: int = 4
    warm_up: float = 0.0
    averaging: float = 0.0


_TRANSFER = Recipe(
    epochs=12,
    size_px=160,
    patience=12,
    fit="head",
    learning_rate=1.5e-3,
    l2=0.02,
    dropout=(0.0, 0.0, 0.2),
    augmentation="strong",
    painted=0.4,
    balanced=True,
    frozen=3,
    micro_batch=16,
    warm_up=0.15,
    averaging=0.998,
)
RECIPES = {
    "cnn": Recipe(epochs=8),
    "cnn-regularised": Recipe(epochs=14, l2=0.01, dropout=(0.25, 0.25, 0.5)),
    "cnn-augmented": Recipe(epochs=20, augmentation="mild"),
    "efficientnet-lite0": _TRANSFER,
    "efficientnet-b0": _TRANSFER,
    "mobilenet-v3-large": _TRANSFER,
    "mobilenet-v3-small": _TRANSFER,
}
MODELS = (MEAN_BRIGHTNESS, *RECIPES)


def gentler(recipe: Recipe) -> Recipe:
    """For a network that has learned already: a third of the epochs, steps of a fifth."""
    return replace(recipe, epochs=-(-recipe.epochs // 3), learning_rate=recipe.learning_rate / 5)
