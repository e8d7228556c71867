"""Settings: defaults, differences to them, and clear words about mistakes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from face3d.errors import InputError
from talkinghead import config as config_module
from talkinghead.config import GROUPS, config_folder, load_config, read_yaml

FILES = sorted(config_folder().glob("*.yaml"))


def test_the_defaults_name_every_setting() -> None:
    content = read_yaml(config_folder() / "default.yaml")
    assert {g: set(entries) for g, entries in content.items()} == {
        g: {f.name for f in dataclasses.fields(kind)} for g, kind in GROUPS.items()
    }


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_shipped_file_loads(path: Path) -> None:
    config = load_config(path)
    for group, entries in read_yaml(path).items():
        for key, value in entries.items():
            loaded = getattr(getattr(config, group), key)
            assert loaded == (tuple(value) if isinstance(value, list) else value)


def test_motion_settings_are_the_speech_models() -> None:
    from talkinghead.motion import motion_options
    from talkinghead.speech.emotion import EMOTIONS
    from talkinghead.speech.options import MotionOptions

    assert motion_options(load_config()) == MotionOptions()
    assert tuple(EMOTIONS) == config_module.EMOTIONS


@pytest.mark.parametrize("value", ["3, -5,0.5", [3, -5, 0.5]])
def test_a_pose_is_a_list_or_numbers_with_commas(value: object) -> None:
    assert load_config(motion__start_pose=value).motion.start_pose == (3.0, -5.0, 0.5)


def test_later_changes_win(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("motion: {blink_rate: 1, head_motion: 0.1}\nvideo: {fps: 30}\n")
    config = load_config(file, ["motion.blink_rate=2", "photo.face_index=3", "video.size=null"], video__fps=50.0)
    assert (config.motion.blink_rate, config.motion.head_motion) == (2.0, 0.1)
    assert (config.video.fps, config.video.size, config.photo.face_index) == (50.0, None, 3)
    assert config.motion.expression_scale == load_config().motion.expression_scale


def test_options_that_were_not_given_change_nothing() -> None:
    assert load_config(general__seed=None) == load_config()


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("# nothing\n")
    assert load_config(tmp_path / "x.yaml") == load_config()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("motion.blinks=1", "no setting motion.blinks; known: .*blink_rate"),
        ("movement.blink_rate=1", "no group 'movement'; known groups: .*motion"),
        ("motion.blink_rate", "must look like group.key=value"),
        ("blink_rate=3", "must look like group.key=value"),
        ("motion.blink_rate=often", "must be a number or null, got 'often'"),
        ("motion.head_motion=often", "must be a number, got 'often'"),
        ("motion.emotion=bored", "must be one of neutral, happy, sad, angry, surprised, got 'bored'"),
        ("motion.emotion_strength=2", "must be from 0 to 1, got 2"),
        ("motion.start_pose=[1, 2]", "must be 3 numbers with commas between them"),
        ("motion.start_pose=5", "must be 3 numbers"),
        ("motion.start_pose=up", "must be 3 numbers .*, got 'up'"),
        ("motion.start_pose=[0, 40, 0]", "must be from -30 to 30, got 40"),
        ("motion.style_from=3", "must be text or null"),
        ("motion.blink_rate=-1", "must be from 0 to 60"),
        ("motion.head_motion=.nan", "must be from 0 to 3, got nan"),
        ("motion.head_motion=true", "must be a number, got True"),
        ("video.fps=0", "must be from 1 to 120"),
        ("video.crf=10.5", "must be a whole number"),
        ("video.preset=fastest", "must be one of ultrafast"),
        ("video.size=20", "must be from 64 to 8192"),
        ("general.seed=-1", "must be from 0"),
        ("general.device=tpu", "must be one of cpu, cuda"),
        ("photo.face_index=two", "must be a whole number or null"),
        ("photo.background=beach", "must be one of keep, blur, color"),
        ("photo.background_color=green", "must look like #00b140, got 'green'"),
        ("video.fps=[", "cannot be read"),
    ],
)
def test_mistakes_are_told(setting: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_config(settings=[setting])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("- a\n", "must hold groups"),
        ("motion: 3\n", "group 'motion' must hold settings"),
        ("motion: {blink_rate: [", "not valid YAML"),
        ("!!python/object/apply:os.getcwd []\n", "not valid YAML"),
    ],
)
def test_broken_files_are_told(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(content)
    with pytest.raises(InputError, match=words):
        load_config(tmp_path / "x.yaml")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_config(tmp_path / "nothing.yaml")
