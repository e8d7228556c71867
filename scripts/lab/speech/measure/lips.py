"""Distances of the lips on the mesh that a motion's ARKit weights cause."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

Curve = NDArray[np.float64]

_UPPER, _LOWER = 13, 14  # MediaPipe's points in the middle of the inner lips
_LOWER_EDGE = (87, 14, 317)  # upper edge of the lower lip around its middle
_CORNERS = (61, 291)
_OUTER_UPPER, _OUTER_LOWER = 0, 17
_FRONT_MM = 9.0  # the incisors' half width


@dataclass(frozen=True)
class LipCurves:
    """Lips of T frames, mm, on the mean face of the CC0 head; heights and protrusion in the head frame.

    Attributes:
        aperture: [T] distance of the inner lips in the middle.
        teeth: [T] height of the upper incisors' edge over the lower lip's edge; <= 0: the lip covers the edge.
        width: [T] distance of the mouth's corners.
        protrusion: [T] how far in front the lips' middle is.
        upper, lower: [T] heights of the outer lips' middles.
    """

    aperture: Curve
    teeth: Curve
    width: Curve
    protrusion: Curve
    upper: Curve
    lower: Curve

    def __len__(self) -> int:
        return len(self.aperture)

    def stacked(self) -> NDArray[np.float64]:
        """The five that describe a mouth's shape, [T, 5]: aperture, width, protrusion, upper, lower."""
        return np.stack([self.aperture, self.width, self.protrusion, self.upper, self.lower], 1)


MOUTH_MEASURES: tuple[str, ...] = ("aperture", "width", "protrusion", "upper lip", "lower lip")


class LipMeter:
    """Measures expressions; lips move linearly with the weights, so a few points of the mesh are enough.

    `scripts.lab.speech.measure.closures.mesh_aperture`, which poses the whole mesh, is the reference.
    """

    _POINTS = (_UPPER, *_LOWER_EDGE, *_CORNERS, _OUTER_UPPER, _OUTER_LOWER)

    @cached_property
    def _tables(self) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        from face3d.model.morphable_model import load_default_model
        from face3d.model.parts import Part

        model = load_default_model()
        landmarks = model.landmarks478
        chosen = torch.tensor(self._POINTS)
        rest = landmarks.of(model.mean)[chosen].double().numpy()
        moves = landmarks.of(model.expression_basis)[:, chosen].double().numpy()
        teeth = model.mean[model.part_vertices(Part.UPPER_TEETH)]
        edge = float(teeth[teeth[:, 0].abs() < _FRONT_MM, 1].min())
        return rest, moves, edge

    def measure(self, expression: NDArray[np.float32]) -> LipCurves:  # [T, 52] 0..1
        """The curves of an animation."""
        rest, moves, edge = self._tables
        points = rest + np.tensordot(expression.astype(np.float64), moves, axes=1)  # [T, P, 3]
        at = {name: points[:, i] for i, name in enumerate(self._POINTS)}
        lower_edge = np.mean([at[i][:, 1] for i in _LOWER_EDGE], axis=0)
        return LipCurves(
            aperture=np.linalg.norm(at[_UPPER] - at[_LOWER], axis=1),
            teeth=edge - lower_edge,
            width=np.linalg.norm(at[_CORNERS[0]] - at[_CORNERS[1]], axis=1),
            protrusion=np.mean([at[i][:, 2] for i in (_OUTER_UPPER, _OUTER_LOWER, _UPPER, _LOWER)], axis=0),
            upper=at[_OUTER_UPPER][:, 1],
            lower=at[_OUTER_LOWER][:, 1],
        )
