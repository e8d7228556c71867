"""A followed person's video, made by projecting a known one."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from face3d.camera import Camera, head_to_camera
from face3d.errors import InputError
from face3d.fit import track_fit as sequence
from face3d.fit.track_fit import SequenceFit, SequenceOptions, fit_track
from face3d.follow.track import Track
from face3d.model.morphable_model import MorphableModel, load_default_model

FPS = 25.0
SIZE = (640, 480)
JAW = ARKIT_INDEX["jawOpen"]


@dataclasses.dataclass(frozen=True)
class Truth:
    """[T, 3] rad, [T, 3] mm, [T, 52]."""

    rotation: np.ndarray
    translation: np.ndarray
    expression: np.ndarray


def movement(count: int) -> Truth:
    """A head that sways and speaks."""
    time = np.arange(count) / FPS
    rotation = np.column_stack([0.08 * np.sin(2 * time), 0.3 * np.sin(1.5 * time + 0.4), 0.05 * np.sin(time)])
    translation = np.column_stack([30 * np.sin(time), -20 + 10 * np.cos(2 * time), 800 + 20 * np.sin(time)])
    expression = np.zeros((count, 52))
    expression[:, JAW] = 0.3 - 0.3 * np.cos(2 * np.pi * 1.2 * time)
    smile = [ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthSmileRight"]]
    expression[:, smile] = (0.3 + 0.3 * np.sin(time))[:, None]
    return Truth(rotation, translation, expression)


def make_track(
    truth: Truth, lost: tuple[int, ...] = (), shot: np.ndarray | None = None, noise: float = 0.3, seed: int = 0
) -> Track:
    """What a detector sees; `noise` in pixels and hundredths of a score."""
    model, rng = load_default_model(), np.random.default_rng(seed)
    identity = np.zeros(model.identity_size)
    identity[:8] = 0.5 * np.random.default_rng(9).normal(size=8)
    camera = Camera(1300.0, (SIZE[0] / 2, SIZE[1] / 2), SIZE)
    rotation, translation, expression = (
        torch.from_numpy(np.float32(v)) for v in (truth.rotation, truth.translation, truth.expression)
    )
    shape = model.landmarks478.of(model.neutral(torch.from_numpy(identity).float())) + torch.einsum(
        "te,elc->tlc", expression, model.landmarks478.of(model.expression_basis)
    )
    placed = head_to_camera(shape, rotation, translation)
    points = camera.project(placed).numpy() + noise * rng.normal(size=(len(placed), 478, 2))
    depth = (placed[..., 2] - placed[..., 2].mean(1, keepdim=True)).numpy() * 1300 / 800
    scores = np.clip(truth.expression + 0.01 * noise * rng.normal(size=truth.expression.shape), 0, 1)
    found = np.ones(len(placed), bool)
    found[list(lost)] = False
    for array in (points, depth, scores):
        array[~found] = np.nan
    return Track(
        landmarks_px=points.astype(np.float32),
        landmarks_z=depth.astype(np.float32),
        scores=scores.astype(np.float32),
        found=found,
        shot=np.zeros(len(found), np.int32) if shot is None else shot.astype(np.int32),
        others=np.zeros(len(found), np.uint8),
        fps=FPS,
        image_size=SIZE,
    )


@lru_cache(maxsize=1)
def whole() -> tuple[Track, SequenceFit]:
    track = make_track(movement(150))
    return track, fit_track(track)


def same(first: SequenceFit, second: SequenceFit) -> None:
    for name in ("identity", "expression", "rotation", "translation", "eye_rotation", "confidence"):
        one, two = getattr(first.parameters, name), getattr(second.parameters, name)
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(first.nme, second.nme, atol=1e-4)


def test_a_known_person_is_found_again() -> None:
    truth = movement(150)
    track, fit = whole()
    parameters = fit.parameters
    assert len(parameters) == len(track)
    assert fit.nme.shape == (150,)
    assert fit.nme.max() < 0.04
    assert fit.messages == ()
    assert parameters.confidence.tolist() == [1.0] * 150
    assert parameters.fps == FPS
    assert parameters.camera.image_size == SIZE
    assert parameters.expression.min() >= 0
    assert parameters.expression.max() <= 1
    for column, degrees in ((0, 3.0), (1, 3.5), (2, 1.5)):  # moves as the truth does, beside a constant
        off = np.degrees(parameters.rotation[:, column].numpy() - truth.rotation[:, column])
        assert np.std(off) < degrees, column
    jaw = parameters.expression[:, JAW].numpy()
    assert np.corrcoef(jaw, truth.expression[:, JAW])[0, 1] > 0.95
    sideways = parameters.camera.focal_px * (parameters.translation[:, 0] / parameters.translation[:, 2]).numpy()
    np.testing.assert_allclose(sideways, 1300 * truth.translation[:, 0] / truth.translation[:, 2], atol=4)


def test_one_person_and_one_camera() -> None:
    fit = whole()[1].parameters
    assert fit.identity.shape == (load_default_model().identity_size,)
    distance = fit.translation[:, 2].numpy()
    assert 0.6 < fit.camera.focal_px / 1300 / (np.median(distance) / 800) < 1.6
    assert distance.std() < 0.1 * np.median(distance)


def test_fits_are_repeatable() -> None:
    track, fit = whole()
    again = fit_track(track)
    for name in ("identity", "expression", "rotation", "translation"):
        torch.testing.assert_close(getattr(again.parameters, name), getattr(fit.parameters, name), rtol=1e-4, atol=1e-4)


def test_batches_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    track, fit = whole()
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(sequence, "_BATCH", 37)
    again = fit_track(track, progress=lambda done, of: calls.append((done, of)))
    same(again, fit)
    assert calls == [(37, 150), (74, 150), (111, 150), (148, 150), (150, 150)]


def test_smoothing_removes_jitter() -> None:
    track = make_track(movement(100), noise=1.0)
    smooth = fit_track(track).parameters
    raw = fit_track(track, SequenceOptions(smoothing=False)).parameters

    def jitter(values: torch.Tensor) -> float:
        return float(values.diff(n=2, dim=0).square().mean().sqrt())

    assert jitter(smooth.rotation) < 0.8 * jitter(raw.rotation)
    assert jitter(smooth.translation) < 0.8 * jitter(raw.translation)
    truth = movement(100)
    assert np.ptp(smooth.expression[:, JAW].numpy()) > 0.7 * np.ptp(raw.expression[:, JAW].numpy())
    assert np.corrcoef(smooth.expression[:, JAW].numpy(), truth.expression[:, JAW])[0, 1] > 0.95


# --- lost frames


def test_short_gaps_are_bridged_with_some_confidence() -> None:
    truth = movement(150)
    gap = tuple(range(60, 66))
    fit = fit_track(make_track(truth, gap))
    full = whole()[1].parameters
    confidence = fit.parameters.confidence.numpy()
    assert ((confidence[60:66] > 0) & (confidence[60:66] < 1)).all()
    assert (np.delete(confidence, gap) == 1).all()
    np.testing.assert_allclose(confidence[60:66], confidence[60:66][::-1])
    assert confidence[60] > confidence[62]  # less sure farther from what was seen
    assert np.isnan(fit.nme[60:66]).all()
    assert np.isfinite(np.delete(fit.nme, gap)).all()
    off = (fit.parameters.rotation - full.rotation)[60:66].norm(dim=1)
    assert torch.rad2deg(off).max() < 4
    assert "6 of 150 frames" in fit.messages[0]


@pytest.mark.parametrize("gap", [range(60, 75), range(0, 4), range(146, 150)], ids=["long", "start", "end"])
def test_other_gaps_have_no_confidence(gap: range) -> None:
    """Longer than 0.4 s, or with a face on one side only; the numbers stay finite and near."""
    fit = fit_track(make_track(movement(150), tuple(gap)))
    confidence = fit.parameters.confidence.numpy()
    assert not confidence[list(gap)].any()
    assert confidence.sum() == 150 - len(gap)
    for name in ("rotation", "translation", "expression", "eye_rotation"):
        assert getattr(fit.parameters, name).isfinite().all(), name
    assert fit.parameters.rotation.norm(dim=1).max() < 0.8
    assert fit.parameters.translation[:, 2].min() > 200


def test_how_long_a_gap_is_bridged_is_an_option() -> None:
    track = make_track(movement(60), tuple(range(30, 35)))
    never = fit_track(track, SequenceOptions(bridged_seconds=0.1)).parameters.confidence
    assert not never[30:35].any()
    always = fit_track(track, SequenceOptions(bridged_seconds=0.2)).parameters.confidence
    assert (always[30:35] > 0).all()


def test_no_face_at_all() -> None:
    with pytest.raises(InputError, match="No face was found in the video"):
        fit_track(make_track(movement(5), (0, 1, 2, 3, 4)))


def test_a_single_frame() -> None:
    fit = fit_track(make_track(movement(1)))
    assert len(fit.parameters) == 1
    assert fit.parameters.confidence.tolist() == [1]
    assert fit.nme[0] < 0.04


def test_a_single_face_in_a_long_video() -> None:
    lost = tuple(i for i in range(40) if i != 20)
    fit = fit_track(make_track(movement(40), lost))
    assert fit.parameters.confidence.tolist() == [float(i == 20) for i in range(40)]
    assert fit.parameters.rotation.isfinite().all()


# --- cuts


def test_nothing_is_smoothed_across_a_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smoother sees one shot at a time, and the jump stays as large as it was."""
    pieces: list[int] = []
    smooth = sequence.smooth

    def watched(values: np.ndarray, noise: np.ndarray, agility: np.ndarray, present: np.ndarray) -> np.ndarray:
        pieces.append(len(values))
        return smooth(values, noise, agility, present)

    first, second = movement(40), movement(40)
    second = dataclasses.replace(second, rotation=second.rotation + np.array([0.0, 0.35, 0.0]))
    both = Truth(*(np.concatenate([getattr(p, f) for p in (first, second)]) for f in Truth.__dataclass_fields__))
    shot = np.repeat([0, 1], 40)
    track = make_track(both, shot=shot)
    raw = fit_track(track, SequenceOptions(smoothing=False))
    monkeypatch.setattr(sequence, "smooth", watched)
    cut = fit_track(track)
    jump = (cut.parameters.rotation[40] - cut.parameters.rotation[39]).numpy()
    own = (raw.parameters.rotation[40] - raw.parameters.rotation[39]).numpy()
    np.testing.assert_allclose(jump, own, atol=np.radians(2))
    assert abs(own[1]) > 0.3
    assert pieces == [40, 40]
    assert cut.messages == ("1 cut was found; nothing is smoothed across them.",)


def test_gaps_are_not_bridged_across_a_cut() -> None:
    shot = np.repeat([0, 1], [32, 28])
    fit = fit_track(make_track(movement(60), tuple(range(30, 34)), shot))
    assert not fit.parameters.confidence[30:34].any()


def test_a_shot_without_the_face_rests() -> None:
    shot = np.repeat([0, 1, 2], [20, 15, 20])
    fit = fit_track(make_track(movement(55), tuple(range(20, 35)), shot))
    p = fit.parameters
    assert not p.confidence[20:35].any()
    assert not p.expression[20:35].any()
    assert not p.eye_rotation[20:35].any()
    torch.testing.assert_close(p.rotation[20:27], p.rotation[19].expand(7, 3))
    torch.testing.assert_close(p.rotation[29:35], p.rotation[35].expand(6, 3))
    assert p.confidence[:20].min() == p.confidence[35:].min() == 1


# --- other models


def test_another_model_is_fitted_with_its_own_prior(model: MorphableModel) -> None:
    other = dataclasses.replace(model, name="ict-facekit", identity_basis=model.identity_basis[:10])
    fit = fit_track(make_track(movement(30)), SequenceOptions(model=other))
    assert fit.parameters.identity.shape == (10,)
    assert fit.parameters.model == "ict-facekit"
    assert fit.nme.max() < 0.06
