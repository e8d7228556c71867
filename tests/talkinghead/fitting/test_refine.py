"""What refinement does to photos and videos, with a small refiner whose result is known."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch

from face3d.fit.photo_fit import PhotoFit
from face3d.fit.track_fit import SequenceFit, SequenceOptions, fit_track
from face3d.follow.track import Track
from face3d.model.morphable_model import MorphableModel, load_default_model
from face3d.model.personal_shapes import personal_model
from face3d.parameters import FaceParameters
from renderers.photometric import Photo
from talkinghead.fitting import refine as module
from talkinghead.fitting.refine import frozen_model, key_frames, refine_photos, refine_video
from talkinghead.media.video_file import VideoFile

COUNT = 12
LOST = 5
RESIDUAL_MM = 1.5


class SmallRefiner:
    """Widens the identity and pushes the whole head a little to the front."""

    seen: list[list[Photo]]

    def refine(self, photos: list[Photo]) -> SimpleNamespace:
        SmallRefiner.seen.append(photos)
        residual = torch.zeros_like(load_default_model().mean)
        residual[:, 2] = RESIDUAL_MM
        fields = {"shape_residual": residual, "texture": torch.full((8, 8, 3), 0.5), "light": torch.zeros(9, 3)}
        refined = [dataclasses.replace(p.parameters, identity=p.parameters.identity + 0.5, **fields) for p in photos]
        count = len(photos)
        return SimpleNamespace(
            parameters=tuple(refined), error_before=np.full(count, 0.2), error_after=np.full(count, 0.1)
        )


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    SmallRefiner.seen = []
    monkeypatch.setattr(module, "Refiner", SmallRefiner)


@pytest.fixture
def film(tmp_path: Path, astronaut: np.ndarray) -> VideoFile:
    """The astronaut, standing still, brighter from frame to frame."""
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 320, "yuv420p"
        for index in range(COUNT):
            picture = (astronaut * (0.4 + 0.05 * index)).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode(None))
    return VideoFile.open(path)


@pytest.fixture
def fitted(astronaut_fit: PhotoFit) -> tuple[Track, SequenceFit]:
    """A track with one lost frame, and its fit; the later the frame, the larger the error."""
    fields = ("expression", "rotation", "translation", "eye_rotation")
    arrays = {n: getattr(astronaut_fit.parameters, n).repeat_interleave(COUNT, 0) for n in fields}
    confidence = torch.ones(COUNT)
    confidence[LOST] = 0.5
    parameters = dataclasses.replace(astronaut_fit.parameters, **arrays, confidence=confidence)
    faces = [None if i == LOST else astronaut_fit.detection for i in range(COUNT)]
    nme = np.array([np.nan if i == LOST else 0.01 + 0.0001 * i for i in range(COUNT)], np.float32)
    return Track.of(faces, 25.0, (320, 320)), SequenceFit(parameters, nme)


def turned(fit: SequenceFit, turns: dict[int, tuple[float, float, float]]) -> SequenceFit:
    rotation = fit.parameters.rotation.clone()
    for index, turn in turns.items():
        rotation[index] += torch.tensor(turn)
    return dataclasses.replace(fit, parameters=dataclasses.replace(fit.parameters, rotation=rotation))


def test_a_video(film: VideoFile, fitted: tuple[Track, SequenceFit], monkeypatch: pytest.MonkeyPatch) -> None:
    track, fit = fitted
    fit = turned(fit, {3: (0.0, 0.4, 0.0)})
    given: list[MorphableModel | None] = []

    def keep(track: Track, options: SequenceOptions, progress: object) -> SequenceFit:
        given.append(options.model)
        return fit_track(track, options, progress)

    monkeypatch.setattr(module, "fit_track", keep)
    calls: list[tuple[int, int]] = []
    result, light = refine_video(film, track, fit, lambda *c: calls.append(c))
    (photos,) = SmallRefiner.seen
    brightness = [float(p.image.mean()) for p in photos]
    assert len(photos) == 2
    assert brightness[1] / brightness[0] == pytest.approx((0.4 + 0.15) / 0.4, rel=0.03), "frames 0 and 3"
    assert calls[-1] == (COUNT, COUNT)
    torch.testing.assert_close(result.parameters.identity, fit.parameters.identity + 0.5)
    assert result.parameters.texture is not None
    assert result.parameters.light is not None
    # The second fit and who draws the result later see the same person.
    model = personal_model(dataclasses.replace(result.parameters, landmark_shapes=None))
    assert given[0] is not None
    torch.testing.assert_close(given[0].mean, model.neutral(result.parameters.identity))
    assert np.isnan(result.nme[LOST])
    assert np.nanmax(result.nme) < 0.06
    assert (light.before, light.after) == (pytest.approx(0.2), pytest.approx(0.1))


def test_the_model_of_one_person(astronaut_fit: PhotoFit) -> None:
    residual = torch.ones_like(load_default_model().mean)
    person = dataclasses.replace(astronaut_fit.parameters, shape_residual=residual)
    model = frozen_model(person)
    expected = load_default_model().neutral(person.identity) + 1
    for identity in (torch.zeros(model.identity_size), torch.ones(model.identity_size)):
        torch.testing.assert_close(model.neutral(identity), expected)


def test_key_frames_fit_well_and_look_into_different_directions(fitted: tuple[Track, SequenceFit]) -> None:
    # Frame 4 looks almost like frame 3, frame 11 looks far away but fits badly.
    fit = turned(fitted[1], {2: (0.3, 0, 0), 3: (0, 0.5, 0), 4: (0, 0.45, 0), 11: (0, -1.0, 0)})
    assert key_frames(fit.parameters, fit.nme) == [0, 3, 2]


def test_frames_that_look_alike_count_once(fitted: tuple[Track, SequenceFit]) -> None:
    _, fit = fitted
    assert key_frames(fit.parameters, fit.nme) == [0]
    assert key_frames(fit.parameters.frames(0, 1), fit.nme[:1]) == [0]


def test_photos(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> None:
    fits, light = refine_photos([astronaut] * 2, [astronaut_fit] * 2)
    assert [len(photos) for photos in SmallRefiner.seen] == [2], "together"
    for fit in fits:
        assert fit.detection is astronaut_fit.detection
        assert isinstance(fit.parameters, FaceParameters)
        assert not torch.equal(fit.parameters.identity, astronaut_fit.parameters.identity)
        assert fit.nme > astronaut_fit.nme, "the error is that of the result"
    assert (light.before, light.after) == (pytest.approx(0.2), pytest.approx(0.1))
