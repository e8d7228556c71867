"""Random people, options and poses: batches of frames are the compiled kernels' frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from renderers.batched.reduced_avatar import make_torch_avatar
from renderers.pose import Pose
from renderers.reduced_avatar import ReducedAvatar, make_avatar
from tests.renderers.batched.people import EYES, MATTES, MOUTHS, Person, draw_person, draw_poses

if TYPE_CHECKING:
    from face3d.model.morphable_model import MorphableModel
    from scripts.lab.face_model.synthetic_faces import PhotoSkin

POSES = 4
# Bounds, in levels of 0..255 of each pixel's most different colour. The numbers are computed in the same precision, but
# in another order, and stored as 8-bit levels after each stage: most pixels are equal, some differ by a level or two.
# OpenCV rounds places to 1/32 px and enlarges with truncated products, the latter in a quarter of a large photo's
# pixels.
MEAN, MEAN_LARGE = 0.3, 0.45
# Beyond this, a pixel shows something else: which triangle a pixel on an edge belongs to may tip, OpenCV's thick lines
# are polygons with rounded corners, and a photo of one tone may give neighbouring brightnesses quite different colours.
CLOSE, APART_SHARE, APART = 4, 1e-3, 32
# The photo's own pose: hardly anything moves.
AT_REST = 6


def differences(person: Person, seed: int) -> np.ndarray:  # [B, h, w]
    """Of frames, levels; fails if one changes the photo outside of the window that a batch replaces."""
    avatar = person.avatar()
    poses = draw_poses(avatar.expression, seed, POSES)
    twin = make_torch_avatar(avatar, "cpu")
    found = twin.render_changed(Pose(*poses)).numpy()
    expected = np.stack([avatar.render(Pose(*(values[i] for values in poses))) for i in range(POSES)])
    inside = expected[(slice(None), *twin.window)].copy()
    expected[(slice(None), *twin.window)] = avatar.photo[twin.window]
    assert (expected == avatar.photo).all()
    return np.abs(found.astype(int) - inside).max(-1)


def check(person: Person, seed: int) -> None:
    difference = differences(person, seed)
    mean = MEAN_LARGE if person.kind["factor"] > 1 else MEAN
    assert difference[0].max() <= AT_REST, person.kind
    for number, frame in enumerate(difference):
        assert frame.mean() < mean, (number, person.kind)
        assert (frame > CLOSE).mean() < APART_SHARE, (number, person.kind)
        assert frame.max() <= APART, (number, person.kind)


# 18: triangles seen from behind lie before the skin; 20: a head turns so far that its surroundings fold; 221: a face
# before a backdrop of one colour.
@pytest.mark.parametrize("seed", [*range(8), 18, 20, 221])
def test_frames_of_random_people(seed: int, model: MorphableModel, skin: PhotoSkin) -> None:
    check(draw_person(model, seed, skin), seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_frames_of_more_random_people(seed: int, model: MorphableModel, skin: PhotoSkin) -> None:
    check(draw_person(model, seed, skin), seed)


@pytest.mark.parametrize(
    "kind",
    [
        *({"eyes": eyes, "mouth": "shut"} for eyes in EYES),
        *({"eyes": "open", "mouth": mouth} for mouth in MOUTHS),
        *({"matte": matte, "place": "border"} for matte in MATTES),
        {"tone": "sepia", "refine": True},
    ],
    ids=lambda kind: "-".join(map(str, kind.values())),
)
def test_frames_of_each_kind(kind: dict[str, Any], model: MorphableModel, skin: PhotoSkin) -> None:
    check(draw_person(model, 3, skin, factor=1, **kind), 3)


@pytest.mark.slow
def test_frames_of_a_really_large_photo(model: MorphableModel, skin: PhotoSkin) -> None:
    person = draw_person(model, 5, skin, size_px=3600, factor=1, place="inside", eyes="half", mouth="open")
    avatar = make_avatar(person.image, person.parameters, person.landmarks_px, person.options)
    assert isinstance(avatar, ReducedAvatar)
    poses = draw_poses(avatar.expression, 5, 2)
    twin = make_torch_avatar(avatar, "cpu")
    found = twin.render_changed(Pose(*poses))[1].numpy()
    expected = avatar.render(Pose(*(values[1] for values in poses)))[twin.window]
    difference = np.abs(found.astype(int) - expected).max(-1)
    assert difference.mean() < MEAN_LARGE
    assert (difference > CLOSE).mean() < APART_SHARE


@pytest.mark.parametrize("seed", range(3))
def test_what_is_compared_moves(seed: int, model: MorphableModel, skin: PhotoSkin) -> None:
    avatar = draw_person(model, seed, skin, factor=1).avatar()
    poses = draw_poses(avatar.expression, seed, POSES)
    frames = [avatar.render(Pose(*(values[i] for values in poses))) for i in range(POSES)]
    assert all((frame != avatar.photo).any(-1).sum() > 500 for frame in frames[1:])
    assert torch.equal(poses[0][0], avatar.expression)
