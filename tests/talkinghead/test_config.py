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
    from talkinghead.motion_options import motion_options
    from talkinghead.speech.options import MotionOptions
    from talkinghead.speech.perform.emotion import EMOTIONS

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
        ("photo.background_color=", "must be text, got nothing"),
        (
            "photo.background_color=greenish",
            "must be the name of a colour, such as green, or look like #00b140, got 'gr",
        ),
        ("photo.background_color=#00b1", "must be the name of a colour"),
        ("photo.background_color=#00b140ff", "must be the name of a colour"),
        ("photo.background_color=rgb(300,0,0)", "must be the name of a colour"),
        ("photo.background_color='", "cannot be read"),
        ("photo.crop=true", "must be one of none, head, got 'true'"),
        ("video.fps=[", "cannot be read"),
        ("video.fps=2024-99-99", "cannot be read"),
        ('video.fps=!!int ""', "cannot be read"),
        ("video.fps=!!bool maybe", "cannot be read"),
        ("video.fps=!!timestamp x", "cannot be read"),
        ("video.fps=" + "[" * 10_000, "cannot be read"),
        ("video.fps=1" + "0" * 400, "must be a number"),
        ("general.seed=1" + "0" * 400, "general.seed must be from 0 to .*, got inf"),
        ("general.seed=0x" + "f" * 5000, "general.seed must be from 0"),
        ("motion.start_pose=[1" + "0" * 400 + ", 0, 0]", "must be 3 numbers"),
        ("video.fps=" + "{a: " * 50 + "1" + "}" * 50, r"must be a number, got \{'a'.{1,60}$"),
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
        ("[" * 10_000, "nested too deeply"),
        ('{"a":' * 10_000, "nested too deeply"),
        ("video: {fps: 2024-99-99}", r"a value that cannot be read \(month"),
        ("video: {fps: !!bool maybe}", "a value that cannot be read"),
        (
            "photo: {background_color: #00b140\n}",
            r"photo.background_color must be text, got nothing \(text that begins",
        ),
        ("#" * 1_000_001, "larger than 1000 kB"),
        ("motion: {style_from: \0}", "not valid YAML"),
    ],
)
def test_broken_files_are_told(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(content)
    with pytest.raises(InputError, match=words):
        load_config(tmp_path / "x.yaml")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no settings file .*nothing\.yaml\.$"):
        load_config(tmp_path / "nothing.yaml")
    with pytest.raises(InputError, match=r"cannot be read: Is a directory\.$"):
        load_config(tmp_path)


@pytest.mark.parametrize("name", ["preview", "preview.yaml"])
def test_a_shipped_file_by_its_bare_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(name) == load_config(config_folder() / "preview.yaml") != load_config()
    (tmp_path / name).write_text("motion: {blink_rate: 1}\n")
    assert load_config(name).motion.blink_rate == 1, "a file of that name comes first"


@pytest.mark.parametrize("name", ["prevew", "prevew.yaml", "preview.json", "train"])
def test_a_bare_name_that_nothing_has(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = rf"There is no settings file {name}; those that come with talkinghead are default, preview\."
    with pytest.raises(InputError, match=words):
        load_config(name)


@pytest.mark.parametrize(
    ("given", "color"),
    [
        ("#00b140", "#00b140"),
        ("#00B140", "#00B140"),
        ("green", "#008000"),
        ("Tomato", "#ff6347"),
        (" white ", "#ffffff"),
        ("#0f0", "#00ff00"),
        ("rgb(1, 2, 3)", "#010203"),
        ("'#00b140'", "#00b140"),
    ],
)
def test_colours(given: str, color: str) -> None:
    assert load_config(settings=[f"photo.background_color={given}"]).photo.background_color == color


@pytest.mark.parametrize("name", ["#1.mp4", "3", "no", "[x].mp4", "a: b.mp4", "2024-01-01", "'x.mp4'", '"x.mp4"'])
def test_text_of_a_setting_is_taken_as_it_is(name: str) -> None:
    assert load_config(settings=[f"motion.style_from={name}"]).motion.style_from == name.strip("'\"")


@pytest.mark.parametrize("text", ["", "null", "~"])
def test_nothing_instead_of_text(text: str) -> None:
    assert load_config(settings=[f"motion.style_from={text}"]).motion.style_from is None


def test_references_within_a_file_do_not_multiply(tmp_path: Path) -> None:
    """Nine levels of nine: a billion items, if anything wrote them out."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    (tmp_path / "x.yaml").write_text("\n".join([*lines, "video: {fps: *a9}"]))
    with pytest.raises(InputError, match="there is no group 'a0'"):
        load_config(tmp_path / "x.yaml")
    inside = "{" + ", ".join(line.replace(": ", ": ", 1) for line in [*lines[::1]]) + "}"
    (tmp_path / "x.yaml").write_text(f"video: {{fps: {inside}}}")
    with pytest.raises(InputError, match=r"video\.fps must be a number, got .{1,500}$"):
        load_config(tmp_path / "x.yaml")
