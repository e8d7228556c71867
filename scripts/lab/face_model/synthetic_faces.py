"""Pictures of random heads whose parameters are known: training and test data for fitters.

A head wears either plain colours (skin, lips, brows, irises of random tones) or a photo's skin, projected onto it from
the photo's own fit. Identity, expression and the shape's details are random; so are pose, camera, light and backdrop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from face3d.camera import Camera, head_to_camera
from face3d.compiled import kernel
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from renderers.raster.numba_rasterizer import rasterize_arrays
from renderers.raster.shading import vertex_normals_arrays
from scripts.lab.face_model.expression_sampling import sample_expression

Floats = NDArray[np.float32]

IRIS_MM, PUPIL_MM = 6.0, 2.4
_BROWS = ((46, 53, 52, 65, 55, 70, 63, 105, 66, 107), (276, 283, 282, 295, 285, 300, 293, 334, 296, 336))
_NO_PHOTO = np.zeros((1, 1, 3), np.uint8)
_SKIN, _LEFT_EYE, _RIGHT_EYE = int(Part.SKIN), int(Part.LEFT_EYEBALL), int(Part.RIGHT_EYEBALL)
_IS_SKIN = np.array([part in (Part.SKIN, Part.LIPS, Part.NECK, Part.EYE_SOCKET) for part in sorted(Part)])
_DETAIL_POINTS = 48  # places from which random shape details spread


@dataclass(frozen=True)
class PhotoSkin:
    """A photo as a head's texture: `image` [H, W, 3] uint8 RGB and, in it, the place of each vertex [V, 2]."""

    image: NDArray[np.uint8]
    vertices_px: Floats


@dataclass(frozen=True)
class SyntheticFace:
    """A picture and the truth.

    Attributes:
        image: [S, S, 3] uint8 RGB.
        camera: its camera.
        identity [K], expression [52], eye_rotation [2, 2], rotation [3] rad, translation [3] mm: as `FaceParameters`.
        neutral: [V, 3] mm, the face at rest with its random details.
        landmarks_px: [478, 2] the model's landmarks in the picture.
    """

    image: NDArray[np.uint8]
    camera: Camera
    identity: Floats
    expression: Floats
    eye_rotation: Floats
    rotation: Floats
    translation: Floats
    neutral: Floats
    landmarks_px: Floats


@dataclass(frozen=True)
class SynthesisOptions:
    """What is random and how much.

    Attributes:
        size_px: side of the square pictures.
        identity: standard deviation of identity coefficients.
        detail_mm: standard deviation of smooth shape details that the identity basis does not know.
        unit_spread: log standard deviation of a person's own strength of each expression unit.
        yaw, pitch, roll: standard deviations in radians.
        photo_share: share of heads that wear a photo, when photos are given.
    """

    size_px: int = 320
    identity: float = 1.0
    detail_mm: float = 1.0
    unit_spread: float = 0.25
    yaw: float = 0.3
    pitch: float = 0.16
    roll: float = 0.1
    photo_share: float = 0.6


class FaceSynthesizer:
    """Draws :class:`SyntheticFace` from a seed."""

    def __init__(
        self,
        model: MorphableModel,
        seed: int,
        options: SynthesisOptions | None = None,
        photos: Sequence[PhotoSkin] = (),
    ) -> None:
        self._model, self._options, self._photos = model, options or SynthesisOptions(), photos
        self._rng = np.random.default_rng(seed)
        self._triangles = model.triangles.numpy().astype(np.int32)
        self._parts = model.triangle_parts.numpy()
        self._eyes = model.eye_centers(model.mean).numpy()
        mean = model.mean.numpy()
        landmarks = model.landmarks478.of(model.mean).numpy()
        brow = np.min(
            [np.linalg.norm(mean[:, None, :2] - landmarks[None, list(b), :2], axis=2).min(1) for b in _BROWS], 0
        )
        brow[mean[:, 2] <= 0] = 99.0  # the back of the head
        # Distances from the eyes' axes and from the brows, of every vertex at rest.
        self._rest = np.concatenate(
            [mean[:, :2] - self._eyes[0, :2], mean[:, :2] - self._eyes[1, :2], brow[:, None]], 1
        )
        centres = landmarks[np.random.default_rng(0).choice(468, _DETAIL_POINTS, replace=False)]
        square = ((mean[:, None] - centres[None]) ** 2).sum(2)
        self._details = np.concatenate([np.exp(-square / (2 * width**2)) for width in (12.0, 25.0, 45.0)], 1).astype(
            np.float32
        )

    def sample(
        self, identity: Floats | None = None, detail: Floats | None = None, expression: Floats | None = None
    ) -> SyntheticFace:
        """One face.

        Args:
            identity: [K]; with `detail` for another picture of the same person.
            detail: [V, 3] mm.
            expression: [52] 0..1; random when not given.
        """
        rng, options, model = self._rng, self._options, self._model
        if identity is None:
            identity = (rng.normal(size=model.identity_size) * options.identity).astype(np.float32)
        if detail is None:
            detail = self.sample_detail()
        if expression is None:
            expression = sample_expression(rng).astype(np.float32)
        strengths = np.exp(rng.normal(size=52) * options.unit_spread) * (expression > 0)
        gaze = rng.normal(size=(1, 2)) * (0.12, 0.2) * (rng.random() < 0.6)
        eyes = np.clip(np.repeat(gaze, 2, 0), -0.5, 0.5).astype(np.float32)
        personal = model.vertices(
            torch.from_numpy(identity),
            torch.from_numpy((expression * strengths).astype(np.float32)),
            torch.tensor(eyes),
        )
        vertices = personal + torch.from_numpy(detail)
        rotation = rng.normal(size=3) * (options.pitch, options.yaw, options.roll)
        camera, translation = self._camera()
        turned = torch.tensor(rotation, dtype=torch.float32)
        placed = head_to_camera(vertices, turned, torch.tensor(translation, dtype=torch.float32))
        image = self._draw(placed.numpy(), camera)
        neutral = model.neutral(torch.from_numpy(identity)).numpy() + detail
        return SyntheticFace(
            image=image,
            camera=camera,
            identity=identity,
            expression=expression,
            eye_rotation=eyes,
            rotation=rotation.astype(np.float32),
            translation=translation.astype(np.float32),
            neutral=neutral,
            landmarks_px=camera.project(model.landmarks478.of(placed)).numpy(),
        )

    def sample_detail(self) -> Floats:
        """[V, 3] mm of smooth shape details outside the identity basis."""
        shape = (self._details.shape[1], 3)
        amounts = self._rng.standard_normal(shape, np.float32) * np.float32(self._options.detail_mm / 3)
        return np.asarray(self._details @ amounts)

    def _camera(self) -> tuple[Camera, NDArray[np.float64]]:
        rng, size = self._rng, self._options.size_px
        distance = float(np.clip(np.exp(rng.normal(np.log(750), 0.35)), 350, 2500))
        focal = size * rng.uniform(0.55, 0.9) / 190.0 * distance  # a face is about 190 mm high
        offset = rng.normal(size=2) * 12.0
        camera = Camera(float(focal), (size / 2, size / 2), (size, size))
        return camera, np.array([offset[0], offset[1] - 15.0, distance + 60.0])

    def _draw(self, placed: Floats, camera: Camera) -> NDArray[np.uint8]:
        rng, size = self._rng, self._options.size_px
        projected = placed.copy()
        projected[:, :2] = placed[:, :2] / placed[:, 2:] * camera.focal_px + camera.principal_point_px
        fragments = rasterize_arrays(projected, self._triangles, size, size)
        photo, photo_px, plain = _NO_PHOTO, np.zeros((len(placed), 2), np.float32), True
        if self._photos and rng.random() < self._options.photo_share:
            skin = self._photos[int(rng.integers(len(self._photos)))]
            photo, photo_px, plain = skin.image, skin.vertices_px, False
        table, iris, brow = self._colours()
        lights, tint = self._lights(plain)
        picture = self._background(size)
        _paint(
            fragments.face_index,
            fragments.barycentric,
            self._triangles,
            self._parts,
            vertex_normals_arrays(placed, self._triangles),
            self._rest,
            table,
            iris,
            brow,
            photo,
            photo_px,
            lights,
            tint,
            picture,
        )
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.3, 1.0))).astype(np.float32, copy=False)
        picture += rng.standard_normal(picture.shape, np.float32) * np.float32(rng.uniform(0, 0.02))
        return (np.clip(picture, 0, 1) * 255).astype(np.uint8)

    def _colours(self) -> tuple[Floats, Floats, float]:
        """Albedo [P, 3] of the parts, of the iris [3], and how dark the brows are (0..1)."""
        rng = self._rng
        base = (
            np.array([0.95, 0.75, 0.62]) * rng.uniform(0.2, 1.0) ** np.array([1, 1.15, 1.3]) * rng.uniform(0.9, 1.1, 3)
        )
        table = np.tile(base, (len(Part), 1))
        table[Part.LIPS] = base * rng.uniform((0.75, 0.55, 0.55), (1.05, 1.0, 1.0))
        table[Part.INNER_MOUTH] = rng.uniform((0.15, 0.05, 0.05), (0.5, 0.25, 0.25))
        table[Part.UPPER_TEETH] = table[Part.LOWER_TEETH] = np.array([0.95, 0.93, 0.88]) * rng.uniform(0.7, 1.0)
        table[Part.TONGUE] = (0.75, 0.38, 0.4)
        table[Part.LEFT_EYEBALL] = table[Part.RIGHT_EYEBALL] = rng.uniform(0.8, 1.0)
        table[Part.LASHES] = (0.12, 0.09, 0.08)
        iris = rng.uniform((0.1, 0.08, 0.05), (0.45, 0.45, 0.5))
        brow = float(rng.uniform(0.3, 0.9)) if rng.random() < 0.6 else 0.0
        return table.astype(np.float32), iris.astype(np.float32), brow

    def _lights(self, plain: bool) -> tuple[Floats, Floats]:
        """Directions times strength [3, 3] (the last row's first number is the ambient part), and the light's tint [3];
        gentle on photos, which bring their own light."""
        rng = self._rng
        strength = rng.uniform(0.4, 1.0) if plain else rng.uniform(0.0, 0.4)
        lights = np.zeros((3, 3), np.float32)
        for row, share in enumerate((0.8, 0.3)):
            direction = rng.normal(size=3) * (0.7, 0.5, 0.3) + (0, -0.3, -0.8)
            lights[row] = direction / np.linalg.norm(direction) * share * strength
        lights[2, 0] = 1 - strength * 0.75
        return lights, rng.uniform(0.9, 1.1, 3).astype(np.float32)

    def _background(self, size: int) -> Floats:
        rng = self._rng
        shape = (rng.integers(1, 6), rng.integers(1, 6), 3)
        coarse = (rng.uniform(0, 1, 3) + rng.normal(size=shape) * rng.uniform(0, 0.25)).astype(np.float32)
        smooth = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
        return np.clip(smooth, 0, 1).reshape(size, size, 3).astype(np.float32, copy=False)


@kernel
def _paint(  # type: ignore[no-untyped-def]
    face_index, barycentric, triangles, parts, normals, rest, table, iris, brow, photo, photo_px, lights, tint, picture
):
    """Colour every covered pixel: `rest` [V, 5] is (x, y from the left and the right eye's axis, brow distance)."""
    height, width = face_index.shape
    last_y, last_x = photo.shape[0] - 1, photo.shape[1] - 1
    for row in range(height):
        for column in range(width):
            f = face_index[row, column]
            if f < 0:
                continue
            part = parts[f]
            n0, n1, n2, u, v, eye, distance = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            ex, ey = 0.0, 0.0
            side = 0 if part == _LEFT_EYE else 2
            for k in range(3):
                w, vertex = barycentric[row, column, k], triangles[f, k]
                n0 += w * normals[vertex, 0]
                n1 += w * normals[vertex, 1]
                n2 += w * normals[vertex, 2]
                u += w * photo_px[vertex, 0]
                v += w * photo_px[vertex, 1]
                ex += w * rest[vertex, side]
                ey += w * rest[vertex, side + 1]
                distance += w * rest[vertex, 4]
            length = max(np.sqrt(n0 * n0 + n1 * n1 + n2 * n2), 1e-9)
            light = lights[2, 0]
            for k in range(2):
                light += max((n0 * lights[k, 0] + n1 * lights[k, 1] + n2 * lights[k, 2]) / length, 0.0)
            eye = np.sqrt(ex * ex + ey * ey)
            on_eye = part in (_LEFT_EYE, _RIGHT_EYE)
            textured = last_x > 0 and _IS_SKIN[part]
            u, v = min(max(u - 0.5, 0.0), last_x - 1e-3), min(max(v - 0.5, 0.0), last_y - 1e-3)
            x, y = int(u), int(v)
            u, v = u - x, v - y
            dark = min(max((4.5 - distance) / 2, 0.0), 1.0) * brow if part == _SKIN else 0.0
            for k in range(3):
                colour = table[part, k] * (1 - 0.75 * dark)
                if on_eye and eye < IRIS_MM:
                    colour = iris[k] if eye > PUPIL_MM else 0.03
                if textured:
                    top = photo[y, x, k] * (1 - u) + photo[y, x + 1, k] * u
                    low = photo[y + 1, x, k] * (1 - u) + photo[y + 1, x + 1, k] * u
                    colour = (top * (1 - v) + low * v) / 255.0
                picture[row, column, k] = colour * light * tint[k]
