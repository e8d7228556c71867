"""What one look at a picture gives, and whoever looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from face3d.detect.view import ImageArray


@dataclass(frozen=True, eq=False)
class RawFace:
    """One face in a square picture.

    Attributes:
        landmarks: [478, 3] float32; x and y in 0..1 of the picture's side, z in units of it.
        scores: [52] float32 in 0..1, in the order of `face3d.arkit.ARKIT_NAMES`.
        head_matrix: [4, 4] float32, canonical face (cm) to camera.
    """

    landmarks: NDArray[np.float32]
    scores: NDArray[np.float32]
    head_matrix: NDArray[np.float32]


class Landmarker(Protocol):
    """Looks at pictures."""

    def look(self, picture: ImageArray) -> list[RawFace]:
        """The faces that one look at a picture [S, S, 3] uint8 RGB shows, the surest first."""
        ...

    def close(self) -> None:
        """Release what it holds; it cannot be used any more."""
        ...
