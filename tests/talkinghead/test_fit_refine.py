"""What refinement does to photos and videos, with a small refiner whose corrections are known."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch

from face3d.fitting import PhotoFit
from face3d.morphable_model import load_default_model
from face3d.parameters import FaceParameters
from face3d.track import Track
from renderers.refinement import Photo, RefineOptions
from talkinghead import fit_refine as module
from talkinghead.fit_refine import key_frames, refine_photos, refine_video
from talkinghead.media.video_file import VideoFile

COUNT = 24
LOST = 10


class SmallRefiner:
    """Moves a person 10 mm away and widens the identity; turns each frame by 0.1 rad, with noise of 0.05."""

    seen: list[list[Photo]]

    def __init__(self, options: RefineOptions | None = None) -> None:
        self.person = (options or RefineOptions()).person
        self.noise = np.random.default_rng(0)

    def refine(self, photos: list[Photo]) -> SimpleNamespace:
        SmallRefiner.seen.append(photos)
        results = []
        for photo in photos:
            p = photo.parameters
            if self.person:
                p = dataclasses.replace(
                    p,
                    identity=p.identity + 0.5,
                    translation=p.translation * 1.02,
                    shape_residual=torch.zeros_like(load_default_model().mean),
                    texture=torch.full((8, 8, 3), 0.5),
                    light=torch.zeros(9, 3),
                )
            else:
                turn = torch.tensor([0.0, 0.1 + 0.05 * self.noise.standard_normal(), 0.0])
                expression = (p.expression + 0.9).clamp(0, 1)
                p = dataclasses.replace(p, rotation=p.rotation + turn, expression=expression)
            results.append(p)
        count = len(photos)
        return SimpleNamespace(
            parameters=tuple(results), error_before=np.full(count, 0.2), error_after=np.full(count, 0.1)
        )


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    SmallRefiner.seen = []
    monkeypatch.setattr(module, "Refiner", SmallRefiner)


@pytest.fixture
def film(tmp_path: Path, astronaut: np.ndarray) -> VideoFile:
    """The astronaut, standing still."""
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "20", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 320, "yuv420p"
        for _ in range(COUNT):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(astronaut))))
        container.mux(stream.encode(None))
    return VideoFile.open(path)


@pytest.fixture
def fitted(astronaut_fit: PhotoFit) -> tuple[Track, FaceParameters, np.ndarray]:
    """A track with one lost frame, its fit, and the errors."""
    fields = ("expression", "rotation", "translation", "eye_rotation")
    arrays = {n: getattr(astronaut_fit.parameters, n).repeat_interleave(COUNT, 0) for n in fields}
    confidence = torch.ones(COUNT)
    confidence[LOST] = 0.5
    parameters = dataclasses.replace(astronaut_fit.parameters, **arrays, confidence=confidence)
    faces = [None if i == LOST else astronaut_fit.detection for i in range(COUNT)]
    nme = np.array([np.nan if i == LOST else 0.01 + 0.0001 * i for i in range(COUNT)], np.float32)
    return Track.of(faces, 25.0, (320, 320)), parameters, nme


def test_a_video(film: VideoFile, fitted: tuple[Track, FaceParameters, np.ndarray]) -> None:
    track, parameters, nme = fitted
    calls: list[tuple[int, int]] = []
    result, errors, light = refine_video(film, track, parameters, nme, lambda *c: calls.append(c))
    people, *frames = SmallRefiner.seen
    assert 1 < len(people) <= 5
    assert len(frames) == COUNT - 1, "every measured frame"
    assert calls == [(i + 1, COUNT) for i in range(COUNT)]
    torch.testing.assert_close(result.identity, parameters.identity + 0.5)
    assert result.shape_residual is not None
    assert result.texture is not None
    torch.testing.assert_close(result.translation, parameters.translation * 1.02)
    turned = (result.rotation - parameters.rotation)[:, 1].numpy()
    assert turned[LOST] == 0
    turned = np.delete(turned, LOST)
    assert turned.mean() == pytest.approx(0.1, abs=0.03)
    assert np.abs(np.diff(turned)).mean() < 0.01, "the noise of single frames is gone"
    assert result.expression.max() <= 1
    assert np.isnan(errors[LOST])
    assert (np.delete(errors, LOST) > np.delete(nme, LOST)).all(), "the errors are those of the turned head"
    assert (light.before, light.after) == (pytest.approx(0.2), pytest.approx(0.1))


def test_key_frames_fit_well_and_look_into_different_directions(
    fitted: tuple[Track, FaceParameters, np.ndarray],
) -> None:
    _, parameters, nme = fitted
    rotation = parameters.rotation.clone()
    rotation[3] += torch.tensor([0.0, 0.5, 0.0])
    rotation[5] += torch.tensor([0.3, 0.0, 0.0])
    rotation[20] += torch.tensor([0.0, -1.0, 0.0])  # looks far away, but fits badly
    chosen = key_frames(dataclasses.replace(parameters, rotation=rotation), nme, 3)
    assert chosen[0] == 0, "the best"
    assert set(chosen) == {0, 3, 5}


def test_as_many_key_frames_as_there_are(fitted: tuple[Track, FaceParameters, np.ndarray]) -> None:
    _, parameters, nme = fitted
    assert key_frames(parameters.frames(0, 1), nme[:1], 5) == [0]


def test_photos(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    fits, light = refine_photos([astronaut] * 2, [astronaut_fit] * 2)
    assert [len(photos) for photos in SmallRefiner.seen] == [2], "together"
    for fit in fits:
        assert fit.detection is astronaut_fit.detection
        assert not torch.equal(fit.parameters.identity, astronaut_fit.parameters.identity)
        assert fit.nme > astronaut_fit.nme, "the error is that of the result"
    assert (light.before, light.after) == (pytest.approx(0.2), pytest.approx(0.1))
