"""A clip drawn again from its first frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import talkinghead
from face3d.detect.detector import FaceDetection
from face3d.errors import InputError
from renderers.avatar import Change
from scripts.lab.measure.landmark_warp import LandmarkWarp
from scripts.lab.measure.regions import face_box
from scripts.lab.measure.similarity import psnr
from scripts.lab.renderer import reenactment
from scripts.lab.renderer.reenactment import (
    Clip,
    fit_clip,
    fitted_frames,
    kept_fit,
    kept_name,
    save_photo,
    spoken_frames,
)
from talkinghead import rendering as pipeline
from talkinghead.config import load_config
from talkinghead.media.video import VideoOptions, VideoWriter

COUNT = 6


def write_video(path: Path, frames: list[np.ndarray], audio: Path | None = None) -> Path:
    size = frames[0].shape[1], frames[0].shape[0]
    with VideoWriter(path, size, 25, len(frames), audio, VideoOptions(crf=4, preset="ultrafast")) as writer:
        for frame in frames:
            writer.write(frame)
    return path


@pytest.fixture(scope="module")
def frames(astronaut: np.ndarray, astronaut_detection: FaceDetection) -> list[np.ndarray]:
    """The astronaut wandering 2 pixels per frame to the right."""
    points = astronaut_detection.landmarks_px
    warp = LandmarkWarp(astronaut, points, anchored=True)
    return [warp(points + np.array([2.0 * i, 0.0])) for i in range(COUNT)]


@pytest.fixture(scope="module")
def clip(frames: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Clip:
    demo = Path(__file__).resolve().parents[4] / "examples" / "demo.wav"
    return fit_clip(write_video(tmp_path_factory.mktemp("clip") / "astronaut.mp4", frames, demo))


def test_a_fitted_clip(clip: Clip, frames: list[np.ndarray], astronaut_detection: FaceDetection) -> None:
    assert clip.name == "astronaut"
    assert len(clip.parameters) == COUNT
    moved = astronaut_detection.landmarks_px + np.array([10.0, 0.0])
    assert np.linalg.norm(clip.landmarks_px[5] - moved, axis=1).mean() < 2
    chosen = list(clip.frames([0, 3, 5]))
    assert len(chosen) == 3
    assert all(psnr(a, frames[i]) > 35 for a, i in zip(chosen, (0, 3, 5), strict=True))


def test_the_fitted_row_follows_the_real_one(clip: Clip, tmp_path: Path) -> None:
    photo = save_photo(clip, tmp_path)
    chosen = [0, 5]
    drawn = list(fitted_frames(clip, photo, chosen, load_config()))
    real = list(clip.frames(chosen))
    size = clip.video.size
    box = np.zeros((size[1], size[0]), bool)
    box[face_box(clip.landmarks_px[5], size).window] = True
    assert len(drawn) == 2
    assert psnr(drawn[1], real[1], box) > psnr(real[0], real[1], box) + 3


def test_the_spoken_row_has_the_same_frames(clip: Clip, tmp_path: Path) -> None:
    drawn = list(spoken_frames(clip, save_photo(clip, tmp_path), [0, 2, 5], load_config()))
    assert [frame.shape for frame in drawn] == [(320, 320, 3)] * 3
    assert (drawn[2] != drawn[0]).any()


@pytest.mark.parametrize(
    "settings", [{}, {"video__refine": True}, {"photo__crop": "head", "motion__emotion": "happy"}], ids=str
)
def test_the_spoken_row_is_what_generate_draws(
    settings: dict[str, object], clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(**settings, video__fps=25)
    photo, drawn = save_photo(clip, tmp_path), list[np.ndarray]()

    def collect(
        changes: list[Change], output: Path, *_: object, still: np.ndarray, **__: object
    ) -> pipeline.VideoResult:
        drawn.extend(change.over(still) for change in changes)
        return pipeline.VideoResult(output, len(drawn), (still.shape[1], still.shape[0]), 25.0)

    monkeypatch.setattr(pipeline, "write_video", collect)
    talkinghead.generate(photo, clip.video.path, tmp_path / "out.mp4", config=config)
    for number, frame in zip((0, 3, 5), spoken_frames(clip, photo, [0, 3, 5], config), strict=True):
        difference = np.abs(frame.astype(int) - drawn[number])
        assert difference.mean() < 0.05


def test_large_faces_speak_as_generate_draws_them(clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces beyond the working size go through `make_avatar`, here with the size made small."""
    made: list[object] = []
    monkeypatch.setattr("renderers.photo.cutout.WORKING_FACE_PX", 60.0)
    monkeypatch.setattr("renderers.reduced_avatar.ReducedAvatar.render", lambda *a, **_: made.append(a) or np.zeros(1))
    list(spoken_frames(clip, save_photo(clip, tmp_path), [0, 2], load_config()))
    assert len(made) == 2


def test_fits_are_kept_by_what_is_in_a_file(clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two folders may hold files of one name; a file that has moved is known again."""
    first, second, again = (tmp_path / name / "clip.mp4" for name in ("a", "b", "c"))
    for path, content in ((first, b"one"), (second, b"two"), (again, b"one")):
        path.parent.mkdir()
        path.write_bytes(content)
    assert kept_name(first) == kept_name(again) != kept_name(second)
    fitted: list[Path] = []
    monkeypatch.setattr(reenactment, "fit_clip", lambda path: fitted.append(path) or clip)
    for path in (first, second, again, second):
        parameters, landmarks = kept_fit(path, tmp_path)
        assert len(parameters) == len(landmarks) == COUNT
    assert fitted == [first, second]


def test_the_first_frame_must_show_the_face(frames: list[np.ndarray], tmp_path: Path) -> None:
    path = write_video(tmp_path / "late.mp4", [np.zeros_like(frames[0]), *frames])
    with pytest.raises(InputError, match="first frame shows no face"):
        fit_clip(path)
