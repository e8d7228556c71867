"""Settings: typed groups, their defaults from `configs/default.yaml`, and differences to them.

Imports nothing heavy: the command line reads it before it knows what it has to do.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import reprlib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from face3d.errors import InputError

# 8K video, and what H.264 has room for.
MAX_SIDE = 8192
# As `talkinghead.speech.perform.emotion.EMOTIONS` and `talkinghead.speech.options`, which are too heavy to import here.
EMOTIONS = ("neutral", "happy", "sad", "angry", "surprised")
# As `face3d.detect.landmarker`, which is too heavy to import here.
DETECTORS = ("builtin", "mediapipe")
_AMOUNTS = ("head_motion", "expression_scale", "eye_motion", "brow_motion")
_LARGEST_START_ANGLE = 30
_LARGEST_FILE = 1_000_000
# What PyYAML raises besides its own for values such as 2024-99-99, !!int "" or !!bool maybe.
_YAML_VALUE_ERRORS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
X264_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")


class SettingError(InputError):
    """A setting's value that cannot be.

    Attributes:
        setting: its name, "group.key".
        problem: what is wrong, to be read after the name.
    """

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(f"{setting} {problem}.")
        self.setting = setting
        self.problem = problem


@dataclass(frozen=True)
class GeneralConfig:
    """`seed` >= 0 of the random motion; `device` "cpu" or "cuda" for networks and frames; `threads` of torch, numpy."""

    seed: int
    device: str
    threads: int

    def __post_init__(self) -> None:
        _in_range("general.seed", self.seed, 0, 2**63 - 1)
        _one_of("general.device", self.device, ("cpu", "cuda"))
        _in_range("general.threads", self.threads, 1, 256)


@dataclass(frozen=True)
class PhotoConfig:
    """How the photo is prepared.

    `detector` "builtin" or "mediapipe"; `crop` "none" or "head"; `face_index` 0 = largest, None = largest and say so;
    `max_side` in pixels; `background` "keep", "blur" or "color", which is `background_color`: "#rrggbb",
    given in any form that Pillow knows, such as a name.
    """

    detector: str
    crop: str
    face_index: int | None
    max_side: int
    background: str
    background_color: str

    def __post_init__(self) -> None:
        _one_of("photo.detector", self.detector, DETECTORS)
        _one_of("photo.crop", self.crop, ("none", "head"))
        if self.face_index is not None:
            _in_range("photo.face_index", self.face_index, 0, 99)
        _in_range("photo.max_side", self.max_side, 64, MAX_SIDE)
        _one_of("photo.background", self.background, ("keep", "blur", "color"))
        object.__setattr__(self, "background_color", _color("photo.background_color", self.background_color))


@dataclass(frozen=True)
class MotionConfig:
    """Amounts of motion, 0..3 with 1 natural; `blink_rate` 0..60 per minute, None = natural; `emotion` and its strength
    0..1; `start_pose` (pitch, yaw, roll) degrees; `style_from` a parameter file or a video, None = the model's own."""

    head_motion: float
    expression_scale: float
    blink_rate: float | None
    eye_motion: float
    brow_motion: float
    emotion: str
    emotion_strength: float
    start_pose: tuple[float, float, float]
    style_from: str | None

    def __post_init__(self) -> None:
        for name in _AMOUNTS:
            _in_range(f"motion.{name}", getattr(self, name), 0, 3)
        if self.blink_rate is not None:
            _in_range("motion.blink_rate", self.blink_rate, 0, 60)
        _one_of("motion.emotion", self.emotion, EMOTIONS)
        _in_range("motion.emotion_strength", self.emotion_strength, 0, 1)
        for angle in self.start_pose:
            _in_range("motion.start_pose", angle, -_LARGEST_START_ANGLE, _LARGEST_START_ANGLE)


@dataclass(frozen=True)
class VideoConfig:
    """`fps` 1..120; `size` of the longer side, pixels, or None; `refine` with the face network or not; x264's `crf`,
    `preset`, `threads`; AAC's bits/s."""

    fps: float
    size: int | None
    refine: bool
    crf: int
    preset: str
    threads: int
    audio_bitrate: int

    def __post_init__(self) -> None:
        _in_range("video.fps", self.fps, 1, 120)
        if self.size is not None:
            _in_range("video.size", self.size, 64, MAX_SIDE)
        _in_range("video.crf", self.crf, 0, 51)
        _one_of("video.preset", self.preset, X264_PRESETS)
        _in_range("video.threads", self.threads, 1, 64)
        _in_range("video.audio_bitrate", self.audio_bitrate, 16_000, 512_000)


@dataclass(frozen=True)
class Config:
    """All settings."""

    general: GeneralConfig
    photo: PhotoConfig
    motion: MotionConfig
    video: VideoConfig


GROUPS: dict[str, type[Any]] = {
    "general": GeneralConfig,
    "photo": PhotoConfig,
    "motion": MotionConfig,
    "video": VideoConfig,
}


def config_folder() -> Path:
    """The folder with default.yaml: inside the installed package, or beside the packages in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def load_config(file: str | Path | None = None, settings: Sequence[str] = (), **overrides: Any) -> Config:
    """The defaults, changed by a file, then by settings, then by overrides.

    Args:
        file: a YAML file that names what differs from the defaults, or the bare name of a shipped one ("preview").
        settings: "group.key=value" each.
        overrides: `group__key=value`; None changes nothing, so that options that were not given can be passed on.

    Raises:
        InputError: an unknown group or key, a value of the wrong type or out of range, or an unreadable file.
    """
    values = {group: dict(entries) for group, entries in _defaults().items()}
    if file is not None:
        _merge(values, read_yaml(_settings_file(file)), str(file))
    for setting in settings:
        _merge(values, _parse_setting(setting), f"--set {setting}")
    for name, value in overrides.items():
        if value is not None:
            group, _, key = name.partition("__")
            _merge(values, {group: {key: value}}, name.replace("__", "."))
    style = values["motion"]["style_from"]
    if isinstance(style, str):
        values["motion"]["style_from"] = os.path.expanduser(style)
    return Config(**{name: GROUPS[name](**values[name]) for name in GROUPS})


def with_settings(config: Config | None = None, **settings: Any) -> Config:
    """`config`, or the defaults, with single settings changed by their names alone.

    Args:
        config: what to start from.
        settings: `emotion="happy"`; a name that two groups share needs its group: `video__threads=2`, and alone means
            the group `general`.

    Raises:
        InputError: there is no such setting, or a value of the wrong type or out of range.
    """
    config = config or load_config()
    values = {group: dict(vars(getattr(config, group))) for group in GROUPS}
    places = {f"{group}__{key}": (group, key) for group, entries in values.items() for key in entries}
    for group, key in reversed(list(places.values())):
        places[key] = (group, key)
    for name, value in settings.items():
        if name not in places:
            close = difflib.get_close_matches(name, places, 1)
            raise InputError(f"There is no setting {name}" + (f"; did you mean {close[0]}?" if close else "."))
        group, key = places[name]
        _merge(values, {group: {key: value}}, name)
    return Config(**{name: GROUPS[name](**values[name]) for name in GROUPS})


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file whose top level is a mapping; an empty file is an empty mapping.

    Raises:
        InputError: missing, unreadable or something else than a mapping.
    """
    import yaml

    text = _read_text(path)
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"The settings file {path} is not valid YAML: {reason}.") from error
    except RecursionError as error:
        raise InputError(f"The settings file {path} is nested too deeply.") from error
    except _YAML_VALUE_ERRORS as error:
        raise InputError(f"The settings file {path} has a value that cannot be read ({error}).") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(
            f"The settings file {path} must hold groups such as `motion:`, not a {type(content).__name__}."
        )
    return content


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:  # with a limit: it could be a device or a film
            data = file.read(_LARGEST_FILE + 1)
    except FileNotFoundError as error:
        raise InputError(f"There is no settings file {path}.") from error
    except OSError as error:
        raise InputError(f"The settings file {path} cannot be read: {error.strerror}.") from error
    if len(data) > _LARGEST_FILE:
        raise InputError(f"The settings file {path} is larger than {_LARGEST_FILE // 1000} kB: is it the right one?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"The settings file {path} cannot be read: it is not text in UTF-8.") from error


def _settings_file(name: str | Path) -> Path:
    """The file of that path, or else the shipped one of that bare name, with or without its ending."""
    path = Path(os.path.expanduser(name))
    shipped = {file.stem: file for file in sorted(config_folder().glob("*.yaml"))}
    if path.exists() or path.name != str(name):
        return path
    if path.stem in shipped and path.suffix in ("", ".yaml"):
        return shipped[path.stem]
    raise InputError(f"There is no settings file {name}; those that come with talkinghead are {', '.join(shipped)}.")


@cache
def _defaults() -> dict[str, dict[str, Any]]:
    values: dict[str, dict[str, Any]] = {name: {} for name in GROUPS}
    path = config_folder() / "default.yaml"
    _merge(values, read_yaml(path), str(path))
    return values


def _parse_setting(setting: str) -> dict[str, dict[str, Any]]:
    import yaml

    name, equals, text = setting.partition("=")
    group, dot, key = name.strip().partition(".")
    if not (equals and dot and key):
        raise InputError(f"--set {setting!r} must look like group.key=value, for example motion.blink_rate=10.")
    literal = text.strip()
    if _is_text(group, key) and literal not in ("", "~", "null") and literal[0] not in "'\"":
        return {group: {key: literal}}  # to YAML, #00b140 is a comment and 007 a number
    try:
        return {group: {key: yaml.safe_load(text)}}
    except (yaml.YAMLError, RecursionError, *_YAML_VALUE_ERRORS) as error:
        raise InputError(f"--set {reprlib.repr(setting)} has a value that cannot be read.") from error


def _is_text(group: str, key: str) -> bool:
    """Whether a setting is text, or text and null."""
    kind = typing.get_type_hints(GROUPS[group]).get(key) if group in GROUPS else None
    return kind in (str, str | None)


def _merge(values: dict[str, dict[str, Any]], changes: Mapping[str, Any], source: str) -> None:
    """Put `changes` into `values`, checking names and types."""
    for group, entries in changes.items():
        if group not in GROUPS:
            raise InputError(f"{source}: there is no group {group!r}; known groups: {', '.join(GROUPS)}.")
        if not isinstance(entries, Mapping):
            raise InputError(f"{source}: the group {group!r} must hold settings such as `key: value`.")
        kinds = typing.get_type_hints(GROUPS[group])
        for key, value in entries.items():
            if key not in kinds:
                raise InputError(f"{source}: there is no setting {group}.{key}; known: {', '.join(kinds)}.")
            values[group][key] = _convert(value, kinds[key], f"{group}.{key}")


def _convert(value: Any, kind: Any, name: str) -> Any:
    """`value` as the type of the setting; whole numbers are fine where fractions are."""
    if typing.get_origin(kind) is tuple:
        return _convert_several(value, len(typing.get_args(kind)), name)
    allowed = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if value is None and type(None) in allowed:
        return None
    if float in allowed and isinstance(value, int | float) and not isinstance(value, bool):
        number = _float(value)
        if math.isfinite(number):
            return number
    if type(value) in allowed:
        return value
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
    expected = " or ".join(words[a] for a in allowed)
    if value is None and str in allowed:
        raise SettingError(name, f"must be {expected}, got nothing (text that begins with # needs quotes in YAML)")
    raise SettingError(name, f"must be {expected}, got {_shown(value)}")


def _convert_several(value: Any, count: int, name: str) -> tuple[float, ...]:
    """Numbers from a list, or from text such as "3,-5,0"."""
    parts = value.split(",") if isinstance(value, str) else value
    try:
        numbers = tuple(float(part) for part in parts if not isinstance(part, bool))
    except (TypeError, ValueError, OverflowError):
        numbers = ()
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise SettingError(name, f"must be {count} numbers with commas between them, got {_shown(value)}")
    return numbers


def _color(name: str, value: str) -> str:
    """A colour as "#rrggbb"."""
    if re.fullmatch("#[0-9a-fA-F]{6}", value):
        return value
    from PIL import ImageColor

    problem = f"must be the name of a colour, such as green, or look like #00b140, got {_shown(value)}"
    try:
        channels = ImageColor.getrgb(value.strip())
    except ValueError as error:
        raise SettingError(name, problem) from error
    if len(channels) != 3 or not all(0 <= channel <= 255 for channel in channels):
        raise SettingError(name, problem)
    return "#{:02x}{:02x}{:02x}".format(*channels)


def _float(value: float) -> float:
    """Infinite where a whole number has no place in a float."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _shown(value: object) -> str:
    """For messages: short, however large or nested."""
    short = reprlib.Repr()
    short.maxlevel, short.maxstring, short.maxother = 2, 60, 60
    try:
        return short.repr(value)
    except ValueError:  # a number of more digits than Python prints
        return "a very large number"


def _in_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SettingError(name, f"must be from {low:g} to {high:g}, got {_float(value):g}")


def _one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise SettingError(name, f"must be one of {', '.join(known)}, got {_shown(value)}")
