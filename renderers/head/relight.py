"""Light on a head that turns: the photo's shading is replaced by what its light gives on the new normals.

The light is distant and second-order (Ramamoorthi and Hanrahan, "An efficient representation for irradiance environment
maps", 2001), fitted to the photo's skin as if that had one colour; what the skin looks like is then multiplied by the
ratio of the two shadings (ratio images: Marschner and Greenberg, 1997), in which the skin's colour cancels out.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.model.landmark_sets import FACE_OVAL, LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from renderers.photo.layers import face_height, luminance, polygon_mask
from renderers.raster.shading import SH_COUNT, sh_basis_arrays, vertex_normals_arrays

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

GAMMA = 2.2
# Shading is at least this share of the ambient light's, and this.
LEAST_LIGHT, DARKEST = 0.15, 1e-4


@dataclass(frozen=True)
class RelightOptions:
    """How far the fitted light is trusted.

    Attributes:
        prior: pull of the light's directional coefficients to zero, as a share of the number of skin vertices.
        least, most: bounds of the ratio of shadings, linear light.
        border: width of the zone inside the face's outline in which the ratio fades to 1, in face heights: what lies
            beyond is not relit.
    """

    prior: float = 0.02
    least: float = 0.7
    most: float = 1.4
    border: float = 0.12


@dataclass(frozen=True, eq=False)
class RelightState:
    """What is kept of a photo.

    Attributes:
        options: bounds.
        triangles: [F, 3] the skin.
        light: [9] coefficients over `sh_basis_arrays`.
        before: [V] the photo's own shading.
        weight: [V] 0..1, how much is relit.
    """

    options: RelightOptions
    triangles: NDArray[np.int32]
    light: FloatArray
    before: FloatArray
    weight: FloatArray


class Relight:
    """Ratios of shading for one photo.

    Args:
        photo: [h, w, 3] uint8, the crop.
        landmarks: [478, 2] px in the crop.
        source: [V, 2] px, where the vertices lie in the crop.
        camera: [V, 3] mm, the undriven vertices in the camera frame.
        triangles: [F, 3] the skin that is drawn.
        options: see `RelightOptions`.

    Attributes:
        state: what was prepared, for this and for `renderers.batched.skin`.
    """

    def __init__(
        self,
        photo: Image,
        landmarks: FloatArray,
        source: FloatArray,
        camera: FloatArray,
        triangles: NDArray[np.int32],
        options: RelightOptions | None = None,
    ) -> None:
        options = options or RelightOptions()
        normals = vertex_normals_arrays(camera, triangles)
        columns, rows = np.floor(source).astype(int).T
        inside = (columns >= 0) & (rows >= 0) & (columns < photo.shape[1]) & (rows < photo.shape[0])
        columns, rows = columns.clip(0, photo.shape[1] - 1), rows.clip(0, photo.shape[0] - 1)
        facing = (normals[:, 2] < -0.2) & inside
        skin = _skin_mask(photo.shape[:2], landmarks)[rows, columns] & facing
        smooth = cv2.GaussianBlur(photo, (0, 0), max(0.8, 0.01 * face_height(landmarks)))
        bright = (luminance(smooth[rows, columns].astype(np.float32)) / 255) ** GAMMA
        light = fit_light(normals[skin], bright[skin].astype(np.float32), options.prior)
        weight = self._fade(photo.shape[:2], landmarks, options)[rows, columns] * inside
        self.state = RelightState(options, triangles, light, _shading(normals, light), weight)

    @staticmethod
    def _fade(shape: tuple[int, int], landmarks: FloatArray, options: RelightOptions) -> FloatArray:
        """[h, w] 1 inside the face, falling to 0 at its outline."""
        oval = polygon_mask((shape[0], shape[1]), landmarks[list(FACE_OVAL)]).astype(np.uint8)
        distance = cv2.distanceTransform(oval, cv2.DIST_L2, 3) / (options.border * face_height(landmarks))
        t = np.clip(distance, 0, 1)
        return (t * t * (3 - 2 * t)).astype(np.float32)

    def gains(self, camera: FloatArray) -> FloatArray:  # [V, 3] mm -> [V]
        """Factors on the photo's gamma-encoded colours for driven vertices; 1 where nothing has turned."""
        state = self.state
        ratio = _shading(vertex_normals_arrays(camera, state.triangles), state.light) / state.before
        ratio = np.clip(ratio, state.options.least, state.options.most)
        return (1 + state.weight * (ratio ** (1 / GAMMA) - 1)).astype(np.float32)


def _shading(normals: FloatArray, light: FloatArray) -> FloatArray:  # [V, 3] -> [V]
    floor = LEAST_LIGHT * float(light[0])
    return np.maximum(sh_basis_arrays(normals) @ light, max(floor, DARKEST)).astype(np.float32)


def fit_light(normals: FloatArray, bright: FloatArray, prior: float) -> FloatArray:
    """The light that best explains how bright skin of one colour is.

    Args:
        normals: [N, 3] unit normals.
        bright: [N] linear luminance.
        prior: pull of all but the constant term to zero, as a share of N.

    Returns:
        [9] coefficients over `sh_basis_arrays`; only a constant when there are too few points.
    """
    light = np.zeros(SH_COUNT, np.float32)
    if len(normals) < 4 * SH_COUNT:
        light[0] = 1.0
        return light
    basis = sh_basis_arrays(normals).astype(np.float64)
    pull = prior * len(normals) * np.diag([0.0, *[0.3] * 3, *[1.0] * 5])
    weight: NDArray[np.floating] = np.ones(len(normals))
    solution: NDArray[np.floating] = np.zeros(SH_COUNT)
    # Beards, moles and highlights are not light: three rounds of Huber's weights.
    for _ in range(3):
        normal = basis.T @ (basis * weight[:, None]) + pull
        solution = np.linalg.solve(normal, basis.T @ (bright * weight))
        error = np.abs(basis @ solution - bright)
        weight = np.minimum(1.0, 1.5 * np.median(error) / np.maximum(error, 1e-9))
    light[:] = solution
    if light[0] <= 0:
        light[:] = 0
        light[0] = 1.0
    return light


def _skin_mask(shape: tuple[int, int], landmarks: FloatArray) -> NDArray[np.bool_]:
    """Pixels of the face that are neither eyes, with their brows, nor lips."""
    unit = face_height(landmarks) / 256
    mask = polygon_mask(shape, landmarks[list(FACE_OVAL)], -4 * unit)
    for ring, grow in ((LEFT_EYE, 10.0), (RIGHT_EYE, 10.0), (OUTER_LIPS, 4.0)):
        mask &= ~polygon_mask(shape, landmarks[list(ring)], grow * unit)
    return mask
