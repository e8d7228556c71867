"""A person's track, in memory and in the file to which it grows."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face3d.detect.detector import FaceDetection
from face3d.errors import InputError
from face3d.follow.track import Track, TrackWriter, fingerprint, open_track

SIZE = (320, 240)


def moved(face: FaceDetection, by: float) -> FaceDetection:
    return dataclasses.replace(face, landmarks_px=face.landmarks_px + np.float32(by))


def write(path: Path, faces: list[FaceDetection | None], cuts: tuple[int, ...] = (), **source: object) -> None:
    with TrackWriter(path, 25.0, SIZE, source) as writer:
        for index, face in enumerate(faces, start=writer.frames):
            writer.append(face, index in cuts, others=index)


def test_what_is_written_is_read(tmp_path: Path, astronaut_detection: FaceDetection) -> None:
    faces = [moved(astronaut_detection, 1), None, moved(astronaut_detection, 2)]
    write(tmp_path / "t", faces, cuts=(2,))
    track = open_track(tmp_path / "t")
    assert (len(track), track.fps, track.image_size) == (3, 25.0, SIZE)
    assert track.found.tolist() == [True, False, True]
    assert track.shot.tolist() == [0, 0, 1]
    assert track.others.tolist() == [0, 1, 2]
    for index in (0, 2):
        np.testing.assert_array_equal(track.landmarks_px[index], faces[index].landmarks_px)
        np.testing.assert_array_equal(track.landmarks_z[index], faces[index].landmarks_z)
        np.testing.assert_array_equal(track.scores[index], faces[index].scores)
    assert np.isnan(track.landmarks_px[1]).all()
    assert np.isnan(track.landmarks_z[1]).all()
    assert np.isnan(track.scores[1]).all()


def test_a_file_in_memory_is_the_same(tmp_path: Path, astronaut_detection: FaceDetection) -> None:
    faces = [None, astronaut_detection]
    write(tmp_path / "t", faces, cuts=(1,))
    in_memory, on_disk = Track.of(faces, 25.0, SIZE, shot=[0, 1]), open_track(tmp_path / "t")
    for name in ("landmarks_px", "landmarks_z", "scores", "found", "shot"):
        np.testing.assert_array_equal(getattr(in_memory, name), getattr(on_disk, name))
    assert isinstance(on_disk.landmarks_px, np.memmap), "a long video is not read into memory"


@given(lost=st.integers(0, 5951), pattern=st.lists(st.booleans(), min_size=1, max_size=6))
def test_an_interrupted_file_is_continued(
    lost: int, pattern: list[bool], tmp_path_factory: pytest.TempPathFactory, astronaut_detection: FaceDetection
) -> None:
    """Whatever part of the last record an interruption cuts off, only that frame is gone."""
    path = tmp_path_factory.mktemp("track") / "t"
    faces = [moved(astronaut_detection, i) if there else None for i, there in enumerate(pattern)]
    write(path, faces, cuts=(1,))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - lost)
    kept = len(faces) - (lost > 0)
    assert len(open_track(path)) == kept
    with TrackWriter(path, 25.0, SIZE, {}) as writer:
        assert writer.frames == kept
        assert writer.shot == (1 if kept > 1 else 0)
        for index in range(kept, len(faces)):
            writer.append(faces[index], index == 1)
    assert open_track(path).found.tolist() == pattern
    assert open_track(path).shot.tolist() == [0, 1, 1, 1, 1, 1][: len(faces)]


@pytest.mark.parametrize("kept", [0, 1, 3, 9])
def test_the_end_can_be_dropped(kept: int, tmp_path: Path, astronaut_detection: FaceDetection) -> None:
    with TrackWriter(tmp_path / "t", 25.0, SIZE, {}) as writer:
        for frame in range(4):
            writer.append(astronaut_detection, cut=frame in (1, 3))
        writer.keep(kept)
        assert (writer.frames, writer.shot) == (min(kept, 4), [0, 0, 1, 1, 2][min(kept, 4)])
        writer.append(None, cut=True)
        writer.flush()
        assert open_track(tmp_path / "t").found.tolist() == [True] * min(kept, 4) + [False]
    assert open_track(tmp_path / "t").shot.tolist() == [*[0, 1, 1, 2][:kept], [0, 1, 2, 2, 3][min(kept, 4)]]


@pytest.mark.parametrize("change", ["fps", "size", "source", "damage"])
def test_a_file_of_something_else_is_begun_anew(
    change: str, tmp_path: Path, astronaut_detection: FaceDetection
) -> None:
    path = tmp_path / "t"
    write(path, [astronaut_detection] * 3, video=1)
    if change == "damage":
        path.write_bytes(b"x" + path.read_bytes()[1:])
    fps, size = 30.0 if change == "fps" else 25.0, (320, 241) if change == "size" else SIZE
    with TrackWriter(path, fps, size, {"video": 2 if change == "source" else 1}) as writer:
        assert writer.frames == 0
        writer.append(None)
    assert open_track(path).found.tolist() == [False]


def test_the_first_frame_is_no_new_shot(tmp_path: Path) -> None:
    write(tmp_path / "t", [None, None, None], cuts=(0, 2))
    assert open_track(tmp_path / "t").shot.tolist() == [0, 0, 1]


def test_an_empty_track(tmp_path: Path) -> None:
    write(tmp_path / "t", [])
    assert len(open_track(tmp_path / "t")) == 0
    assert len(Track.of([], 25.0, SIZE)) == 0


def test_frames_is_a_slice(astronaut_detection: FaceDetection) -> None:
    part = Track.of([None, astronaut_detection, None], 25.0, SIZE).frames(1, 3)
    assert part.found.tolist() == [True, False]


def test_arrays_that_do_not_fit_together(astronaut_detection: FaceDetection) -> None:
    track = Track.of([astronaut_detection] * 2, 25.0, SIZE)
    for name in ("landmarks_px", "landmarks_z", "scores", "shot", "others"):
        with pytest.raises(ValueError, match=name):
            dataclasses.replace(track, **{name: getattr(track, name)[:1]})
    with pytest.raises(ValueError, match="scores"):
        dataclasses.replace(track, scores=track.scores.astype(np.float64))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a track"),
        (b"x" * 5000, "not a track"),
        (b'face3d track\n{"version": 9, "fps": 1, "image_size": [1, 1]}'.ljust(4096), "update"),
        (b'face3d track\n{"version": 1}'.ljust(4096), "damaged"),
        (b"face3d track\n".ljust(4096), "damaged"),
    ],
)
def test_files_that_are_no_tracks(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(InputError, match=words):
        open_track(tmp_path / "t")


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        open_track(tmp_path / "t")
    with pytest.raises(InputError, match="cannot be written"):
        TrackWriter(tmp_path / "no" / "t", 25.0, SIZE, {}).__enter__()


def test_fingerprints(tmp_path: Path) -> None:
    video = tmp_path / "v"
    video.write_bytes(b"1")
    first = fingerprint(video, face_index=None)
    assert fingerprint(video, face_index=None) == first
    assert fingerprint(video, face_index=0) != first
    video.write_bytes(b"22")
    assert fingerprint(video, face_index=None) != first


def test_a_source_that_does_not_fit_the_header(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="4096"):
        TrackWriter(tmp_path / "t", 25.0, SIZE, {"x": "x" * 4096})
