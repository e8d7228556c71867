"""The photo avatar in torch: batches of frames on any device, the same pictures as `renderers.photo_avatar`."""

from __future__ import annotations

import torch
from torch import Tensor

from face3d.model.landmark_sets import FACE_OVAL, INNER_LIPS
from renderers.batched.eyes import TorchEyes
from renderers.batched.face_correction import TorchRefinement
from renderers.batched.lip_seam import TorchLipSeam
from renderers.batched.mesh import DrivenBatch, TorchMesh
from renderers.batched.mouth import TorchMouth
from renderers.batched.pictures import Windows
from renderers.batched.skin import TorchRelight, TorchSkin
from renderers.batched.surround import TorchSurround
from renderers.batched.toning import TorchToning
from renderers.photo_avatar import INSIDE_BEHIND_MM, PhotoAvatar
from renderers.pose import Pose
from renderers.raster.rasterizer import get_rasterizer


class TorchPhotoAvatar:
    """A photo that can be driven by face parameters, many frames at a time.

    Pictures stay on the device. They are those of `PhotoAvatar` to a level or two: what the compiled kernels compute in
    the same order differs only by the rounding of 8-bit steps between the stages.

    Args:
        avatar: what was prepared of the photo; nothing is prepared twice.
        device: where to work.
        backend: name of a rasterizer, as `get_rasterizer` takes it.
        dtype: of the networks' numbers; default: half precision on a CUDA device, single elsewhere.
    """

    def __init__(
        self,
        avatar: PhotoAvatar,
        device: torch.device | str = "cpu",
        backend: str = "auto",
        dtype: torch.dtype | None = None,
    ) -> None:
        device = torch.device(device)
        rasterizer = get_rasterizer(backend, device)
        dtype = dtype or (torch.float16 if device.type == "cuda" else torch.float32)
        self.device, self.photo, self.frame_size = device, avatar.photo, avatar.frame_size
        state = avatar.state
        self.window = state.crop.window
        self._samples, self._margin = state.samples, state.margin
        self._photo = torch.as_tensor(avatar.photo, device=device)
        self._origin = torch.as_tensor(avatar.origin, device=device)
        self._lining = torch.as_tensor(state.lining, device=device)
        self._mesh = TorchMesh(avatar.mesh.state, device)
        self._surround = TorchSurround(avatar.warp.state, avatar.warp.layers.state, rasterizer, device)
        self._relight = TorchRelight(avatar.relight.state, device)
        self._skin = TorchSkin(state.skin, state.source, state.triangles, backend, device)
        self._mouth = TorchMouth(avatar.mouth.state, rasterizer, device, dtype)
        self._seam = TorchLipSeam(avatar.seam.state, device)
        self._eyes = TorchEyes(avatar.eyes.state, device)
        self._toning = None if state.toning is None else TorchToning(state.toning, device)
        correct = avatar.refinement
        self._refinement = None if correct is None else TorchRefinement(correct, rasterizer, device, dtype)

    @property
    def expression(self) -> Tensor:  # [52]
        """The photo's own expression."""
        return self._mesh.expression

    def render(self, poses: Pose) -> Tensor:  # [B, H, W, 3] uint8 RGB on the device
        """A batch of frames."""
        crops = self.render_changed(poses)
        frames = self._photo.expand(len(crops), -1, -1, -1).clone()
        frames[(slice(None), *self.window)] = crops
        return frames

    @torch.inference_mode()
    def render_changed(self, poses: Pose) -> Tensor:
        """[B, h, w, 3] uint8 RGB on the device: what B frames have in :attr:`window`; elsewhere they are the photo."""
        poses = poses.to(self.device)
        frame = self._mesh.drive(poses.expression, poses.turn, poses.gaze, poses.shift)
        pixels = frame.pixels.clone()
        pixels[..., :2] -= self._origin
        pixels[:, self._lining, 2] += INSIDE_BEHIND_MM
        points = self._mesh.landmarks(pixels)
        crops = self._surround(frame)
        self._draw_skin(crops, frame, pixels, points)
        self._mouth.draw(crops, frame, points)
        self._seam.draw(crops, points, frame.lip_opening_mm)
        self._eyes.draw(crops, frame, points)
        if self._refinement is not None:
            context = torch.cat([poses.expression - self._mesh.expression, poses.turn, poses.gaze.flatten(1)], 1)
            self._refinement.draw(crops, frame, pixels, points, context)
        if self._toning is not None:
            windows = Windows.around(points, self._margin, *crops.shape[2:])
            if windows is not None:
                self._toning.apply(crops, windows)
        return crops.permute(0, 2, 3, 1)

    def _draw_skin(self, crops: Tensor, frame: DrivenBatch, pixels: Tensor, points: Tensor) -> None:
        """The face, then the lips with more samples per pixel."""
        maps = self._skin.maps(pixels, self._relight.gains(frame.camera))
        rings: list[tuple[tuple[int, ...], int]] = [(FACE_OVAL, 1)]
        if self._samples > 1:
            rings.append((INNER_LIPS, self._samples))
        for ring, samples in rings:
            windows = Windows.around(points[:, list(ring)], self._margin, *crops.shape[2:])
            if windows is not None:
                self._skin.draw(crops, pixels, maps, windows, samples)
