"""Photos whose face is larger than a frame's work allows: drawn smaller, and enlarged where the picture moves.

Everything that never moves keeps the photo's own pixels. What moves has the detail of a face of about
`renderers.photo.cutout.WORKING_FACE_PX`, which is more than any player's window shows of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face3d.arkit import ARKIT_INDEX
from face3d.camera import Camera
from face3d.model.morphable_model import MorphableModel
from face3d.parameters import FaceParameters
from renderers.avatar import Avatar, Change
from renderers.photo.cutout import CutOut, shrink, working_factor
from renderers.photo.layers import face_height
from renderers.photo_avatar import AvatarOptions, PhotoAvatar
from renderers.pixels.region import Region
from renderers.pose import Pose

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]
Window = tuple[slice, slice]  # rows and columns

# Turns (pitch, yaw, roll in rad) that together move everything that can move.
_EXTREMES = ((0.2, 0.3, 0.0), (-0.2, -0.3, 0.2), (0.0, 0.3, -0.2))
# Detail returns over this share of the face's height around what can move.
_FADE = 0.04
_STRIP = 256


def make_avatar(
    image: Image,
    parameters: FaceParameters,
    landmarks_px: FloatArray,
    options: AvatarOptions | None = None,
    model: MorphableModel | None = None,
    cutout: CutOut | None = None,
) -> PhotoAvatar | ReducedAvatar:
    """The avatar for a photo of any size; arguments as for `PhotoAvatar`, but `cutout` is of `cut_out_small`."""
    factor = working_factor(landmarks_px)
    if factor == 1:
        return PhotoAvatar(image, parameters, landmarks_px, options, model, cutout)
    return ReducedAvatar(image, parameters, landmarks_px, factor, options, model, cutout)


@dataclass(frozen=True, eq=False)
class ReducedState:
    """What is kept of a large photo besides the small one's avatar.

    Attributes:
        factor: how many pixels of the photo are one of the avatar's along each axis.
        detail: [h, w, 3] what the enlarged window that changes lacks of the photo.
    """

    factor: int
    detail: NDArray[np.int16]


class ReducedAvatar(Avatar):
    """A `PhotoAvatar` of the photo made smaller, whose frames have the photo's size.

    Args:
        image: [H, W, 3] uint8 RGB; it is kept, not copied.
        parameters: the photo's fit; its first frame is used.
        landmarks_px: [478, 2] the detected points, in pixels.
        factor: how many pixels of the photo are one of the avatar's along each axis, >= 2.
        options: see `AvatarOptions`.
        model: the face model of the parameters; the default one when not given.
        cutout: `renderers.photo.cutout.cut_out_small(image, landmarks_px)`, if it is made already.
    """

    def __init__(
        self,
        image: Image,
        parameters: FaceParameters,
        landmarks_px: FloatArray,
        factor: int,
        options: AvatarOptions | None = None,
        model: MorphableModel | None = None,
        cutout: CutOut | None = None,
    ) -> None:
        self._image, self._factor = np.ascontiguousarray(image), factor
        small = shrink(self._image, factor)
        camera, size = parameters.camera, (small.shape[1], small.shape[0])
        x, y = camera.principal_point_px
        reduced = replace(parameters, camera=Camera(camera.focal_px / factor, (x / factor, y / factor), size))
        self.small = PhotoAvatar(small, reduced, landmarks_px / np.float32(factor), options, model, cutout)
        detail, self.moving = self._find_detail(face_height(landmarks_px) / factor)
        self.state = ReducedState(factor, detail)

    @property
    def photo(self) -> Image:
        return self._image

    @property
    def expression(self) -> Tensor:
        return self.small.expression

    def render_changed(self, pose: Pose) -> Change:
        small = self.small.render_changed(pose)
        window = self.moving if self._still_outside(small) else _whole(small.picture)
        large = self._enlarge(small, window)
        rows, columns = (slice(part.start * self._factor, part.stop * self._factor) for part in window)
        cv2.add(large.picture, self.state.detail[rows, columns], dst=large.picture, dtype=cv2.CV_8U)
        return large

    def _still_outside(self, small: Change) -> bool:
        """Whether a frame is the photo everywhere but in the window that usually moves."""
        rows, columns = self.moving
        still = self.small.photo[small.window]
        strips = np.s_[: rows.start], np.s_[rows.stop :], np.s_[rows, : columns.start], np.s_[rows, columns.stop :]
        return all(np.array_equal(small.picture[strip], still[strip]) for strip in strips)

    def _enlarge(self, small: Change, window: Window) -> Change:
        """A window of the change at the photo's size, without the photo's detail."""
        # One more pixel on each side, from which those inside are interpolated.
        wider = tuple(slice(max(0, part.start - 1), part.stop + 1) for part in window)
        part = small.picture[wider]
        height, width = (n * self._factor for n in part.shape[:2])
        picture = np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        cut = [(inner.start - outer.start) * self._factor for inner, outer in zip(window, wider, strict=True)]
        top, left = ((n + part.start) * self._factor for n, part in zip((small.top, small.left), window, strict=True))
        # The small photo may reach beyond the photo's right and lower borders by less than one of its pixels.
        size = [(part.stop - part.start) * self._factor for part in window]
        rows, columns = min(size[0], self._image.shape[0] - top), min(size[1], self._image.shape[1] - left)
        inside = picture[cut[0] : cut[0] + rows, cut[1] : cut[1] + columns]
        return Change(np.ascontiguousarray(inside), left, top)

    def _find_detail(self, face: float) -> tuple[NDArray[np.int16], Window]:
        """[h, w, 3] what the enlarged picture lacks of the photo, fading to 0 where the picture can move; and where.

        The window is the small picture's. Detail does not depend on the frame: detail that comes and goes with the
        motion would be seen.
        """
        expression = self.small.expression.clone()
        for name in ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "browInnerUp"):
            expression[ARKIT_INDEX[name]] = 1.0
        rest = self.small.render_changed(Pose(self.small.expression))
        still = replace(rest, picture=self.small.photo[rest.window])
        moving = np.zeros(rest.picture.shape[:2], np.uint8)
        for turn in _EXTREMES:
            moved = self.small.render_changed(Pose(expression, torch.tensor(turn))).picture
            moving |= (moved != still.picture).any(-1)
        reach = max(1.0, _FADE * face)
        away = cv2.distanceTransform(1 - moving, cv2.DIST_L2, 5)
        share = np.clip(away / reach - 0.2, 0, 1)  # 0 within bilinear reach of what moves
        blurred = self._enlarge(still, _whole(still.picture))
        height, width = blurred.picture.shape[:2]
        share = cv2.resize(share, (share.shape[1] * self._factor, share.shape[0] * self._factor))[:height, :width]
        result = np.empty((height, width, 3), np.int16)
        photo = self._image[blurred.window]
        for row in range(0, height, _STRIP):  # all at once would take many times the photo's memory
            strip = slice(row, row + _STRIP)
            lacking = cv2.subtract(photo[strip], blurred.picture[strip], dtype=cv2.CV_16S)
            cv2.multiply(lacking, cv2.merge([share[strip]] * 3), dst=result[strip], dtype=cv2.CV_16S)
        return result, _box(away < 1.2 * reach + 1)


def _whole(picture: Image) -> Window:
    return slice(0, picture.shape[0]), slice(0, picture.shape[1])


def _box(mask: NDArray[np.bool_]) -> Window:
    """The region with even borders that holds all of `mask` [h, w]; the whole picture where that is nothing."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return slice(0, height), slice(0, width)
    top, left = int(rows[0]), int(columns[0])
    return Region(left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top).even(width, height).window
