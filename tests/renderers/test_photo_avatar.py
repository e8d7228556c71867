"""A photo driven by face parameters: what the frames show, and what they leave alone."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from face3d.camera import Camera, head_to_camera
from face3d.fit.photo_fit import PhotoFit
from face3d.model.landmark_sets import FACE_OVAL, LEFT_EYE, LEFT_IRIS, OUTER_LIPS, RIGHT_EYE, RIGHT_IRIS
from face3d.model.morphable_model import MorphableModel
from face3d.parameters import FaceParameters
from renderers.head.driven_mesh import DrivenMesh
from renderers.photo.layers import polygon_mask
from renderers.photo_avatar import AvatarOptions, PhotoAvatar
from renderers.pose import Pose
from renderers.surround.grid import SurroundOptions

GOLDEN = Path(__file__).parents[1] / "data" / "astronaut_frames.png"
LIGHT = np.array([0.2126, 0.7152, 0.0722])


def make_avatar(image: np.ndarray, fit: PhotoFit, options: AvatarOptions | None = None) -> PhotoAvatar:
    return PhotoAvatar(image, fit.parameters, fit.detection.landmarks_px, options)


@pytest.fixture(scope="module")
def avatar(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> PhotoAvatar:
    return make_avatar(astronaut, astronaut_fit)


@pytest.fixture(scope="module")
def landmarks(astronaut_fit: PhotoFit) -> np.ndarray:
    return astronaut_fit.detection.landmarks_px


def weights(avatar: PhotoAvatar, **changes: float) -> torch.Tensor:
    """The photo's expression with some weights changed."""
    result = avatar.expression.clone()
    for name, value in changes.items():
        result[ARKIT_INDEX[name]] = value
    return result


def inside(landmarks: np.ndarray, ring: tuple[int, ...], grow: float = 0.0, size: int = 320) -> np.ndarray:
    return polygon_mask((size, size), landmarks[list(ring)].astype(np.float32), grow)


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:  # [h, w] grey levels
    return np.abs(a.astype(float) - b.astype(float)).mean(2)


# --- frames as such


def test_a_frame_is_the_photo_with_a_change(avatar: PhotoAvatar, astronaut: np.ndarray) -> None:
    expression, turn = weights(avatar, jawOpen=0.5), torch.tensor([0.0, 0.1, 0.0])
    change = avatar.render_changed(Pose(expression, turn))
    np.testing.assert_array_equal(change.over(avatar.photo), avatar.render(Pose(expression, turn)))
    np.testing.assert_array_equal(avatar.photo, astronaut)


def test_changes_have_even_borders(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    """As the chroma of a video has; at an odd photo's border the last column and row go with their neighbours."""
    large = np.pad(astronaut, ((301, 302), (203, 200), (0, 0)))
    camera = astronaut_fit.parameters.camera.cropped(-203, -301, large.shape[1], large.shape[0])
    points = astronaut_fit.detection.landmarks_px + np.array([203, 301], np.float32)
    moved = PhotoAvatar(large, dataclasses.replace(astronaut_fit.parameters, camera=camera), points)
    change = moved.render_changed(Pose(astronaut_fit.parameters.expression[0]))
    height, width = change.picture.shape[:2]
    assert [n % 2 for n in (change.left, change.top, width, height)] == [0, 0, 0, 0]
    assert width < large.shape[1]
    odd = astronaut[:319, :317]
    change = make_avatar(odd, astronaut_fit).render_changed(Pose(astronaut_fit.parameters.expression[0]))
    assert change.over(odd).shape == odd.shape


def test_frames_are_pictures_of_the_photos_size(avatar: PhotoAvatar, astronaut: np.ndarray) -> None:
    frame = avatar.render(Pose(avatar.expression))
    assert frame.shape == astronaut.shape
    assert frame.dtype == np.uint8
    assert avatar.frame_size == (320, 320)
    assert avatar.expression.shape == (52,)


def test_frames_are_new_arrays(avatar: PhotoAvatar) -> None:
    first = avatar.render(Pose(avatar.expression))
    kept = first.copy()
    second = avatar.render(Pose(weights(avatar, jawOpen=0.5)))
    np.testing.assert_array_equal(first, kept)
    second[:] = 0
    np.testing.assert_array_equal(avatar.render(Pose(avatar.expression)), kept)


def test_rendering_is_deterministic(avatar: PhotoAvatar, astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    """The same frame from another avatar, and whatever was rendered before."""
    expression, turn = weights(avatar, jawOpen=0.4, eyeBlinkLeft=0.7), torch.tensor([0.05, 0.1, 0.02])
    gaze = torch.full((2, 2), 0.1)
    frame = avatar.render(Pose(expression, turn, gaze))
    avatar.render(Pose(torch.ones(52), -turn, -gaze))
    for drawn in (avatar, make_avatar(astronaut, astronaut_fit)):
        difference = np.abs(drawn.render(Pose(expression, turn, gaze)).astype(int) - frame)
        assert difference.max() <= 1, "a level, where networks and meshes round otherwise"
        assert difference.mean() < 1e-3


def test_inputs_are_not_changed(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    image, points = astronaut.copy(), astronaut_fit.detection.landmarks_px.copy()
    before = {n: getattr(astronaut_fit.parameters, n).clone() for n in ("identity", "expression", "rotation")}
    avatar = PhotoAvatar(image, astronaut_fit.parameters, points)
    expression, turn, gaze = weights(avatar, jawOpen=0.5), torch.full((3,), 0.1), torch.full((2, 2), 0.1)
    copies = [t.clone() for t in (expression, turn, gaze)]
    avatar.render(Pose(expression, turn, gaze))
    np.testing.assert_array_equal(image, astronaut)
    np.testing.assert_array_equal(points, astronaut_fit.detection.landmarks_px)
    for name, value in before.items():
        assert torch.equal(getattr(astronaut_fit.parameters, name), value)
    for tensor, copy in zip((expression, turn, gaze), copies, strict=True):
        assert torch.equal(tensor, copy)


def test_later_changes_of_the_photo_do_not_show(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    image = astronaut.copy()
    avatar = make_avatar(image, astronaut_fit)
    frame = avatar.render(Pose(avatar.expression))
    image[:] = 0
    np.testing.assert_array_equal(avatar.render(Pose(avatar.expression)), frame)


def test_any_memory_layout(avatar: PhotoAvatar, astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    mirrored_twice = np.asfortranarray(astronaut)[::-1][::-1]
    other = make_avatar(mirrored_twice, astronaut_fit)
    np.testing.assert_array_equal(other.render(Pose(other.expression)), avatar.render(Pose(avatar.expression)))


def test_landmarks_outside_the_picture(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    with pytest.raises(ValueError, match="outside the picture"):
        PhotoAvatar(astronaut, astronaut_fit.parameters, astronaut_fit.detection.landmarks_px + 5000)


# --- the photo stays the photo


def test_undriven_frame_is_nearly_the_photo(avatar: PhotoAvatar, astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    change = difference(avatar.render(Pose(avatar.expression)), astronaut)
    assert change.mean() < 0.5
    features = np.any([inside(landmarks, ring, 5) for ring in (LEFT_EYE, RIGHT_EYE, OUTER_LIPS)], 0)
    assert change[~features].max() < 12
    assert change[~inside(landmarks, FACE_OVAL, 2)].max() == 0


@pytest.mark.parametrize("name", ["jawOpen", "mouthSmileLeft", "eyeBlinkLeft", "browInnerUp", "cheekPuff"])
def test_expressions_leave_everything_else_alone(
    avatar: PhotoAvatar, astronaut: np.ndarray, landmarks: np.ndarray, name: str
) -> None:
    """A head that does not turn leaves pixels away from the face untouched, to the last bit."""
    frame = avatar.render(Pose(weights(avatar, **{name: 1.0})))
    height = float(np.linalg.norm(landmarks[152] - landmarks[10]))
    near = inside(landmarks, FACE_OVAL, SurroundOptions().expression_end * height + 3)
    np.testing.assert_array_equal(frame[~near], astronaut[~near])
    assert difference(frame, avatar.render(Pose(avatar.expression))).max() > 20


def test_a_small_crop_of_a_large_picture(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    """Whatever happens, only the surroundings of the face can change."""
    large = np.random.default_rng(0).integers(0, 256, (800, 900, 3), dtype=np.uint8)
    left, top = 300, 250
    large[top : top + 320, left : left + 320] = astronaut
    parameters = dataclasses.replace(
        astronaut_fit.parameters, camera=astronaut_fit.parameters.camera.cropped(-left, -top, 900, 800)
    )
    points = astronaut_fit.detection.landmarks_px + np.array([left, top], np.float32)
    frame = PhotoAvatar(large, parameters, points).render(Pose(torch.ones(52), torch.tensor([0.2, 0.3, 0.1])))
    changed = (frame != large).any(2)
    rows, columns = np.nonzero(changed)
    assert changed.any()
    assert rows.min() > top - 80
    assert rows.max() < top + 320
    assert columns.min() > left - 80
    assert columns.max() < left + 400


# --- mouth


def test_opening_the_jaw(avatar: PhotoAvatar, landmarks: np.ndarray) -> None:
    """The mouth becomes dark inside, the chin goes down, eyes and forehead stay."""
    shut, open_ = avatar.render(Pose(weights(avatar, jawOpen=0.0))), avatar.render(Pose(weights(avatar, jawOpen=0.7)))
    change = difference(open_, shut)
    eyes = int(landmarks[[145, 374], 1].max())  # the cheeks below them stretch
    assert change[:eyes].max() < 10
    assert change[int(landmarks[2, 1]) :].max() > 60
    x, y = landmarks[14].astype(int)
    cavity = open_[y + 3 : y + 9, x - 6 : x + 7] @ LIGHT
    assert 1.4 * np.median(cavity) < np.median(shut[y + 3 : y + 9, x - 6 : x + 7] @ LIGHT)


def test_the_mouth_opens_steadily(avatar: PhotoAvatar, landmarks: np.ndarray) -> None:
    mouth = inside(landmarks, OUTER_LIPS, 12)
    dark = [(avatar.render(Pose(weights(avatar, jawOpen=a)))[mouth] @ LIGHT < 115).sum() for a in (0.3, 0.5, 0.8)]
    assert dark == sorted(dark)
    assert dark[-1] > dark[0] + 100


def test_closed_lips_hide_the_teeth(
    avatar: PhotoAvatar, model: MorphableModel, astronaut: np.ndarray, astronaut_fit: PhotoFit
) -> None:
    """The photo shows a smile with bright teeth; at rest there is nothing bright and colourless between the lips."""

    def teeth(image: np.ndarray, points: np.ndarray) -> int:
        pixels = image[inside(points, OUTER_LIPS)].astype(float)
        return int(((pixels @ LIGHT > 165) & (pixels[:, 0] - pixels[:, 1] < 28)).sum())

    mesh = DrivenMesh(model, astronaut_fit.parameters, astronaut_fit.detection.landmarks_px)
    rest = mesh.drive(torch.zeros(52), torch.zeros(3), torch.zeros(2, 2))
    points = model.landmarks478.of(torch.from_numpy(rest.pixels[:, :2])).numpy()
    assert teeth(astronaut, astronaut_fit.detection.landmarks_px) > 60
    assert teeth(avatar.render(Pose(torch.zeros(52))), points) <= 3


@pytest.mark.parametrize("seed", [2, 5])
def test_nothing_pokes_through_closed_lips(model: MorphableModel, seed: int) -> None:
    """Of people with thin lips or long teeth. On a plain grey "photo", whatever is not skin shows."""
    generator = torch.Generator().manual_seed(seed)
    parameters = FaceParameters(
        identity=torch.randn(model.identity_size, generator=generator),
        expression=torch.zeros(1, 52),
        rotation=0.15 * torch.randn(1, 3, generator=generator),
        translation=torch.tensor([[0.0, 0.0, 900.0]]),
        eye_rotation=torch.zeros(1, 2, 2),
        confidence=torch.ones(1),
        fps=25.0,
        camera=Camera(1000.0, (160.0, 150.0), (320, 320)),
    )
    vertices = model.vertices(parameters.identity, parameters.expression[0])
    points = head_to_camera(model.landmarks478.of(vertices), parameters.rotation[0], parameters.translation[0])
    grey = np.full((320, 320, 3), 150, np.uint8)
    avatar = PhotoAvatar(grey, parameters, parameters.camera.project(points).numpy())

    def shown(**mouth: float) -> int:
        return int((difference(avatar.render(Pose(weights(avatar, **mouth))), grey) > 25).sum())

    assert shown() <= 3
    assert shown(jawOpen=0.5, mouthClose=0.5) <= 3
    assert shown(jawOpen=0.5) > 100


def test_own_teeth_are_kept(avatar: PhotoAvatar, astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    """The undriven smile shows the photo's teeth where the mesh has some."""
    x, y = ((landmarks[13] + landmarks[14]) / 2).astype(int)
    patch = np.s_[y - 1 : y + 1, x - 8 : x + 9]
    assert difference(avatar.render(Pose(avatar.expression))[patch], astronaut[patch]).mean() < 25


# --- eyes


@pytest.mark.parametrize(("side", "iris", "other"), [("Left", LEFT_IRIS, RIGHT_IRIS), ("Right", RIGHT_IRIS, LEFT_IRIS)])
def test_a_blink_covers_one_iris(
    avatar: PhotoAvatar, landmarks: np.ndarray, side: str, iris: tuple[int, ...], other: tuple[int, ...]
) -> None:
    own = avatar.render(Pose(avatar.expression))
    shut = avatar.render(Pose(weights(avatar, **{f"eyeBlink{side}": 1.0})))
    x, y = np.floor(landmarks[iris[0]]).astype(int)
    patch = np.s_[y - 1 : y + 1, x - 1 : x + 2]
    assert (own[patch] @ LIGHT).min() < 60
    assert (shut[patch] @ LIGHT).min() > 110
    x, y = np.floor(landmarks[other[0]]).astype(int)
    np.testing.assert_array_equal(shut[y - 3 : y + 4, x - 5 : x + 6], own[y - 3 : y + 4, x - 5 : x + 6])


def test_closed_lids_end_in_a_lash_line(avatar: PhotoAvatar, model: MorphableModel, astronaut_fit: PhotoFit) -> None:
    shut = avatar.render(Pose(weights(avatar, eyeBlinkLeft=1.0)))
    mesh = DrivenMesh(model, astronaut_fit.parameters, astronaut_fit.detection.landmarks_px)
    frame = mesh.drive(weights(avatar, eyeBlinkLeft=1.0), torch.zeros(3), torch.zeros(2, 2))
    points = model.landmarks478.of(torch.from_numpy(frame.pixels[:, :2])).numpy()
    x, y = np.floor(points[386]).astype(int)  # middle of the upper lid's edge
    column = shut[y - 6 : y + 7, x] @ LIGHT
    assert column[5:8].min() < min(column[:3].mean(), column[-3:].mean()) - 15


def test_lids_close_steadily(avatar: PhotoAvatar, landmarks: np.ndarray) -> None:
    eye = inside(landmarks, LEFT_EYE)
    light = [
        (avatar.render(Pose(weights(avatar, eyeBlinkLeft=float(b))))[eye] @ LIGHT).mean()
        for b in np.linspace(0.1, 1, 6)
    ]
    assert light[-1] > light[0] + 20
    assert min(np.diff(light)) > -4


@pytest.mark.parametrize("yaw", [-0.25, 0.25])
def test_gaze_moves_the_iris(avatar: PhotoAvatar, landmarks: np.ndarray, yaw: float) -> None:
    """Positive yaw looks to the subject's left, the picture's right; skin stays."""
    own = avatar.render(Pose(avatar.expression))
    looking = avatar.render(Pose(avatar.expression, gaze=torch.tensor([[0.0, yaw], [0.0, yaw]])))
    for ring in (LEFT_EYE, RIGHT_EYE):
        eye = inside(landmarks, ring, -1)
        rows, columns = np.nonzero(eye)

        def darkness(frame: np.ndarray, rows: np.ndarray = rows, columns: np.ndarray = columns) -> float:
            weight = 255 - frame[rows, columns] @ LIGHT
            weight = np.maximum(weight - np.median(weight), 0)
            return float((columns * weight).sum() / weight.sum())

        assert (darkness(looking) - darkness(own)) * np.sign(yaw) > 0.3
    eyes = inside(landmarks, LEFT_EYE, 3) | inside(landmarks, RIGHT_EYE, 3)
    np.testing.assert_array_equal(looking[~eyes], own[~eyes])


# --- turning


@pytest.mark.parametrize("angle", [-0.15, 0.15])
def test_turning_moves_the_face_not_the_shoulders(avatar: PhotoAvatar, astronaut: np.ndarray, angle: float) -> None:
    turned = avatar.render(Pose(avatar.expression, torch.tensor([0.0, angle, 0.0])))
    np.testing.assert_array_equal(turned[270:], astronaut[270:])
    assert difference(turned, astronaut)[60:200, 90:230].mean() > 5


def test_no_turn_is_the_default(avatar: PhotoAvatar) -> None:
    plain = avatar.render(Pose(avatar.expression))
    np.testing.assert_array_equal(avatar.render(Pose(avatar.expression, torch.zeros(3), torch.zeros(2, 2))), plain)


# --- pictures of all kinds


@pytest.mark.parametrize("scale", [0.65, 4.3], ids=["face of 70 px", "face of 470 px"])
def test_faces_of_any_size(astronaut: np.ndarray, astronaut_fit: PhotoFit, scale: float) -> None:
    resampling = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    image = np.asarray(cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=resampling), np.uint8)
    parameters = dataclasses.replace(astronaut_fit.parameters, camera=astronaut_fit.parameters.camera.scaled(scale))
    points = (astronaut_fit.detection.landmarks_px * scale).astype(np.float32)
    avatar = PhotoAvatar(image, parameters, points)
    assert difference(avatar.render(Pose(avatar.expression)), image).mean() < 0.5
    shut = avatar.render(Pose(weights(avatar, eyeBlinkLeft=1.0, eyeBlinkRight=1.0, jawOpen=0.6)))
    x, y = np.floor(points[LEFT_IRIS[0]]).astype(int)
    assert shut[y, x] @ LIGHT > image[y, x] @ LIGHT + 30
    x, y = np.floor(points[14] + (0, 6 * scale)).astype(int)
    assert shut[y, x] @ LIGHT < 130  # the tongue


@pytest.mark.parametrize(
    ("left", "top", "right", "bottom"),
    [
        (115, 0, 320, 320),
        (0, 70, 320, 320),
        (0, 0, 200, 320),
        (0, 0, 320, 170),
        (112, 70, 207, 186),
        (150, 0, 320, 320),
    ],
    ids=["left", "top", "right", "bottom", "all sides", "half a face"],
)
def test_faces_at_the_border(
    astronaut: np.ndarray, astronaut_fit: PhotoFit, left: int, top: int, right: int, bottom: int
) -> None:
    """The picture ends at the face, or in it."""
    image = astronaut[top:bottom, left:right]
    camera = astronaut_fit.parameters.camera.cropped(left, top, right - left, bottom - top)
    parameters = dataclasses.replace(astronaut_fit.parameters, camera=camera)
    points = astronaut_fit.detection.landmarks_px - np.array([left, top], np.float32)
    avatar = PhotoAvatar(image, parameters, points)
    assert difference(avatar.render(Pose(avatar.expression)), image).mean() < 2.5
    moved = avatar.render(
        Pose(weights(avatar, jawOpen=0.6, eyeBlinkLeft=1.0, eyeBlinkRight=1.0), torch.tensor([0.05, -0.1, 0.03]))
    )
    assert moved.shape == image.shape
    assert difference(moved, image).mean() > 1


def test_supersampling_changes_edges_only(avatar: PhotoAvatar, astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    fine = make_avatar(astronaut, astronaut_fit, AvatarOptions(supersampling=2))
    expression = weights(avatar, jawOpen=0.5)
    change = difference(fine.render(Pose(expression)), avatar.render(Pose(expression)))
    assert 0 < change.mean() < 0.5


# --- golden picture


def golden_frames(avatar: PhotoAvatar) -> np.ndarray:
    """Rest, a blink while speaking, and a turned head with averted eyes, side by side around the features."""
    rest = torch.zeros(52)
    speaking = weights(avatar, jawOpen=0.35, mouthFunnel=0.4, eyeBlinkLeft=1.0, eyeBlinkRight=0.5)
    frames = [
        avatar.render(Pose(rest)),
        avatar.render(Pose(speaking)),
        avatar.render(
            Pose(avatar.expression, torch.tensor([0.05, 0.15, 0.05]), torch.tensor([[0.1, -0.3], [0.1, -0.3]]))
        ),
    ]
    return np.concatenate([frame[88:180, 112:204] for frame in frames], 1)


def test_golden_picture(avatar: PhotoAvatar) -> None:
    """What the frames looked like when a person last looked at them.

    After a wanted change: `TALKINGHEAD_UPDATE_GOLDEN=1 pytest tests/renderers/test_photo_avatar.py -k golden`, look at
    the new picture, commit it.
    """
    got = golden_frames(avatar)
    if os.environ.get("TALKINGHEAD_UPDATE_GOLDEN"):
        cv2.imwrite(str(GOLDEN), got[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    expected = cv2.imread(str(GOLDEN))[..., ::-1]
    assert got.shape == expected.shape
    change = difference(got, expected)
    # Other machines round differently: a few pixels at edges may differ, not more.
    assert change.mean() < 0.6
    assert np.quantile(change, 0.995) < 12
