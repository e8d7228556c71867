"""Options that several commands share, and what they mean for the configuration."""

from __future__ import annotations

import argparse

from face3d.errors import InputError
from talkinghead.config import DETECTORS, EMOTIONS, Config, SettingError, load_config

# Which setting an option changes, by its name among the parsed options.
SETTINGS = {
    "seed": "general.seed",
    "device": "general.device",
    "face_index": "photo.face_index",
    "detector": "photo.detector",
    "crop": "photo.crop",
    "background": "photo.background",
    "background_color": "photo.background_color",
    "head_motion": "motion.head_motion",
    "expression_scale": "motion.expression_scale",
    "blink_rate": "motion.blink_rate",
    "emotion": "motion.emotion",
    "emotion_strength": "motion.emotion_strength",
    "start_pose": "motion.start_pose",
    "style_from": "motion.style_from",
    "fps": "video.fps",
    "size": "video.size",
}


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """`--config` and `--set`."""
    parser.add_argument(
        "--config", metavar="FILE", help="a YAML file with settings that differ from configs/default.yaml"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="GROUP.KEY=VALUE", help="one setting; can be given many times"
    )


def add_photo_options(parser: argparse.ArgumentParser) -> None:
    """How the photo is prepared."""
    parser.add_argument(
        "--face-index", type=int, metavar="N", help="which face, 0 is the largest (default: the largest)"
    )
    parser.add_argument(
        "--detector",
        choices=DETECTORS,
        help="what finds the face; mediapipe is an extra that sends records of its use to Google (default: builtin)",
    )
    parser.add_argument(
        "--crop",
        nargs="?",
        const="head",
        choices=("none", "head"),
        help="head and shoulders only; --crop none: the whole photo (the default)",
    )
    parser.add_argument(
        "--background",
        choices=("keep", "blur", "color"),
        help="keep the photo's own, put it out of focus, or put one colour behind the person",
    )
    parser.add_argument(
        "--background-color", metavar="#RRGGBB", help="the colour (default: #00b140, the green of green screens)"
    )
    add_size_option(parser)


def add_size_option(parser: argparse.ArgumentParser) -> None:
    """`--size`."""
    parser.add_argument(
        "--size", type=int, metavar="PX", help="pixels along the longer side (default: the photo's, up to 8192)"
    )


def add_sound_options(parser: argparse.ArgumentParser, audio: bool = True) -> None:
    """A recording or a text; :func:`check_sound` tells whether it is one of them."""
    if audio:
        parser.add_argument("--audio", metavar="FILE", help="any file with sound, a video too")
    parser.add_argument(
        "--text",
        metavar="WORDS",
        help="instead of a recording: English words for a synthetic voice to say (needs talkinghead[tts])",
    )


def check_sound(audio: str | None, text: str | None, recording: str) -> None:
    """Refuse both and neither.

    Args:
        audio, text: what was given.
        recording: how the command takes the recording, for the message.

    Raises:
        InputError: not exactly one was given.
    """
    if audio is not None and text is not None:
        raise InputError(f"Give either a recording ({recording}) or words to say (--text), not both.")
    if audio is None and text is None:
        raise InputError(f"Give a recording ({recording}) or words to say (--text WORDS).")


def add_motion_options(parser: argparse.ArgumentParser) -> None:
    """What the face does."""
    parser.add_argument(
        "--seed", type=int, metavar="N", help="of the random motion (default: 0); another one moves otherwise"
    )
    parser.add_argument("--fps", type=float, metavar="F", help="frames per second (default: 25)")
    parser.add_argument("--head-motion", type=float, metavar="X", help="1 is natural, 0 keeps the head still")
    parser.add_argument("--expression-scale", type=float, metavar="X", help="1 is natural, 0 keeps the mouth at rest")
    parser.add_argument("--blink-rate", type=float, metavar="X", help="blinks per minute (default: natural, about 18)")
    parser.add_argument("--emotion", choices=EMOTIONS, help="under the speech (default: neutral, the photo's own face)")
    parser.add_argument("--emotion-strength", type=float, metavar="X", help="from 0 to 1 (default: 1)")
    parser.add_argument(
        "--start-pose",
        metavar="PITCH,YAW,ROLL",
        help="degrees that the head is turned from the photo's pose in the first frame; it comes back within seconds, "
        "or stays with --head-motion 0 (default: 0,0,0)",
    )
    parser.add_argument(
        "--style-from",
        metavar="FILE",
        help="move as the person in this video, or in this parameter file (.safetensors), does",
    )
    add_device_option(parser)


def add_device_option(parser: argparse.ArgumentParser) -> None:
    """`--device`."""
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), help="where networks run and frames are made (default: cpu)"
    )


def config_from(options: argparse.Namespace) -> Config:
    """The settings that a command's options ask for; an option wins over --set, and --set over --config.

    Raises:
        InputError: a setting that cannot be; the message names the option, if it came from one.
    """
    given = {name: getattr(options, name, None) for name in SETTINGS}
    if given["background_color"] is not None and given["background"] is None:
        given["background"] = "color"
    overrides = {SETTINGS[name].replace(".", "__"): value for name, value in given.items()}
    try:
        return load_config(options.config, options.set, **overrides)
    except SettingError as error:
        for name, value in given.items():
            if SETTINGS[name] == error.setting and value is not None:
                raise InputError(f"--{name.replace('_', '-')} {error.problem}.") from error
        raise
