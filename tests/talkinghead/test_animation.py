"""Speech to parameters: several performances of one speech, moods and styles on the way."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

import talkinghead
from face3d.arkit import ARKIT_INDEX
from face3d.errors import InputError
from face3d.parameters import FaceParameters
from talkinghead.cli.program import main
from talkinghead.config import Config, load_config
from talkinghead.fitting.result import Fit
from talkinghead.motion_options import motion_options
from talkinghead.photo.poses import nobody
from talkinghead.speech.hear.encoder import SpeechEncoder
from talkinghead.speech.perform.mouth import lip_gap_mm

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's first two seconds."""
    import wave

    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    with wave.open(str(ROOT / "examples" / "demo.wav"), "rb") as source, wave.open(str(path), "wb") as target:
        target.setparams(source.getparams())
        target.writeframes(source.readframes(2 * source.getframerate()))
    return path


def lively(seconds: float, degrees: float = 6.0) -> FaceParameters:
    """Somebody who swings the head."""
    count = int(25 * seconds)
    time = torch.arange(count) / 25
    rotation = torch.stack([0.2 * torch.sin(2 * time), torch.sin(3 * time), 0.3 * torch.sin(2.5 * time)], 1)
    return dataclasses.replace(
        nobody(1),
        expression=torch.zeros(count, 52),
        rotation=rotation * degrees * torch.pi / 180,
        translation=torch.zeros(count, 3),
        eye_rotation=torch.zeros(count, 2, 2),
        confidence=torch.ones(count),
    )


def with_motion(**motion: object) -> Config:
    return load_config(**{f"motion__{name}": value for name, value in motion.items()})


def test_samples_are_seeds_of_one_speech(
    speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heard = []
    ticks = SpeechEncoder.ticks
    monkeypatch.setattr(SpeechEncoder, "ticks", lambda *args: heard.append(1) or ticks(*args))
    output = tmp_path / "y.safetensors"
    assert main(["animate", str(speech), "--output", str(output), "--samples", "3", "--seed", "5"]) == 0
    names = [f"y-{i}.safetensors" for i in range(3)]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert capsys.readouterr().out.split() == [str(tmp_path / name) for name in names]
    assert len(heard) == 1, "the sound is listened to once"
    first, second, third = (FaceParameters.load(tmp_path / name) for name in names)
    gaps = [lip_gap_mm(sample.expression.numpy()) for sample in (first, third)]
    assert np.corrcoef(*gaps)[0, 1] > 0.97
    assert not torch.allclose(first.rotation, second.rotation, atol=1e-3)
    alone = talkinghead.animate(speech, output, config=load_config(general__seed=6))
    for name in ("expression", "rotation", "eye_rotation"):
        # Beside others and alone are matrix products of other sizes, which round otherwise.
        torch.testing.assert_close(getattr(alone, name), getattr(second, name), rtol=0, atol=1e-4)


@pytest.mark.parametrize("count", ["0", "101", "-1"])
def test_samples_have_bounds(count: str, speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["animate", str(speech), "--output", str(tmp_path / "y.safetensors"), f"--samples={count}"]) == 2
    assert f"From 1 to 100 samples can be made at a time, not {count}." in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_options_reach_the_motion(speech: Path, tmp_path: Path) -> None:
    output = tmp_path / "y.safetensors"
    options = ["--emotion", "happy", "--start-pose", "-3,8,1", "--blink-rate", "0", "--quiet"]
    assert main(["animate", str(speech), "--output", str(output), *options]) == 0
    happy = FaceParameters.load(output)
    plain = talkinghead.animate(speech, output)
    np.testing.assert_allclose(np.degrees(happy.rotation[0].numpy()), [-3, 8, 1], atol=1e-3)
    np.testing.assert_allclose(plain.rotation[0].numpy(), 0, atol=1e-6)
    smile, blink = ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["eyeBlinkLeft"]
    assert (happy.expression[0, smile] - plain.expression[0, smile]).abs() < 1e-6
    assert (happy.expression[30:, smile] - plain.expression[30:, smile]).mean() > 0.2
    assert not happy.expression[:, blink].any()


def test_an_emotion_replaces_the_photos_mood(speech: Path) -> None:
    smiling = torch.zeros(1, 52)
    smiling[0, [ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthSmileRight"]]] = 0.8
    person = dataclasses.replace(nobody(5), expression=smiling)
    talker = talkinghead.Talker(with_motion(emotion="sad"))
    with talker.performing(speech) as performance:
        poses = list(talker.on_face(performance.spoken, person))
    smile = [float(pose.expression[ARKIT_INDEX["mouthSmileLeft"]]) for pose in poses]
    assert smile[0] > 0.4
    assert min(smile[20:]) < 0.05


def test_a_style_comes_from_a_parameter_file(speech: Path, tmp_path: Path) -> None:
    reference = tmp_path / "r.safetensors"
    lively(30).save(reference)
    output = tmp_path / "y.safetensors"
    assert main(["animate", str(speech), "--output", str(output), "--style-from", str(reference), "--quiet"]) == 0
    styled, plain = FaceParameters.load(output), talkinghead.animate(speech, tmp_path / "p.safetensors")
    assert styled.rotation[:, 1].std() > 1.5 * plain.rotation[:, 1].std()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "There is no style reference"),
        (b"no tensors", "is not a face-parameter file"),
        (1.0, r"r\.safetensors: A style needs at least 2 seconds of a face; the reference has 1\.0"),
    ],
)
def test_a_reference_that_cannot_be_used_is_told(content: bytes | float | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "r.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        lively(content).save(path)
    with pytest.raises(InputError, match=words):
        motion_options(with_motion(style_from=str(path)))


def test_a_video_is_fitted_for_its_style(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fit itself has its own tests."""
    import talkinghead.motion_options

    video, stages = tmp_path / "clip.mp4", object()
    video.write_bytes(b"frames")

    def fit_video(path: Path, outputs: object, config: Config, stages: object) -> Fit:
        assert path == video
        assert stages is given
        return Fit(lively(20), np.zeros(20, np.float32), (), (), {})

    given = stages
    monkeypatch.setattr(talkinghead.motion_options, "fit_video", fit_video)
    style = motion_options(with_motion(style_from=str(video)), stages).style  # type: ignore[arg-type]
    assert style is not None
    assert style.slow_head_ratio[1] > 1.5
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
