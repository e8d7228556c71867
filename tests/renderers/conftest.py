"""The rasterizers that the same cases run on, a stand-in for pytorch3d's compiled part, and an avatar with motion."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from face3d.arkit import ARKIT_INDEX
from face3d.model.personal_shapes import personal_model
from renderers.raster.pytorch3d_rasterizer import loading_problem
from renderers.raster.rasterizer import Rasterizer, get_rasterizer

if TYPE_CHECKING:
    import numpy as np

    from face3d.fit.photo_fit import PhotoFit
    from face3d.model.morphable_model import MorphableModel
    from renderers.photo_avatar import PhotoAvatar
    from scripts.lab.face_model.synthetic_faces import PhotoSkin


def _cuda_problem() -> str | None:
    if not torch.cuda.is_available():
        return "torch sees no CUDA device"
    return loading_problem()


CUDA = pytest.param(
    "pytorch3d-cuda",
    marks=[pytest.mark.cuda, pytest.mark.skipif(_cuda_problem() is not None, reason=str(_cuda_problem()))],
)
BACKENDS = ["reference", "numba", "pytorch3d-fake", CUDA]
EXACT_BACKENDS = ["reference", "numba"]  # these follow the fill rule and agree to the last bit


class Backend:
    """Makes rasterizers of one kind."""

    def __init__(self, kind: str) -> None:
        self.name = kind.split("-")[0]
        self.device = "cuda" if kind.endswith("cuda") else "cpu"

    def __call__(self, cull_backfaces: bool = False) -> Rasterizer:
        return get_rasterizer(self.name, self.device, cull_backfaces)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Backend:
    if request.param == "pytorch3d-fake":
        install_fake_pytorch3d(monkeypatch)
    return Backend(request.param)


@pytest.fixture(params=[kind for kind in BACKENDS if kind != "reference"])
def fast_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Backend:
    """Those that are compared with the reference."""
    if request.param == "pytorch3d-fake":
        install_fake_pytorch3d(monkeypatch)
    return Backend(request.param)


@pytest.fixture(params=EXACT_BACKENDS)
def exact_backend(request: pytest.FixtureRequest) -> Backend:
    return Backend(request.param)


def install_fake_pytorch3d(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `from pytorch3d import _C` find the stand-in."""
    package, compiled = ModuleType("pytorch3d"), ModuleType("pytorch3d._C")
    compiled.rasterize_meshes = fake_rasterize_meshes  # type: ignore[attr-defined]
    package._C = compiled  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pytorch3d", package)
    monkeypatch.setitem(sys.modules, "pytorch3d._C", compiled)


def fake_rasterize_meshes(
    face_verts: Tensor,  # [N * F, 3, 3] NDC
    mesh_to_face_first_idx: Tensor,  # [N]
    num_faces_per_mesh: Tensor,  # [N]
    clipped_faces_neighbor_idx: Tensor,  # [N * F]
    image_size: tuple[int, int],
    blur_radius: float,
    faces_per_pixel: int,
    bin_size: int,
    max_faces_per_bin: int,
    perspective_correct: bool,
    clip_barycentric_coords: bool,
    cull_backfaces: bool,
) -> tuple[Tensor, None, None, None]:
    """What pytorch3d 0.7.9's `_C.rasterize_meshes` does for one face per pixel without blur, in its own coordinates.

    Pixel (row, column) of the output is at NDC (x, y), x to the left and y up, where the shorter side spans -1..1.
    """
    assert (blur_radius, faces_per_pixel, perspective_correct, cull_backfaces) == (0.0, 1, True, False)
    assert face_verts.dtype == torch.float32
    assert face_verts.is_contiguous()
    assert (clipped_faces_neighbor_idx == -1).all()
    height, width = image_size
    shorter = min(height, width)
    y = (height - 1 - torch.arange(height) + 0.5) * 2 / shorter - height / shorter
    x = (width - 1 - torch.arange(width) + 0.5) * 2 / shorter - width / shorter
    y, x = torch.meshgrid(y, x, indexing="ij")
    result = torch.full((len(mesh_to_face_first_idx), height, width, 1), -1)
    for n, (first, count) in enumerate(zip(mesh_to_face_first_idx, num_faces_per_mesh, strict=True)):
        nearest = torch.full((height, width), torch.inf)
        for f in range(int(first), int(first + count)):
            (x0, y0, z0), (x1, y1, z1), (x2, y2, z2) = face_verts[f]
            area = (x2 - x0) * (y1 - y0) - (y2 - y0) * (x1 - x0)
            if min(z0, z1, z2) < 1e-8 or abs(area) <= 1e-8:
                continue
            w0 = ((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)) / -area
            w1 = ((x0 - x2) * (y - y2) - (y0 - y2) * (x - x2)) / -area
            w2 = ((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) / -area
            depth = 1 / (w0 / z0 + w1 / z1 + w2 / z2)
            wins = (w0 > 0) & (w1 > 0) & (w2 > 0) & (depth < nearest)
            nearest = torch.where(wins, depth, nearest)
            result[n, ..., 0] = torch.where(wins, f, result[n, ..., 0])
    return result, None, None, None


@dataclass(frozen=True)
class Motion:
    """B frames of motion: expression [B, 52], turn [B, 3] rad, gaze [B, 2, 2] rad, shift [B, 3] mm."""

    expression: Tensor
    turn: Tensor
    gaze: Tensor
    shift: Tensor

    def frame(self, index: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.expression[index], self.turn[index], self.gaze[index], self.shift[index]

    def to(self, device: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.expression.to(device), self.turn.to(device), self.gaze.to(device), self.shift.to(device)


# What a driven face does: weights that change, turn, gaze, shift.
_POSES: tuple[tuple[dict[str, float], tuple[float, ...], float, tuple[float, ...]], ...] = (
    ({}, (0, 0, 0), 0, (0, 0, 0)),
    ({"jawOpen": 0.5}, (0, 0.1, 0), 0, (0, 0, 0)),
    ({"eyeBlinkLeft": 1, "eyeBlinkRight": 1, "jawOpen": 0.2}, (0.1, -0.2, 0.05), 0, (4, -2, 0)),
    ({"eyeBlinkLeft": 0.4, "mouthSmileLeft": 0.7, "mouthSmileRight": 0.7}, (0, 0.3, -0.1), 0.25, (-5, 0, 30)),
    ({"mouthClose": 0.2, "mouthPressLeft": 0.6, "mouthRollLower": 0.5}, (-0.15, 0, 0.15), -0.2, (0, 5, -5)),
    ({"jawOpen": 0.9, "tongueOut": 0.6, "eyeWideLeft": 0.8}, (0, 0, 0), 0.1, (0, 0, 0)),
)


@pytest.fixture(scope="session")
def landmarks(astronaut_fit: PhotoFit) -> np.ndarray:  # [478, 2] px
    return astronaut_fit.detection.landmarks_px


@pytest.fixture(scope="session")
def matte(astronaut: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The astronaut's."""
    from renderers.photo.person_matte import person_matte

    result = person_matte(astronaut, landmarks)
    assert result is not None
    return result


@pytest.fixture(scope="session")
def astronaut_avatar(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> PhotoAvatar:
    from renderers.photo_avatar import PhotoAvatar

    return PhotoAvatar(astronaut, astronaut_fit.parameters, astronaut_fit.detection.landmarks_px)


@pytest.fixture(scope="session")
def skin(astronaut: np.ndarray, astronaut_fit: PhotoFit, landmarks: np.ndarray) -> PhotoSkin:
    """The astronaut's, which synthetic people may wear."""
    from renderers.head.driven_mesh import DrivenMesh
    from scripts.lab.face_model.synthetic_faces import PhotoSkin

    model = personal_model(astronaut_fit.parameters)
    return PhotoSkin(astronaut, DrivenMesh(model, astronaut_fit.parameters, landmarks).source)


# More faces for what is drawn stage by stage; see `tests.renderers.batched.people`.
_PEOPLE: dict[str, dict[str, object]] = {
    "laughing": {"eyes": "nearly shut", "mouth": "smile", "place": "inside"},
    "at-the-border": {"eyes": "half", "mouth": "open", "place": "border"},
}


@pytest.fixture(scope="session", params=["astronaut", *_PEOPLE])
def any_avatar(
    request: pytest.FixtureRequest, astronaut_avatar: PhotoAvatar, model: MorphableModel, skin: PhotoSkin
) -> PhotoAvatar:
    """The astronaut's, or a synthetic person's."""
    from renderers.photo_avatar import PhotoAvatar
    from tests.renderers.batched.people import draw_person

    if request.param == "astronaut":
        return astronaut_avatar
    person = draw_person(model, 9, skin, factor=1, tone="colours", **_PEOPLE[request.param])
    return PhotoAvatar(person.image, person.parameters, person.landmarks_px)


@pytest.fixture(scope="session")
def any_motion(any_avatar: PhotoAvatar) -> Motion:
    """For :func:`any_avatar`."""
    return _motion_of(any_avatar)


@pytest.fixture(scope="session")
def motion(astronaut_avatar: PhotoAvatar) -> Motion:
    return _motion_of(astronaut_avatar)


def _motion_of(avatar: PhotoAvatar) -> Motion:
    expressions = []
    for weights, *_ in _POSES:
        expression = avatar.expression.clone()
        for name, value in weights.items():
            expression[ARKIT_INDEX[name]] = value
        expressions.append(expression)
    turns, shifts = (torch.tensor([pose[k] for pose in _POSES], dtype=torch.float32) for k in (1, 3))
    gaze = torch.stack([torch.full((2, 2), float(pose[2])) for pose in _POSES])
    return Motion(torch.stack(expressions), turns, gaze, shifts)


@pytest.fixture(params=["cpu", CUDA])
def device(request: pytest.FixtureRequest) -> str:
    """Where torch works."""
    return str(request.param).removeprefix("pytorch3d-")
