"""Eyes of a driven photo: the eyeballs turn behind the lids, the lids close over them and carry their lashes along."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from face3d.model.landmark_sets import LEFT_IRIS, RIGHT_IRIS
from face3d.model.parts import Part
from renderers.eyes.eyeball import SHADOW_REACH, Eyeball, Sphere, read_eyeball
from renderers.eyes.kernels import grow_lid, lay_strips, paint_ball
from renderers.eyes.lids import LashStrips, bare_lids, lash_strips, lid_reach, skin_grain
from renderers.eyes.opening import EyeOpening
from renderers.head.driven_mesh import DrivenFrame, DrivenMesh
from renderers.photo.layers import face_height

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# Around an eye: to the sides in widths of the eye, up and down in 1/256 of the face's height.
ASIDE, UP_DOWN = 0.32, 15.0
# The eyeball turns about a point behind its front by this, mm; irises lie on this sphere of the model.
RADIUS_MM = 15.2
# A catch-light lies on the cornea, a sphere of 7.8 mm whose centre is 5.6 mm before the eyeball's: it moves with that
# centre, half as far as the iris, 11 mm before it (mean values of adults; Atchison, Smith: Optics of the human eye).
GLINT_SHARE = 0.5


@dataclass(frozen=True)
class Eye:
    """What one eye keeps; `side` is 0 for the left one, `vertices` are those of its eyeball, `lid` is plain skin of
    which the closing lid takes what lies up to `reach` px above the rim."""

    side: int
    vertices: NDArray[np.int64]
    opening: EyeOpening
    ball: Eyeball
    strips: LashStrips
    lid: FloatArray
    reach: np.float32
    grain: FloatArray


@dataclass(frozen=True, eq=False)
class EyesState:
    """What is kept of a photo.

    Attributes:
        eyes: those that the photo shows.
        camera: [V, 3] mm, the undriven vertices.
        origin: [2] px, the crop's corner in the photo.
        focal: px, the camera's.
        unit: 1/256 of the face's height, px.
        edge: over how many pixels lids end.
    """

    eyes: tuple[Eye, ...]
    camera: FloatArray
    origin: FloatArray
    focal: float
    unit: float
    edge: float


class EyePainter:
    """Draws the eyes of one photo.

    Args:
        photo: [h, w, 3] uint8, the crop of the photo.
        skin: [h, w, 3] uint8, the crop without open eyes and mouth (`PhotoLayers.skin`).
        mesh: the photo's mesh.
        origin: [2] px, the crop's corner in the photo.

    Attributes:
        skin: [h, w, 3] uint8, `skin` with bare lids: what the driven mesh shows before the eyes are drawn.
        state: what is painted, by this or by `renderers.batched.eyes`.
    """

    def __init__(self, photo: Image, skin: Image, mesh: DrivenMesh, origin: FloatArray) -> None:
        rest = mesh.undriven()
        corners, weights = (a.numpy() for a in (mesh.model.landmarks478.triangles, mesh.model.landmarks478.barycentric))
        landmarks = (rest.pixels[corners][..., :2] * weights[..., None]).sum(1) - origin
        unit = face_height(landmarks) / 256
        edge = max(1.0, 0.6 * unit)
        self.state = EyesState((), rest.camera, origin.astype(np.float32), mesh.camera.focal_px, unit, edge)
        openings = [EyeOpening.of(landmarks, side) for side in (0, 1)]
        self.skin, plain = bare_lids(skin, openings, unit)
        eyes = []
        parts, irises = (Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL), (LEFT_IRIS, RIGHT_IRIS)
        for side, (opening, part, iris) in enumerate(zip(openings, parts, irises, strict=True)):
            vertices = mesh.model.part_vertices(part).numpy()
            box = self._box(opening, photo.shape)
            if box is None or not len(vertices):
                continue
            radius = float(np.linalg.norm(landmarks[list(iris[1:])] - landmarks[iris[0]], axis=1).mean())
            ball = read_eyeball(photo, opening, self._sphere(rest, vertices), (landmarks[iris[0]], radius), box, unit)
            empty = LashStrips.empty(ball.texture.shape[:2])
            window = slice(box[1], box[3]), slice(box[0], box[2])
            grain = skin_grain(photo, opening, unit)
            reach = lid_reach(landmarks, opening, side, unit)
            eye = Eye(side, vertices, opening, ball, empty, plain[window].astype(np.float32), reach, grain)
            base = self.skin.copy()
            self._paint(base, eye, rest, opening, 0.0)
            strips = lash_strips(photo[window], base[window], opening, box, unit)
            eyes.append(replace(eye, strips=strips))
        self.state = replace(self.state, eyes=tuple(eyes))

    def draw(self, crop: Image, frame: DrivenFrame, points: FloatArray) -> None:
        """Paint both eyes over the skin of a frame.

        Args:
            crop: [h, w, 3] uint8 with the driven skin, changed in place.
            frame: the frame.
            points: [478, 2] px, its landmarks in the crop.
        """
        for eye in self.state.eyes:
            self._paint(crop, eye, frame, EyeOpening.of(points, eye.side), frame.lid_closure[eye.side])

    def _sphere(self, frame: DrivenFrame, vertices: NDArray[np.int64]) -> Sphere:
        depth = float(frame.camera[vertices, 2].mean())
        center = frame.pixels[vertices, :2].mean(0) - self.state.origin
        return Sphere(center.astype(np.float32), RADIUS_MM * self.state.focal / depth)

    def _box(
        self, opening: EyeOpening, shape: tuple[int, ...], zoom: float = 1.0, photo_rim: float = 0.0
    ) -> tuple[int, int, int, int] | None:
        """left, top, right, bottom px of what an eye changes; None where that lies outside the picture.

        What a closing lid unfolds begins above where its rim was in the photo, `photo_rim` px below the corners.
        """
        axes = opening.axes
        s = np.array([-ASIDE, 1 + ASIDE, -ASIDE, 1 + ASIDE], np.float32)
        reach = UP_DOWN * self.state.unit * zoom
        high, low = (
            min(float(opening.upper.min()), zoom * photo_rim, 0.0) - reach,
            max(float(opening.lower.max()), 0.0) + reach,
        )
        v = np.array([high, high, low, low], np.float32)
        corners = axes[:2] + s[:, None] * axes[2:4] + v[:, None] * axes[4:6]
        left, top = np.maximum(np.floor(corners.min(0)), 0).astype(int)
        right, bottom = np.minimum(np.ceil(corners.max(0)), (shape[1], shape[0])).astype(int)
        return (int(left), int(top), int(right), int(bottom)) if right - left > 1 and bottom - top > 1 else None

    @staticmethod
    def glint_shift(ball: Eyeball, turn: FloatArray, radius: float) -> FloatArray:  # [2] px
        """How far the catch-light of an eyeball of `radius` px moves against the eyeball's centre."""
        return np.asarray(GLINT_SHARE * radius * (turn @ ball.iris - ball.iris)[:2], np.float32)

    def _paint(self, crop: Image, eye: Eye, frame: DrivenFrame, opening: EyeOpening, closure: float) -> None:
        ball, now = eye.ball, self._sphere(frame, eye.vertices)
        zoom = now.radius / ball.sphere.radius
        box = self._box(opening, crop.shape, zoom, float(eye.opening.upper.min()))
        if box is None:
            return
        turn = rotation_between(self.state.camera[eye.vertices], frame.camera[eye.vertices])
        glint = self.glint_shift(ball, turn, now.radius)
        own = eye.opening
        left, top, right, bottom = box
        window = crop[top:bottom, left:right].astype(np.float32)
        corner = (np.float32(left), np.float32(top))
        curves, photo = (opening.axes, opening.upper, opening.lower), (own.axes, own.upper, own.lower)
        scale = (np.float32(zoom), np.float32(self.state.unit), np.float32(self.state.edge), np.float32(closure))
        origin = (np.float32(ball.origin[0]), np.float32(ball.origin[1]))
        grow_lid(window, corner, curves, photo, (*scale[:2], eye.reach), eye.lid, eye.grain, origin)
        places = np.array([*now.center, *ball.sphere.center, ball.sphere.radius, *glint], np.float32)
        light = (np.float32(ball.shadow), np.float32(SHADOW_REACH * self.state.unit))
        paint_ball(window, corner, curves, (*scale, *light), places, turn, ball.texture, ball.highlight, origin)
        strips = eye.strips
        lay_strips(window, corner, curves, photo, scale, strips.upper, strips.lower, origin)
        crop[top:bottom, left:right] = np.clip(window + np.float32(0.5), 0, 255).astype(np.uint8)


def rotation_between(before: FloatArray, after: FloatArray) -> FloatArray:  # [N, 3] each -> [3, 3]
    """The rotation that turns one set of points into another about their means (Kabsch)."""
    u, _, vt = np.linalg.svd((before - before.mean(0)).T @ (after - after.mean(0)))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return np.ascontiguousarray((u @ flip @ vt).T, np.float32)
