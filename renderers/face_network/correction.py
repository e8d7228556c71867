"""The last stage of a frame: the network's correction of the face, blended in at the picture's own resolution."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face3d.model.landmark_sets import FACE_OVAL
from renderers.face_network.network import FaceNetwork, load_network
from renderers.face_network.planes import SIZE, FaceSurface, FaceWindow
from renderers.head.driven_mesh import DrivenFrame
from renderers.photo.layers import polygon_mask
from renderers.raster.shading import vertex_normals_arrays

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# The mean motion of the face's points, without the head's travel, at which the correction counts half, in face widths.
HALF_MOTION = 0.004
# The correction ends inside the face's outline, by the first, and softly, by the second, in shares of the window.
BORDER, SOFT = 0.05, 0.4 * 0.05
LEAST_STRENGTH = 1e-3


@dataclass(frozen=True)
class RenderedFace:
    """A frame as the stages before have drawn it.

    Attributes:
        crop: [h, w, 3] uint8, the rendered crop; corrected in place.
        frame: the driven mesh.
        points: [478, 2] px, its landmarks in the crop.
        pixels: [V, 3] its vertices: x, y in the crop, px, and depth, mm.
        context: [CONTEXT] how it differs from the photo: changes of the weights, of the turn and of the gaze, radians.
    """

    crop: Image
    frame: DrivenFrame
    points: FloatArray
    pixels: FloatArray
    context: Tensor


@dataclass(frozen=True, eq=False)
class FaceView:
    """What the network is shown of one photo's frames.

    Attributes:
        own: [SIZE, SIZE, 3] 0..1, the photo's face.
        landmarks: [478, 2] px in the crop, of the undriven mesh.
        surface: the drawn mesh.
    """

    own: FloatArray
    landmarks: FloatArray
    surface: FaceSurface

    @classmethod
    def of(cls, photo: Image, landmarks: FloatArray, surface: FaceSurface) -> FaceView:
        """The view of a photo's crop [h, w, 3] uint8."""
        return cls(FaceWindow.around(landmarks).cut(photo), landmarks, surface)

    def planes(self, drawn: RenderedFace) -> tuple[FaceWindow, Tensor]:
        """The window of a frame and the planes [PLANES, SIZE, SIZE] in it."""
        window = FaceWindow.around(drawn.points)
        normals = vertex_normals_arrays(drawn.frame.camera, self.surface.triangles)
        geometry = self.surface.planes(window, drawn.pixels, normals)
        planes = np.concatenate([window.cut(drawn.crop), self.own, geometry], 2)
        return window, torch.from_numpy(np.ascontiguousarray(planes.transpose(2, 0, 1)))

    def strength(self, drawn: RenderedFace) -> float:
        """0 for the photo's own frame, towards 1 the more the face differs from it."""
        moved = drawn.points - self.landmarks
        width = float(np.ptp(self.landmarks[:, 0]))
        motion = float(np.abs(moved - moved.mean(0)).mean()) / width
        return motion / (motion + HALF_MOTION)


@dataclass(frozen=True, eq=False)
class FaceRefinement:
    """Corrects the rendered face of one photo.

    Attributes:
        view: what the network is shown.
        network: the trained one when not given.
    """

    view: FaceView
    network: FaceNetwork = field(default_factory=load_network)

    def draw(self, drawn: RenderedFace) -> None:
        """Correct the face in the crop in place."""
        strength = self.view.strength(drawn)
        if strength < LEAST_STRENGTH:
            return
        window, planes = self.view.planes(drawn)
        with torch.inference_mode():
            change = self.network(planes[None], drawn.context[None])[0].permute(1, 2, 0).numpy()
        mask = soft_oval(window, drawn.points)
        add_change(drawn.crop, window, change * (255 * strength * mask)[..., None])


def soft_oval(window: FaceWindow, points: FloatArray) -> FloatArray:
    """[SIZE, SIZE] 1 inside the face, 0 at its outline."""
    inner = polygon_mask((SIZE, SIZE), window.cells(points[list(FACE_OVAL)]), -BORDER * SIZE).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(inner, (0, 0), SOFT * SIZE), np.float32)


def add_change(crop: Image, window: FaceWindow, change: FloatArray) -> None:
    """Add [SIZE, SIZE, 3] to the crop in place, interpolated."""
    left, top = max(0, int(np.floor(window.left))), max(0, int(np.floor(window.top)))
    right = min(crop.shape[1], int(np.ceil(window.left + window.width)))
    bottom = min(crop.shape[0], int(np.ceil(window.top + window.height)))
    if right <= left or bottom <= top:
        return
    x, y = window.scale
    # Each pixel reads the cell under its centre; OpenCV's cell centres are whole numbers.
    corner = (left + 0.5 - window.left) * x - 0.5, (top + 0.5 - window.top) * y - 0.5
    inverse = np.array([[x, 0, corner[0]], [0, y, corner[1]]], np.float32)
    fine = cv2.warpAffine(change, inverse, (right - left, bottom - top), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    part = crop[top:bottom, left:right]
    cv2.add(part, fine, dst=part, dtype=cv2.CV_8U)
