"""Y' -> Y from one photo: the driven head mesh, textured by the photo, pasted over it at the photo's own resolution."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face3d.model.landmark_sets import FACE_OVAL, INNER_LIPS, OUTER_LIPS
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from face3d.model.personal_shapes import personal_model
from face3d.parameters import FaceParameters
from renderers.avatar import Avatar, Change
from renderers.eyes.painter import EyePainter
from renderers.face_network.correction import FaceRefinement, FaceView, RenderedFace
from renderers.face_network.planes import FaceSurface
from renderers.head.driven_mesh import DrivenFrame, DrivenMesh
from renderers.head.materials import Kind, kinds_of_parts
from renderers.head.relight import Relight
from renderers.head.skin_kernels import View, affine_maps, composite, shade, skin_layer
from renderers.mouth.anatomy import lining_on_lips
from renderers.mouth.lip_seam import LipSeam
from renderers.mouth.painter import MouthPainter
from renderers.photo.cutout import CutOut, cut_out
from renderers.photo.layers import build_layers, face_height, polygon_mask
from renderers.photo.toning import Toning
from renderers.pixels.region import Region
from renderers.pose import Pose
from renderers.raster.numba_rasterizer import find_visible
from renderers.raster.shading import vertex_normals_arrays
from renderers.surround.grid import SurroundOptions
from renderers.surround.warp import SurroundWarp

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# The mouth's lining would poke through thin lips: for visibility it counts as this much farther away, mm.
INSIDE_BEHIND_MM = 25.0
# Cosines between the line of sight and the skin's normal, from not drawn to fully drawn.
_GRAZING = (0.12, 0.35)


@dataclass(frozen=True)
class AvatarOptions:
    """How the photo is animated.

    Attributes:
        supersampling: samples per pixel and axis of the lips; more than one changes a few pixels at their corners, for
            the mouth's inside has smooth edges of its own.
        surround: reach of the warp around the face.
        refine: whether the face network corrects the drawn face: a little nearer to real frames, a little hazier mouths
            (`renderers/assets/face-v1.md`).
    """

    supersampling: int = 1
    surround: SurroundOptions = field(default_factory=SurroundOptions)
    refine: bool = False


@dataclass(frozen=True, eq=False)
class AvatarState:
    """What is kept of a photo besides what the stages keep.

    Attributes:
        crop: the window of the photo that changes.
        triangles: [F, 3] what is drawn of the mesh.
        source: [V, 2] px in the crop, where the photo shows its vertices.
        skin: [2h - 1, 2w - 1, 4] uint8, see `skin_layer`.
        lining: [N] the vertices of the mouth's lining.
        margin: px around what is drawn.
        samples: per pixel and axis of the lips.
        toning: of photos of one tone.
    """

    crop: Region
    triangles: NDArray[np.int32]
    source: FloatArray
    skin: Image
    lining: NDArray[np.int64]
    margin: float
    samples: int
    toning: Toning | None


class PhotoAvatar(Avatar):
    """A photo that can be driven by face parameters; the expensive part happens once, here.

    Args:
        image: [H, W, 3] uint8 RGB, any size; frames have the same size.
        parameters: the photo's fit; its first frame is used.
        landmarks_px: [478, 2] the detected points, in pixels.
        options: see `AvatarOptions`.
        model: the face model of the parameters; the default one when not given.
        cutout: `cut_out(image, landmarks_px)`, if it is made already.

    Attributes:
        origin: [2] the corner of the window that changes, px in the photo.
        state: what is drawn, by this or by `renderers.batched.avatar`.
        mesh, warp, relight, mouth, seam, eyes, refinement: the stages, each with a state of its own; the last is None
            unless wanted.
    """

    def __init__(
        self,
        image: Image,
        parameters: FaceParameters,
        landmarks_px: FloatArray,
        options: AvatarOptions | None = None,
        model: MorphableModel | None = None,
        cutout: CutOut | None = None,
    ) -> None:
        self._image = np.array(image, order="C")
        options = options or AvatarOptions()
        model = personal_model(parameters, model)
        self.mesh = DrivenMesh(model, parameters, landmarks_px)
        cutout = cutout or cut_out(self._image, landmarks_px)
        self._photo, local, self.origin = cutout.photo, cutout.landmarks, cutout.region.origin
        layers = build_layers(self._photo, local)
        self.eyes = EyePainter(self._photo, layers.skin, self.mesh, self.origin)
        self.seam = LipSeam(layers, local, self.mesh.own_lip_opening_mm)
        self.mouth = MouthPainter(self._photo, self.mesh, local, self.origin, layers)
        source = self.mesh.source - self.origin
        on_lips = lining_on_lips(model, source)
        triangles, kinds = _drawn_triangles(model)
        self._skin_triangles = skin = np.ascontiguousarray(triangles[kinds == Kind.SKIN])
        undriven = self.mesh.undriven()
        self._face_mask = layers.face_mask * _frontal(source, undriven.camera, skin, layers.face_mask.shape)
        face_skin = _face_triangles(triangles, kinds, on_lips, self._face_mask)
        shut = _without_mouth(cutout, layers.skin)
        self.warp = SurroundWarp(self.mesh, face_skin, shut, options.surround)
        self.relight = Relight(self._photo, local, source, undriven.camera, skin)
        self._landmarks = model.landmarks478
        self.state = AvatarState(
            cutout.region,
            triangles,
            on_lips,
            skin_layer(self.eyes.skin, self._face_mask),
            model.part_vertices(Part.INNER_MOUTH).numpy(),
            0.03 * face_height(landmarks_px),
            options.supersampling,
            Toning.of(self._photo),
        )
        self.refinement = FaceRefinement(self.face_view) if options.refine else None
        # The warp and the mesh are drawn at the same time: both run without Python's lock.
        self._pool = ThreadPoolExecutor(1)

    @cached_property
    def face_view(self) -> FaceView:
        """What the face network is shown; made when it is needed, for it is off by default."""
        undriven = self.mesh.undriven()
        skin, source = self._skin_triangles, self.mesh.source - self.origin
        surface = FaceSurface.of(self.mesh.model, skin, source, undriven.camera, self._face_mask)
        return FaceView.of(self._photo, self._landmark_pixels(undriven.pixels) - self.origin, surface)

    @property
    def photo(self) -> Image:
        return self._image

    @property
    def expression(self) -> Tensor:
        return self.mesh.expression

    def render_changed(self, pose: Pose) -> Change:
        drawn = self.draw(pose)
        if self.refinement is not None:
            self.refinement.draw(drawn)
        if self.state.toning is not None:
            box = Region.around(drawn.points, self.state.margin, self.state.crop.width, self.state.crop.height)
            if box is not None:
                self.state.toning.apply(drawn.crop, box.window)
        return Change(drawn.crop, self.state.crop.left, self.state.crop.top)

    def draw(self, pose: Pose) -> RenderedFace:
        """One frame's crop before the face network has seen it, with what was drawn."""
        frame = self.mesh.drive(pose.expression, pose.turn, pose.gaze, pose.shift)
        pixels = frame.pixels.copy()
        pixels[:, :2] -= self.origin
        pixels[self.state.lining, 2] += INSIDE_BEHIND_MM
        warped = self._pool.submit(self.warp, frame)
        points = self._landmark_pixels(pixels)
        overlays = self._overlays(frame, pixels, points)
        crop = warped.result()
        for region, overlay in overlays:
            composite(crop, overlay, region.top, region.left)
        self.mouth.draw(crop, frame, points)
        self.seam.draw(crop, points, frame.lip_opening_mm)
        self.eyes.draw(crop, frame, points)
        context = torch.cat([pose.expression - self.mesh.expression, pose.turn, pose.gaze.reshape(-1)])
        return RenderedFace(crop, frame, points, pixels, context)

    def _landmark_pixels(self, pixels: FloatArray) -> FloatArray:
        corners = self._landmarks.triangles.numpy()
        return (pixels[corners][..., :2] * self._landmarks.barycentric.numpy()[..., None]).sum(1)

    def _overlays(self, frame: DrivenFrame, pixels: FloatArray, points: FloatArray) -> list[tuple[Region, Image]]:
        """The face, then the lips with more samples per pixel, in the order in which they go over the photo."""
        gains = self.relight.gains(frame.camera)
        maps = affine_maps(pixels[:, :2], self.state.triangles, np.concatenate([self.state.source, gains[:, None]], 1))
        result = []
        rings: list[tuple[tuple[int, ...], int]] = [(FACE_OVAL, 1)]
        if self.state.samples > 1:
            rings.append((INNER_LIPS, self.state.samples))
        for ring, samples in rings:
            region = Region.around(points[list(ring)], self.state.margin, self.state.crop.width, self.state.crop.height)
            if region is not None:
                view = View(region.left, region.top, samples)
                result.append((region, self._draw(view, region, pixels, maps)))
        return result

    def _draw(self, view: View, region: Region, pixels: FloatArray, maps: FloatArray) -> Image:
        """[h, w, 4] premultiplied colours of a region."""
        local = pixels.copy()
        local[:, :2] = (local[:, :2] - (region.left, region.top)) * view.samples
        size = region.height * view.samples, region.width * view.samples
        # What is seen from behind lies behind something else: a quarter of the work.
        visible = find_visible(local, self.state.triangles, *size, cull_backfaces=True)
        overlay = shade(visible, view, maps, self.state.skin)
        if view.samples > 1:
            size = region.width, region.height
            overlay = np.asarray(cv2.resize(overlay, size, interpolation=cv2.INTER_AREA), np.uint8)
        return overlay


def _without_mouth(cutout: CutOut, skin: Image) -> CutOut:
    """The cut-out with `skin` between its lips: its own teeth would shine through the painted mouth's soft rim."""
    photo, person = cutout.photo.copy(), cutout.layers.person.copy()
    lips = polygon_mask(photo.shape[:2], cutout.landmarks[list(OUTER_LIPS)]) & (person[..., 3] == 255)
    photo[lips], person[lips, :3] = skin[lips], skin[lips]
    return replace(cutout, photo=photo, layers=replace(cutout.layers, person=person))


def _drawn_triangles(model: MorphableModel) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Triangles [F, 3] and kinds [F] that take their colour from the photo: skin, eyes and the mouth's lining.

    The lining counts as skin: it continues the lips where they open wider than the painted inside.
    """
    triangles = model.triangles.numpy().astype(np.int32)
    kinds = kinds_of_parts(model.triangle_parts.numpy())
    # Behind the ears there is only the back of the head, which the photo does not show.
    front = model.mean.numpy()[:, 2] > -60
    kinds[kinds == Kind.MOUTH] = Kind.SKIN
    keep = (kinds == Kind.EYE) | ((kinds == Kind.SKIN) & front[triangles].all(1))
    return np.ascontiguousarray(triangles[keep]), np.ascontiguousarray(kinds[keep])


def _frontal(
    source: FloatArray, camera: FloatArray, skin: NDArray[np.int32], shape: tuple[int, ...]
) -> FloatArray:  # [h, w]
    """1 where the photo shows skin from the front, 0 where it only grazes it: turned towards us, that would be smeared.

    Drawn at a quarter of the photo's size: it is smooth.
    """
    small = (source / 4).astype(np.float32)
    size = -(-shape[0] // 4), -(-shape[1] // 4)
    facing = -vertex_normals_arrays(camera, skin)[:, 2:]
    maps = affine_maps(small, skin, facing)
    visible = find_visible(np.concatenate([small, camera[:, 2:]], 1).astype(np.float32), skin, *size)
    rows, columns = np.nonzero(visible >= 0)
    at = maps[visible[rows, columns], :, 0]
    picture = np.ones(size, np.float32)
    picture[rows, columns] = at[:, 0] + at[:, 1] * (columns + 0.5) + at[:, 2] * (rows + 0.5)
    low, high = _GRAZING
    share = np.clip((picture - low) / (high - low), 0, 1)
    smooth = cv2.GaussianBlur(share, (0, 0), max(0.8, 0.004 * shape[0]))
    large = cv2.resize(smooth, (4 * size[1], 4 * size[0]), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(large[: shape[0], : shape[1]])


def _face_triangles(
    triangles: NDArray[np.int32], kinds: NDArray[np.int32], source: FloatArray, mask: FloatArray
) -> NDArray[np.int32]:
    """[F', 3] the skin that the face mask covers: what the surround has to follow."""
    reach = cv2.dilate((mask > 0).astype(np.uint8), np.ones((9, 9), np.uint8))
    at = np.clip(np.floor(source).astype(int), 0, (mask.shape[1] - 1, mask.shape[0] - 1))
    covered = reach[at[:, 1], at[:, 0]].astype(bool)
    return np.ascontiguousarray(triangles[(kinds == Kind.SKIN) & covered[triangles].any(1)])
