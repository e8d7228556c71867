"""Fitting videos: outputs, resuming, and every kind of video that users hand in.

The quick tests replace the detector and the solver by small ones that see a face where the picture is bright; the slow
ones at the end use the real ones.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import mmap
import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from imageio_ffmpeg import get_ffmpeg_exe

import face3d.fit.track_fit as sequence
import face3d.follow.person_follower as following
import face3d.follow.track as track_module
from face3d.camera import Camera
from face3d.detect.detector import FaceDetection
from face3d.errors import InputError
from face3d.fit.track_fit import SequenceFit
from face3d.follow.follower_state import FollowerState
from face3d.follow.person_follower import FaceFollower, Followed
from face3d.follow.track import Track, TrackWriter, open_track
from face3d.parameters import TENSOR_FIELDS, FaceParameters
from talkinghead.cli.program import main
from talkinghead.fitting import video as module
from talkinghead.fitting.spool import open_spool, spool_of, state_of
from talkinghead.fitting.video import FitOutputs, fit_video
from talkinghead.media.video_file import Damage, VideoFile
from talkinghead.stages import silent

SIZE = (96, 80)
ROOT = Path(__file__).resolve().parents[3]
PHOTO = ROOT / "tests" / "data" / "astronaut.jpg"


def write_film(path: Path, pattern: str, fps: int = 25, size: tuple[int, int] = SIZE, **options: str) -> Path:
    """One frame per letter: `#` is bright (a face for the small detector), `.` dark, `|` bright in a new shot."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "8", "preset": "ultrafast", **options})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for letter in pattern:
            level = {".": 20, "#": 160, "|": 230}[letter]
            picture = np.full((size[1], size[0], 3), level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode(None))
    return path


class SmallFollower:
    """Sees the astronaut where the picture is bright."""

    face: FaceDetection
    made: list[SmallFollower]
    interrupt_at: int | None = None
    others = 0

    def __init__(
        self, face_index: int | None = None, kind: str = "builtin", state: FollowerState | None = None
    ) -> None:
        self.face_index, self.kind = face_index, kind
        self.begun = 0 if state is None else state.frame + 1
        self.steps = 0
        SmallFollower.made.append(self)

    def __enter__(self) -> SmallFollower:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def state(self) -> FollowerState:
        return FollowerState(self.begun + self.steps - 1, 0, 0, np.zeros((0, 576), np.float32), None, ())

    def step(self, image: np.ndarray) -> Followed:
        if self.steps == SmallFollower.interrupt_at:
            raise KeyboardInterrupt
        self.steps += 1
        level = float(image.mean())
        return Followed(self.face if level > 90 else None, level > 200, SmallFollower.others)


def small_fit(track: Track, options: object = None, progress: Callable[[int, int], None] | None = None) -> SequenceFit:
    """A head that looks straight ahead; one frame beside each found one is interpolated."""
    count = len(track)
    found = np.array(track.found)
    near = np.convolve(found, [1, 1, 1])[1:-1] > 0
    confidence = torch.from_numpy(np.where(found, 1.0, np.where(near, 0.5, 0.0))).float()
    if progress:
        progress(count, count)
    width, height = track.image_size
    parameters = FaceParameters(
        identity=torch.zeros(10),
        expression=torch.zeros(count, 52),
        rotation=torch.zeros(count, 3),
        translation=torch.tensor([0.0, 0.0, 600.0]).repeat(count, 1),
        eye_rotation=torch.zeros(count, 2, 2),
        confidence=confidence,
        fps=track.fps,
        camera=Camera(1.2 * width, (width / 2, height / 2), (width, height)),
    )
    nme = np.where(found, 0.01, np.nan).astype(np.float32)
    return SequenceFit(parameters, nme, ("The small fit was here.",))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, astronaut_detection: FaceDetection) -> type[SmallFollower]:
    """The small detector and solver in place of the real ones."""
    landmarks = astronaut_detection.landmarks_px
    SmallFollower.face = dataclasses.replace(astronaut_detection, landmarks_px=landmarks)
    SmallFollower.made, SmallFollower.interrupt_at, SmallFollower.others = [], None, 0
    monkeypatch.setattr(following, "FaceFollower", SmallFollower)
    monkeypatch.setattr(sequence, "fit_track", small_fit)
    return SmallFollower


def outputs_in(folder: Path) -> FitOutputs:
    return FitOutputs(*(folder / name for name in ("y.safetensors", "y.mp4", "y.json", "y.png")))


def test_all_outputs(tmp_path: Path, small: type[SmallFollower]) -> None:
    film = write_film(tmp_path / "film.mp4", "#####...####")
    out = tmp_path / "new" / "out"
    outputs = outputs_in(out)
    seen: list[str] = []
    fit_video(film, outputs, stages=lambda stage: seen.append(stage) or silent(stage))
    assert seen == ["following", "fitting", "drawing"]
    assert sorted(p.name for p in out.iterdir()) == ["y.json", "y.mp4", "y.png", "y.safetensors"]
    assert len(FaceParameters.load(outputs.parameters)) == 12
    figures = json.loads(outputs.report.read_text())
    assert figures["frames"] == 12
    assert figures["frames_with_a_face"] == 9
    assert figures["lost"] == [[6, 6]]
    assert figures["interpolated"] == [[5, 5], [7, 7]]
    assert figures["nme_percent"]["mean"] == pytest.approx(1)
    assert set(figures["stability"]) == {"raw_msi", "fitted_msi", "ratio"}
    assert set(figures["timing"]) == {"following", "fitting", "drawing"}
    assert "The small fit was here." in figures["messages"]
    with av.open(str(outputs.overlay)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 12
    width = frames[0].shape[1] // 2
    source, drawn = frames[2][:, :width].astype(int), frames[2][:, width:].astype(int)
    assert np.abs(source[50:] - drawn[50:]).max() > 30, "a head over the right picture"
    source, drawn = frames[6][:, :width].astype(int), frames[6][:, width:].astype(int)
    assert np.abs(source[50:] - drawn[50:]).max() < 12, "nothing where there is nobody"


def test_an_interruption_is_resumed(
    tmp_path: Path, small: type[SmallFollower], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECKPOINT_FRAMES", 3)
    film = write_film(tmp_path / "film.mp4", "..####..##|#")
    whole, outputs = (FitOutputs(tmp_path / n / "y.safetensors", report=tmp_path / n / "y.json") for n in ("a", "b"))
    fit_video(film, whole)
    small.interrupt_at = 7
    with pytest.raises(KeyboardInterrupt, match="run the same command again"):
        fit_video(film, outputs)
    spool = spool_of(outputs.parameters)
    assert set(outputs.parameters.parent.iterdir()) == {spool, state_of(spool)}
    assert open_track(spool).found.tolist() == [False, False, True, True, True, True, False]
    small.interrupt_at = None
    assert "Going on" not in caplog.text
    with caplog.at_level(logging.INFO, logger="talkinghead"):
        fit_video(film, outputs)
    assert "Going on with the fit of" in caplog.text
    assert "interrupted after 6 frames" in caplog.text
    assert (small.made[-1].begun, small.made[-1].steps) == (6, 6), "from where the follower's state was kept"
    assert not spool.exists()
    for field in ("expression", "confidence", "translation"):
        a, b = (getattr(FaceParameters.load(o.parameters), field) for o in (whole, outputs))
        assert torch.equal(a, b)
    reports = [json.loads(o.report.read_text()) for o in (whole, outputs)]
    assert reports[0]["cuts"] == reports[1]["cuts"] == [10]


def test_an_interrupted_drawing_does_not_follow_again(
    tmp_path: Path, small: type[SmallFollower], monkeypatch: pytest.MonkeyPatch
) -> None:
    film, outputs = write_film(tmp_path / "film.mp4", "####"), outputs_in(tmp_path / "out")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write_overlay", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit_video(film, outputs)
    spool = spool_of(outputs.parameters)
    assert set(outputs.parameters.parent.iterdir()) == {spool, state_of(spool)}
    assert len(fit_video(film, outputs).report["lost"]) == 0
    assert len(small.made) == 1
    assert len(list(outputs.parameters.parent.iterdir())) == 4


def test_another_video_is_not_continued(tmp_path: Path, small: type[SmallFollower]) -> None:
    outputs = FitOutputs(tmp_path / "out" / "y.safetensors")
    small.interrupt_at = 3
    with pytest.raises(KeyboardInterrupt):
        fit_video(write_film(tmp_path / "a.mp4", "#####"), outputs)
    small.interrupt_at = None
    figures = fit_video(write_film(tmp_path / "b.mp4", "..#"), outputs).report
    assert figures["lost"] == [[0, 0]]
    assert [p.name for p in outputs.parameters.parent.iterdir()] == ["y.safetensors"]


def test_a_failure_leaves_nothing(tmp_path: Path, small: type[SmallFollower], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr(module, "_write_overlay", broken)
    with pytest.raises(RuntimeError, match="disk full"):
        fit_video(write_film(tmp_path / "film.mp4", "####"), outputs_in(tmp_path / "new" / "out"))
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]


def fit(film: Path, folder: Path, *more: str) -> int:
    return main(["fit", str(film), "--output", str(folder / "out" / "y.safetensors"), *more])


def report_of(film: Path, folder: Path, *more: str) -> dict:
    report = folder / "out" / "r.json"
    assert fit(film, folder, "--report", str(report), "--quiet", *more) == 0
    figures: dict = json.loads(report.read_text())
    return figures


def convert(source: Path, target: Path, *arguments: str, before: tuple[str, ...] = ()) -> Path:
    command = [get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y", *before, "-i", str(source), *arguments]
    subprocess.run([*command, str(target)], check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return target


@pytest.mark.parametrize(
    ("pattern", "lost", "interpolated"),
    [
        ("........##", [[0, 6]], [[7, 7]]),
        ("###......###", [[4, 7]], [[3, 3], [8, 8]]),
        ("#", [], []),
        ("##########", [], []),
    ],
    ids=["only at the end", "leaves and comes back", "a single frame", "always there"],
)
def test_when_the_face_is_there(
    pattern: str, lost: list[list[int]], interpolated: list[list[int]], tmp_path: Path, small: type[SmallFollower]
) -> None:
    figures = report_of(write_film(tmp_path / "film.mp4", pattern), tmp_path, "--plot", str(tmp_path / "p.png"))
    assert (figures["frames"], figures["lost"], figures["interpolated"]) == (len(pattern), lost, interpolated)


def the_sentence(capsys: pytest.CaptureFixture[str]) -> str:
    # What is said before anything is known of the input does not count.
    lines = [line for line in capsys.readouterr().err.splitlines() if line != "talkinghead: preparing"]
    assert len(lines) == 1, lines
    assert lines[0].startswith("talkinghead: error: ")
    assert lines[0].endswith(".")
    return lines[0]


def test_nobody_there(tmp_path: Path, small: type[SmallFollower], capsys: pytest.CaptureFixture[str]) -> None:
    assert fit(write_film(tmp_path / "film.mp4", "....."), tmp_path) == 2
    assert "no face was found in any of its 5 frames" in the_sentence(capsys)
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]


def test_sound_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.m4a"
    command = [get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "sine=d=0.3", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    assert fit(path, tmp_path) == 2
    assert "holds sound but no pictures" in the_sentence(capsys)
    assert [p.name for p in tmp_path.iterdir()] == ["s.m4a"]


def test_the_sound_comes_along(tmp_path: Path, small: type[SmallFollower]) -> None:
    film = write_film(tmp_path / "film.mp4", "#" * 10)
    loud = convert(film, tmp_path / "loud.mp4", "-c:v", "copy", "-shortest", before=("-f", "lavfi", "-i", "sine=d=0.4"))
    outputs = outputs_in(tmp_path / "out")
    fit_video(loud, outputs)
    with av.open(str(outputs.overlay)) as container:
        assert container.streams.audio


def test_a_variable_rate(tmp_path: Path, small: type[SmallFollower]) -> None:
    film = write_film(tmp_path / "film.mp4", "#####.....#####")
    slow = "setpts='if(lt(N,5),N,if(lt(N,10),5+(N-5)*4,25+N-10))/25/TB'"
    variable = convert(film, tmp_path / "v.mkv", "-vf", slow, "-fps_mode", "vfr")
    figures = report_of(variable, tmp_path)
    assert figures["frames"] / figures["fps"] == pytest.approx(1.2, abs=0.07)
    (first, last), fps = figures["lost"][0], figures["fps"]
    assert first / fps == pytest.approx(0.2, abs=0.1)
    assert last / fps == pytest.approx(0.9, abs=0.1)


def test_turned_by_its_metadata(tmp_path: Path, small: type[SmallFollower]) -> None:
    film = write_film(tmp_path / "film.mp4", "####")
    turned = convert(film, tmp_path / "t.mp4", "-c", "copy", before=("-display_rotation", "90"))
    overlay = tmp_path / "out" / "o.mp4"
    figures = report_of(turned, tmp_path, "--overlay", str(overlay))
    assert figures["image_size"] == [SIZE[1], SIZE[0]]
    with av.open(str(overlay)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 4


def test_cut_short(tmp_path: Path, small: type[SmallFollower]) -> None:
    noise = ("-f", "lavfi", "-i", "nullsrc=s=96x80:r=25:d=4,geq=random(1)*40+150:128:128")
    whole = tmp_path / "w.mp4"
    command = [get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", *noise, "-movflags", "+faststart", str(whole)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    film = tmp_path / "film.mp4"
    film.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    figures = report_of(film, tmp_path)
    assert 10 < figures["frames"] < 90
    assert any("is cut short or damaged" in message for message in figures["messages"])


@pytest.mark.parametrize(
    ("name", "arguments", "size"),
    [
        ("4k.mp4", ("-vf", "scale=3840:2160", "-preset", "ultrafast"), [3840, 2160]),
        ("10bit.mp4", ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=error"), [96, 80]),
        ("inter.mpg", ("-c:v", "mpeg2video", "-flags", "+ilme+ildct", "-vf", "setfield=tff"), [96, 80]),
    ],
)
def test_kinds_of_video(
    name: str, arguments: tuple[str, ...], size: list[int], tmp_path: Path, small: type[SmallFollower]
) -> None:
    film = convert(write_film(tmp_path / "film.mp4", "##.##"), tmp_path / name, *arguments)
    figures = report_of(film, tmp_path)
    assert (figures["frames"], figures["image_size"], figures["interpolated"]) == (5, size, [[2, 2]])


def test_several_faces_are_mentioned(
    tmp_path: Path, small: type[SmallFollower], capsys: pytest.CaptureFixture[str]
) -> None:
    small.others = 2
    film = write_film(tmp_path / "film.mp4", "###")
    assert fit(film, tmp_path) == 0
    assert "Up to 3 faces at a time" in capsys.readouterr().err
    assert fit(film, tmp_path, "--face-index", "1") == 0
    assert "faces at a time" not in capsys.readouterr().err
    assert small.made[-1].face_index == 1


def test_the_detector_that_was_asked_for(tmp_path: Path, small: type[SmallFollower]) -> None:
    film = write_film(tmp_path / "x.mkv", "##")
    assert fit(film, tmp_path, "--detector", "mediapipe") == 0
    assert fit(film, tmp_path) == 0
    assert [follower.kind for follower in small.made] == ["mediapipe", "builtin"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--crop", "head"), "--crop is for photos"),
        (("--size", "512"), "--size is for photos"),
        (("--overlay", "o.png"), "must end in .mp4"),
        (("--plot", "p.jpg"), "must end in .png"),
    ],
)
def test_options_that_do_not_fit_a_video(
    more: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit(write_film(tmp_path / "film.mp4", "#"), tmp_path, *more) == 2
    assert words in the_sentence(capsys)


def test_the_closing_line(tmp_path: Path, small: type[SmallFollower], capsys: pytest.CaptureFixture[str]) -> None:
    assert fit(write_film(tmp_path / "film.mp4", "##......"), tmp_path) == 0
    assert "8 frames, 5 without the face, mean landmark error 1.00 %" in capsys.readouterr().out


def test_a_damaged_spool_is_no_obstacle(tmp_path: Path, small: type[SmallFollower]) -> None:
    outputs = FitOutputs(tmp_path / "y.safetensors")
    spool_of(outputs.parameters).write_bytes(b"something else")
    assert fit_video(write_film(tmp_path / "film.mp4", "####"), outputs).report["frames"] == 4
    with pytest.raises(InputError):
        open_track(spool_of(outputs.parameters))


@pytest.mark.parametrize("damage", ["cut off", "of more frames", "missing", "something else"])
def test_a_damaged_state_begins_anew(
    damage: str, tmp_path: Path, small: type[SmallFollower], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECKPOINT_FRAMES", 2)
    film, outputs = write_film(tmp_path / "film.mp4", "######"), FitOutputs(tmp_path / "y.safetensors")
    small.interrupt_at = 5
    with pytest.raises(KeyboardInterrupt):
        fit_video(film, outputs)
    small.interrupt_at = None
    state = state_of(spool_of(outputs.parameters))
    if damage == "cut off":
        state.write_bytes(state.read_bytes()[:-30])
    elif damage == "of more frames":
        FollowerState(8, 0, 0, np.zeros((0, 576), np.float32), None, ()).save(state)
    elif damage == "missing":
        state.unlink()
    else:
        state.write_bytes(b"PK something else")
    assert fit_video(film, outputs).report["frames"] == 6
    assert (small.made[-1].begun, small.made[-1].steps) == (0, 6)


def test_the_state_of_another_video_is_not_taken(
    tmp_path: Path, small: type[SmallFollower], monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = FitOutputs(tmp_path / "out" / "y.safetensors")
    for name, pattern, every, interrupted in (("a", "####", 2, 3), ("b", ".####", 100, 4)):
        monkeypatch.setattr(module, "CHECKPOINT_FRAMES", every)
        small.interrupt_at = interrupted
        with pytest.raises(KeyboardInterrupt):
            fit_video(write_film(tmp_path / f"{name}.mp4", pattern), outputs)
    small.interrupt_at = None
    fit_video(tmp_path / "b.mp4", outputs)
    assert small.made[-1].begun == 0


@pytest.mark.parametrize("length", [20, 237, 243, 244, 255])
def test_the_spool_of_a_long_name(length: int, tmp_path: Path, small: type[SmallFollower]) -> None:
    """Whatever name the file system takes for the output is fine."""
    output = tmp_path / ("n" * (length - 12) + ".safetensors")
    fit_video(write_film(tmp_path / "film.mp4", "##"), FitOutputs(output))
    assert {p.name for p in tmp_path.iterdir()} == {"film.mp4", output.name}


def test_spools_of_different_outputs_differ(tmp_path: Path) -> None:
    names = ["y", "z", *(letter * n for letter in "ab" for n in (101, 200)), "ä" * 80, "ö" * 80]
    assert len({spool_of(tmp_path / f"{n}.safetensors") for n in names}) == len(names)


def test_two_at_once(tmp_path: Path, small: type[SmallFollower], capsys: pytest.CaptureFixture[str]) -> None:
    """The second is refused, the first one's files stay."""
    film, output = write_film(tmp_path / "film.mp4", "##"), tmp_path / "out" / "y.safetensors"
    with open_spool(output) as spool:
        spool.write_bytes(b"of the first")
        assert fit(film, tmp_path) == 2
        assert f"Another fit to {output} is going on" in the_sentence(capsys)
        assert spool.read_bytes() == b"of the first"
        assert fit_video(film, FitOutputs(output.with_name("z.safetensors"))).report["frames"] == 2
    assert fit(film, tmp_path) == 0
    assert {p.name for p in output.parent.iterdir()} == {"y.safetensors", "z.safetensors"}


def test_the_lock_of_a_dead_process_does_not_count(tmp_path: Path, small: type[SmallFollower]) -> None:
    film, output = write_film(tmp_path / "film.mp4", "##"), tmp_path / "y.safetensors"
    code = (
        "import os, pathlib, sys; from talkinghead.fitting.spool import open_spool\n"
        "with open_spool(pathlib.Path(sys.argv[1])) as spool: spool.write_bytes(b'x'); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(output)], cwd=ROOT, check=False).returncode == 9
    assert spool_of(output).exists()
    assert fit_video(film, FitOutputs(output)).report["frames"] == 2
    assert {p.name for p in tmp_path.iterdir()} == {"film.mp4", "y.safetensors"}


@pytest.mark.parametrize("failure", ["none", "nobody there", "in the fit", "in the overlay"])
def test_no_view_of_the_track_is_left_when_its_file_is_removed(
    failure: str, tmp_path: Path, small: type[SmallFollower], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows removes no file that is mapped."""
    maps: list[weakref.ref[mmap.mmap]] = []

    mapped = np.memmap

    class Watched(mapped):
        def __new__(cls, *args: object, **options: object) -> np.ndarray:
            result = mapped.__new__(cls, *args, **options)
            maps.append(weakref.ref(result._mmap))
            return result

    removed: list[int] = []
    unlink = Path.unlink

    def watched_unlink(self: Path, missing_ok: bool = False) -> None:
        if self.suffix == ".track":
            removed.append(sum(reference() is not None for reference in maps))
        unlink(self, missing_ok)

    def broken(*_: object, **__: object) -> None:
        try:
            raise RuntimeError("inside")
        except RuntimeError as error:
            raise InputError("outside") from error

    monkeypatch.setattr(track_module.np, "memmap", Watched)
    monkeypatch.setattr(Path, "unlink", watched_unlink)
    if failure == "in the fit":
        monkeypatch.setattr(sequence, "fit_track", lambda track, **_: broken(track))
    if failure == "in the overlay":
        monkeypatch.setattr(module, "_write_overlay", broken)
    film = write_film(tmp_path / "film.mp4", "...." if failure == "nobody there" else "####")
    if failure == "none":
        fit_video(film, outputs_in(tmp_path / "out"))
    else:
        with pytest.raises(InputError):
            fit_video(film, outputs_in(tmp_path / "out"))
    assert maps, "the track was mapped"
    assert removed == [0]


def test_the_number_of_threads(tmp_path: Path, small: type[SmallFollower], monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []

    def watched(track: Track, **options: object) -> SequenceFit:
        used.append(torch.get_num_threads())
        return small_fit(track, **options)

    monkeypatch.setattr(sequence, "fit_track", watched)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        for count in (1, 2):
            assert fit(write_film(tmp_path / "film.mp4", "##"), tmp_path, "--set", f"general.threads={count}") == 0
        assert used == [1, 2]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def real_film(path: Path, places: list[list[tuple[float, float] | None]], canvas: tuple[int, int] = (320, 200)) -> Path:
    """The astronaut's head moving before a mottled wall, and a mirrored, darker one as a second person.

    `places`: for each frame the middle of each person's head, or None.
    """
    photo = cv2.imdecode(np.fromfile(PHOTO, np.uint8), cv2.IMREAD_COLOR)[20:220, 60:260, ::-1]
    head = cv2.resize(photo, (150, 150), interpolation=cv2.INTER_AREA).astype(np.float32)
    second = head[:, ::-1] ** 1.5 / 255**0.5
    y, x = np.mgrid[:150, :150]
    mask = np.clip(8 - 10 * np.hypot((x - 75) / 62, (y - 75) / 75), 0, 1)[..., None]
    mottled = np.random.default_rng(0).normal(size=(canvas[1] + 300, canvas[0] + 300, 1))
    wall = 120 + 400 * cv2.GaussianBlur(mottled.astype(np.float32), (0, 0), 5)[..., None]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *canvas, "yuv420p"
        for people in places:
            picture = np.repeat(wall, 3, 2)
            for person, place in zip((head, second), people, strict=False):
                if place is not None:
                    left, top = round(place[0]) + 75, round(place[1]) + 75
                    part = picture[top : top + 150, left : left + 150]
                    part += mask * (person - part)
            visible = np.ascontiguousarray(picture[150:-150, 150:-150].clip(0, 255).astype(np.uint8))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(visible)))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def small_solver(monkeypatch: pytest.MonkeyPatch) -> list[Track]:
    """Only the solver is replaced; the tracks that it was given."""
    tracks: list[Track] = []

    def keep(track: Track, *args: object, **options: object) -> SequenceFit:
        arrays = {
            n: np.array(getattr(track, n)) for n in ("landmarks_px", "landmarks_z", "scores", "found", "shot", "others")
        }
        tracks.append(dataclasses.replace(track, **arrays))
        return small_fit(track)

    monkeypatch.setattr(sequence, "fit_track", keep)
    return tracks


def middles(track: Track) -> np.ndarray:
    return track.landmarks_px.mean(1)


def eventful_film(path: Path) -> Path:
    """Two who turn up late and come near each other; one is away for a while and comes back alone."""
    places: list[list[tuple[float, float] | None]] = [[None]] * 3
    places += [[(120.0 + 3 * i, 100.0), (320.0, 100.0)] for i in range(8)]
    places += [[(144.0, 100.0 - i), (320.0 - 4 * i, 100.0)] for i in range(10)]
    places += [[None, (280.0, 100.0)]] * 5
    places += [[(200.0 + 2 * i, 95.0)] for i in range(10)]
    return real_film(path, places, canvas=(400, 200))


def followed(film: Path, spool: Path, interrupted_at: int | None, monkeypatch: pytest.MonkeyPatch) -> Track:
    """The track of a run that is interrupted before a frame and taken up again."""
    step = FaceFollower.step
    frames = 0

    def stopping(self: FaceFollower, image: np.ndarray) -> Followed:
        nonlocal frames
        if frames == interrupted_at:
            raise KeyboardInterrupt
        frames += 1
        return step(self, image)

    video = VideoFile.open(film)
    with monkeypatch.context() as patch:
        patch.setattr(FaceFollower, "step", stopping)
        if interrupted_at is not None:
            with pytest.raises(KeyboardInterrupt):
                module.follow(video, spool, None, lambda done, total: None, Damage())
    return module.follow(video, spool, None, lambda done, total: None, Damage())[0]


def assert_same_track(one: Track, other: Track) -> None:
    for name in ("found", "shot", "others"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for name in ("landmarks_px", "landmarks_z", "scores"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-5, err_msg=name)


def check_interruptions(every: int, points: Iterable[int], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = eventful_film(folder / "film.mp4")
    whole = followed(film, folder / "whole.track", None, monkeypatch)
    assert 15 < whole.found.sum() < len(whole)
    assert whole.others.max() == 1
    monkeypatch.setattr(module, "CHECKPOINT_FRAMES", every)
    for point in points:
        resumed = followed(film, folder / f"{point}.track", point, monkeypatch)
        assert_same_track(resumed, whole)


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anybody was seen, while one moves, beside another, while hidden, after the return."""
    check_interruptions(2, (2, 13, 24, 32), tmp_path, monkeypatch)


@pytest.mark.slow
def test_a_resumed_run_is_the_uninterrupted_one_wherever_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_interruptions(1, range(36), tmp_path, monkeypatch)


@pytest.mark.slow
def test_the_fit_of_a_resumed_run_is_that_of_the_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real solver; Ctrl-C in the middle of the first pass."""
    film = real_film(tmp_path / "film.mp4", [[(140.0 + 20 * np.sin(i / 4), 100.0)] for i in range(40)])
    whole, resumed = (FitOutputs(tmp_path / name / "y.safetensors") for name in "ab")
    fit_video(film, whole)
    monkeypatch.setattr(module, "CHECKPOINT_FRAMES", 7)
    append = TrackWriter.append

    def interrupted(self: TrackWriter, *args: object) -> None:
        if self.frames == 24:
            raise KeyboardInterrupt
        append(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(TrackWriter, "append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit_video(film, resumed)
    fit_video(film, resumed)
    one, other = (FaceParameters.load(outputs.parameters) for outputs in (whole, resumed))
    for name in TENSOR_FIELDS:
        torch.testing.assert_close(getattr(one, name), getattr(other, name), atol=1e-5, rtol=1e-5, msg=name)


@pytest.mark.slow
def test_a_real_face_only_at_the_end(tmp_path: Path, small_solver: list[Track]) -> None:
    film = real_film(tmp_path / "film.mp4", [[None]] * 30 + [[(160.0, 100.0)]] * 15)
    figures = fit_video(film, FitOutputs(tmp_path / "y.safetensors")).report
    (first, last), *rest = figures["lost"]
    assert not rest
    assert first == 0
    assert 25 <= last <= 40, "an empty picture is searched now and then"


@pytest.mark.slow
def test_a_real_person_who_leaves_and_comes_back(tmp_path: Path, small_solver: list[Track]) -> None:
    out = [440.0 + float(x) for x in np.cumsum(np.minimum(np.arange(26), 12))]
    places = [[(440.0, 180.0)]] * 8 + [[(x, 180.0)] for x in out] + [[None]] * 15 + [[(x, 180.0)] for x in out[::-1]]
    places += [[(440.0, 180.0)]] * 8
    film = real_film(tmp_path / "film.mp4", places, canvas=(600, 360))
    figures = fit_video(film, FitOutputs(tmp_path / "y.safetensors")).report
    track = small_solver[0]
    assert len(figures["lost"]) == 1, "one gap, and no false finds in it"
    assert track.found[:14].all()
    assert track.found[-14:].all()
    assert not track.found[34:49].any()
    lost = np.flatnonzero(~track.found)
    assert all(lost[0] <= cut <= lost[-1] + 5 for cut in figures["cuts"]), "none while the person is in the picture"


@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 1])
def test_two_real_people_who_cross(index: int, tmp_path: Path, small_solver: list[Track]) -> None:
    steps = np.linspace(75, 325, 60)
    places = [[(float(x), 95.0), (400 - float(x), 105.0)] for x in steps]
    film = real_film(tmp_path / "film.mp4", places, canvas=(400, 200))
    fit_video(film, FitOutputs(tmp_path / "y.safetensors"), face_index=index)
    track = small_solver[0]
    x = middles(track)[:, 0]
    begins_left = bool(x[0] < 200)
    for frame in (*range(12), *range(48, 60)):
        expected = steps[frame] if begins_left else 400 - steps[frame]
        assert track.found[frame]
        assert abs(x[frame] - expected) < 40, f"frame {frame}"
    assert track.others.max() == 1


@pytest.mark.slow
def test_an_interrupted_real_run_knows_the_person_again(
    tmp_path: Path, small_solver: list[Track], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whom the first run chose as the larger is the smaller one where the second run begins."""
    places = [[(80.0, 100.0), (300.0, 100.0)]] * 30
    film, outputs = real_film(tmp_path / "film.mp4", places, canvas=(400, 200)), FitOutputs(tmp_path / "y.safetensors")
    append = TrackWriter.append

    def interrupted(self: TrackWriter, *args: object) -> None:
        if self.frames == 12:
            raise KeyboardInterrupt
        append(self, *args)

    for index in (0, 1):
        with monkeypatch.context() as patch:
            patch.setattr(module, "CHECKPOINT_FRAMES", 5)
            patch.setattr(TrackWriter, "append", interrupted)
            with pytest.raises(KeyboardInterrupt):
                fit_video(film, outputs, face_index=index)
        fit_video(film, outputs, face_index=index)
        x = middles(small_solver[-1])[:, 0]
        assert np.ptp(x) < 5, "the same person throughout"
    assert abs(middles(small_solver[0])[0, 0] - middles(small_solver[1])[0, 0]) > 150


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopping_half_way_and_going_on(number: signal.Signals, status: int, tmp_path: Path) -> None:
    film = real_film(tmp_path / "film.mp4", [[(160.0, 100.0)]] * 150)
    output = tmp_path / "out" / "y.safetensors"
    spool = spool_of(output)
    command = [sys.executable, "-m", "talkinghead", "fit", str(film), "--output", str(output)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 120
        while not state_of(spool).exists():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == status
    if number == signal.SIGINT:
        assert err.splitlines()[-1] == "talkinghead: error: Interrupted; run the same command again to go on from here."
    assert set(output.parent.iterdir()) == {spool, state_of(spool)}
    kept = len(open_track(spool))
    assert 10 < kept < 150
    assert fit(film, tmp_path) == 0
    assert list(output.parent.iterdir()) == [output]
    assert len(FaceParameters.load(output)) == 150
