"""A statistical identity space out of artist-made targets: draw plausible random people, then PCA.

MakeHuman's sliders carry no probabilities, so we choose a population: sex, age, ancestry, weight and muscle mix the
macro targets as MakeHuman does; about 300 local targets (nose width, chin height...) get symmetric Gaussian amplitudes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face3d.model.parts import Part
from scripts.lab.face_model.head import MM_PER_UNIT, HeadMesh
from scripts.lab.face_model.makehuman import MakeHumanWheel

LOCAL_FOLDERS = ("cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "mouth", "nose", "neck", "asym")
LOCAL_SIGMA = 0.35
ASYMMETRY_SIGMA = 0.12
# Left and right sliders of a pair move together, but not exactly.
LEFT_RIGHT_CORRELATION = 0.97
# Opposite ends of one slider, by the last word of the target's name.
_OPPOSITES = {"decr": "incr", "down": "up", "in": "out", "backward": "forward", "concave": "convex", "l": "r"}
_RACES = ("african", "asian", "caucasian")
_SEXES = ("female", "male")
_AGES = ("child", "young", "old")
# Head shapes are one choice, not independent sliders that add up.
_HEAD_SHAPES_SIGMA = 0.2


@dataclass(frozen=True)
class IdentitySpace:
    """mean [V, 3] mm and basis [K, V, 3] mm per standard deviation, in the head frame; variance_share [K], sum <= 1."""

    mean: np.ndarray
    basis: np.ndarray
    variance_share: np.ndarray


class _Targets:
    """Displacements on the head, in mm, with the eye midpoint held at the origin."""

    def __init__(self, wheel: MakeHumanWheel, head: HeadMesh) -> None:
        self._wheel, self._head = wheel, head
        triangles, parts = head.triangles, head.parts
        eyes = [np.unique(triangles[parts == p]) for p in (Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL)]
        self._eyes = np.concatenate(eyes)

    def __call__(self, name: str) -> np.ndarray:  # [V, 3]
        moved = self._wheel.target(name)[self._head.source] * MM_PER_UNIT
        return moved - moved[self._eyes].mean(0)


def _macro_weights(rng: np.random.Generator) -> dict[str, float]:
    """MakeHuman's mixing of one random person's macro targets."""
    male = rng.beta(0.6, 0.6)
    sex = dict(zip(_SEXES, (1 - male, male), strict=True))
    age_value = rng.triangular(0.30, 0.55, 1.0)  # 0.1875 child, 0.5 young adult, 1 old
    age = np.interp(age_value, [0.1875, 0.5, 1.0], [0, 1, 2])
    ages = {a: max(0.0, 1 - abs(age - i)) for i, a in enumerate(_AGES)}
    race = dict(zip(_RACES, rng.dirichlet([0.5] * 3), strict=True))
    weight = float(np.clip(rng.normal(0, 0.45), -1, 1))
    muscle = float(np.clip(rng.normal(0, 0.45), -1, 1))

    def levels(value: float, word: str) -> dict[str, float]:
        mix = {f"average{word}": 1 - abs(value)}
        mix["max" + word if value > 0 else "min" + word] = abs(value)
        return mix

    result: dict[str, float] = {}
    for s, ws in sex.items():
        for a, wa in ages.items():
            for r, wr in race.items():
                result[f"macrodetails/{r}-{s}-{a}"] = ws * wa * wr
            for m, wm in levels(muscle, "muscle").items():
                for w, ww in levels(weight, "weight").items():
                    result[f"macrodetails/universal-{s}-{a}-{m}-{w}"] = ws * wa * wm * ww
    return {k: v for k, v in result.items() if v > 0}


def mean_macro_weights() -> dict[str, float]:
    """The mean face: a young adult halfway between the sexes and the ancestries."""
    result = {f"macrodetails/{r}-{s}-young": 1 / 6 for r in _RACES for s in _SEXES}
    result |= {f"macrodetails/universal-{s}-young-averagemuscle-averageweight": 1 / 2 for s in _SEXES}
    return result


def _sliders(names: list[str]) -> list[tuple[str, str | None]]:
    """Pair opposite targets to two-sided sliders (positive, negative end)."""
    left = set(names)
    result: list[tuple[str, str | None]] = []
    for name in names:
        if name not in left:
            continue
        stem, _, last = name.rpartition("-")
        other = f"{stem}-{_OPPOSITES[last]}" if last in _OPPOSITES else None
        left.discard(name)
        if other in left:
            left.discard(other)
            result.append((other, name))
        else:
            result.append((name, None))
    return result


def _side_twin(slider: tuple[str, str | None]) -> str:
    """One name for the left and the right slider of a pair ("eyes/?-eye-scale-incr")."""
    folder, _, name = slider[0].partition("/")
    return f"{folder}/?{name[1:]}" if name[:2] in ("l-", "r-") else slider[0]


def _local_weights(sliders: list[tuple[str, str | None]], rng: np.random.Generator) -> dict[str, float]:
    shared = {twin: rng.standard_normal() for twin in dict.fromkeys(map(_side_twin, sliders))}
    result = {}
    for slider in sliders:
        own = rng.standard_normal()
        rho = LEFT_RIGHT_CORRELATION
        value = rho * shared[_side_twin(slider)] + np.sqrt(1 - rho**2) * own
        sigma = ASYMMETRY_SIGMA if slider[0].startswith("asym/") else LOCAL_SIGMA
        positive, negative = slider
        if negative is None:
            result[positive] = abs(value) * (_HEAD_SHAPES_SIGMA if slider[0].startswith("head/") else sigma)
        else:
            amount = float(np.clip(value * sigma, -1, 1))
            result[positive if amount > 0 else negative] = abs(amount)
    return result


def _skin_weight(head: HeadMesh, mean: np.ndarray) -> np.ndarray:
    """[V] how much a vertex counts in the PCA: the face fully, the back of the head and the neck little."""
    weight = np.full(len(mean), 0.15)
    skin = np.unique(head.triangles[head.parts == Part.SKIN])
    front = skin[(mean[skin, 2] > -45) & (mean[skin, 1] > -125)]
    weight[front] = 1.0
    return weight


def build_identity_space(
    wheel: MakeHumanWheel, head: HeadMesh, components: int, people: int = 3000, seed: int = 0
) -> IdentitySpace:
    """Draw `people` random faces, return the mean face and the leading `components` modes."""
    rng = np.random.default_rng(seed)
    targets = _Targets(wheel, head)
    base = (wheel.base.vertices[head.source] - head.origin) * MM_PER_UNIT
    sliders = _sliders(wheel.target_names(*LOCAL_FOLDERS))
    sliders = [s for s in sliders if "measure" not in s[0] and "asymm-" not in s[0]]
    names: dict[str, int] = {}
    rows: list[dict[int, float]] = []
    for _ in range(people):
        weights = _macro_weights(rng) | _local_weights(sliders, rng)
        rows.append({names.setdefault(n, len(names)): w for n, w in weights.items()})
    for name in mean_macro_weights():
        names.setdefault(name, len(names))
    displacement = np.stack([targets(n).ravel() for n in names])  # [N, 3V]
    mixing = np.zeros((people, len(names)))
    for i, row in enumerate(rows):
        mixing[i, list(row)] = list(row.values())
    mean_mixing = np.zeros(len(names))
    for name, w in mean_macro_weights().items():
        mean_mixing[names[name]] = w
    mean = base + (mean_mixing @ displacement).reshape(-1, 3)
    # PCA in the small space of mixing weights: the modes of M D under the vertex metric W.
    metric = np.repeat(_skin_weight(head, mean), 3)
    gram = (displacement * metric) @ displacement.T
    values, vectors = np.linalg.eigh(gram)
    keep = values > values[-1] * 1e-10
    root = vectors[:, keep] * np.sqrt(values[keep])  # gram = root root^T
    scores = (mixing - mixing.mean(0)) @ root
    variances, modes = np.linalg.eigh(scores.T @ scores / people)
    order = np.argsort(variances)[::-1][:components]
    # Unit-variance coefficients: the least-squares mode of all people (outside the face too) per standard deviation.
    coefficients = scores @ modes[:, order] / np.sqrt(variances[order])
    basis = (coefficients.T @ (mixing - mixing.mean(0)) / people) @ displacement
    basis = basis.reshape(components, -1, 3)
    signs = np.sign(
        basis.reshape(components, -1)[np.arange(components), np.abs(basis.reshape(components, -1)).argmax(1)]
    )
    return IdentitySpace(mean, basis * signs[:, None, None], variances[order] / variances.sum())
