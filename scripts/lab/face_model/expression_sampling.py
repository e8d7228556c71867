"""Random but plausible ARKit expressions: what synthetic training faces wear."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES, EYE_LOOK_CHANNELS

_ONE_SIDED = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")


def _unit(name: str) -> str:
    return name if name in _ONE_SIDED else name.removesuffix("Left").removesuffix("Right")


# One muscle group each; names without a side stand for the pair.
UNITS: tuple[str, ...] = tuple(
    dict.fromkeys(_unit(name) for index, name in enumerate(ARKIT_NAMES) if index not in EYE_LOOK_CHANNELS)
)
# Units that no face shows together.
OPPOSITES: tuple[tuple[str, str], ...] = (
    ("mouthLeft", "mouthRight"),
    ("jawLeft", "jawRight"),
    ("mouthSmile", "mouthFrown"),
    ("eyeBlink", "eyeWide"),
    ("browDown", "browInnerUp"),
    ("browDown", "browOuterUp"),
    ("mouthPucker", "mouthStretch"),
    ("mouthFunnel", "mouthStretch"),
    ("mouthUpperUp", "mouthRollUpper"),
    ("mouthLowerDown", "mouthRollLower"),
    ("jawOpen", "mouthPress"),
)
# Units that often come together: (unit, largest weight).
BLENDS: tuple[tuple[tuple[str, float], ...], ...] = (
    (("mouthSmile", 1.0), ("cheekSquint", 0.8), ("eyeSquint", 0.6), ("mouthDimple", 0.4), ("mouthUpperUp", 0.5)),
    (("mouthSmile", 0.8), ("jawOpen", 0.4), ("mouthUpperUp", 0.5), ("mouthLowerDown", 0.4)),
    (("browInnerUp", 1.0), ("browOuterUp", 1.0), ("eyeWide", 0.8), ("jawOpen", 0.6)),
    (("browDown", 1.0), ("eyeSquint", 0.7), ("noseSneer", 0.6), ("mouthPress", 0.6)),
    (("mouthFrown", 1.0), ("browInnerUp", 0.8), ("mouthShrugLower", 0.7)),
    (("noseSneer", 1.0), ("mouthUpperUp", 0.8), ("browDown", 0.6), ("cheekSquint", 0.5)),
    (("jawOpen", 0.6), ("mouthFunnel", 0.8), ("mouthPucker", 0.5)),
    (("jawOpen", 0.5), ("mouthLowerDown", 0.5), ("mouthUpperUp", 0.3), ("mouthStretch", 0.5)),
    (("jawOpen", 0.4), ("mouthClose", 0.4), ("mouthRollLower", 0.6), ("mouthRollUpper", 0.6), ("mouthPress", 0.5)),
    (("eyeBlink", 1.0), ("browDown", 0.3)),
)


def sample_expression(rng: np.random.Generator) -> NDArray[np.float64]:  # [52] 0..1
    """A face at rest (one in eight), a few random units, or a familiar blend with something added; eyes look ahead."""
    weights = np.zeros(len(ARKIT_NAMES))
    kind = rng.random()
    if kind < 0.125:
        return weights
    chosen: dict[str, float] = {}
    if kind > 0.6:
        strength = rng.uniform(0.3, 1.0)
        for unit, largest in BLENDS[rng.integers(len(BLENDS))]:
            if rng.random() < 0.8:
                chosen[unit] = largest * min(1.0, strength * rng.uniform(0.6, 1.4))
    for unit in rng.choice(UNITS, rng.integers(0 if chosen else 1, 6), replace=False):
        chosen.setdefault(str(unit), float(rng.uniform(0.1, 1.0)))
    for unit, amount in _without_opposites(rng, chosen).items():
        _set(rng, weights, unit, amount)
    return weights


def _without_opposites(rng: np.random.Generator, chosen: dict[str, float]) -> dict[str, float]:
    kept = dict(chosen)
    for pair in OPPOSITES:
        if pair[0] in kept and pair[1] in kept:
            del kept[pair[rng.integers(2)]]
    return kept


def _set(rng: np.random.Generator, weights: NDArray[np.float64], unit: str, amount: float) -> None:
    if unit in ARKIT_INDEX:
        weights[ARKIT_INDEX[unit]] = amount
        return
    left = right = amount
    side = rng.random()
    if side < 0.12:
        left, right = (amount, 0.0) if rng.random() < 0.5 else (0.0, amount)
    elif side < 0.4:
        right = float(np.clip(amount * rng.uniform(0.5, 1.5), 0, 1))
    weights[ARKIT_INDEX[unit + "Left"]], weights[ARKIT_INDEX[unit + "Right"]] = left, right
