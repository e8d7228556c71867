"""Options that several commands share, and what they mean for the configuration."""

from __future__ import annotations

import argparse

from face3d.errors import InputError
from talkinghead.config import DETECTORS, EMOTIONS, MAX_SIDE, Config, SettingError, load_config

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
    group = parser.add_argument_group("all settings")
    group.add_argument(
        "--config",
        metavar="FILE",
        help="a YAML file with settings that differ from configs/default.yaml, or the name of one that comes with the "
        "program: preview (small and quick)",
    )
    group.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="GROUP.KEY=VALUE",
        help="one setting, such as video.crf=18; can be given many times",
    )


def add_photo_options(parser: argparse.ArgumentParser) -> None:
    """How the photo is prepared."""
    group = parser.add_argument_group("photo")
    group.add_argument(
        "--face-index", type=int, metavar="N", help="which face, 0 is the largest (default: the largest)"
    )
    group.add_argument(
        "--detector",
        choices=DETECTORS,
        help="what finds the face; mediapipe is an extra that sends records of its use to Google (default: builtin)",
    )
    group.add_argument(
        "--crop",
        nargs="?",
        const="head",
        choices=("none", "head"),
        help="--crop: head and shoulders only; --crop none: the whole photo (default: none)",
    )
    group.add_argument(
        "--background",
        choices=("keep", "blur", "color"),
        help="keep the photo's own, put it out of focus, or put one colour behind the person (default: keep)",
    )
    group.add_argument(
        "--background-color",
        metavar="COLOR",
        help="that colour, by its name or as '#rrggbb' (default: #00b140, the green of green screens)",
    )
    group.add_argument(
        "--size",
        type=int,
        metavar="PX",
        help=f"pixels along the longer side, 64 to {MAX_SIDE} (default: the photo's, up to {MAX_SIDE})",
    )


def add_sound_options(parser: argparse.ArgumentParser, audio: bool = True) -> None:
    """A recording or a text; :func:`check_sound` tells whether it is one of them."""
    group = parser.add_argument_group("speech, one of" if audio else "speech without a recording")
    if audio:
        group.add_argument("--audio", metavar="FILE", help="any file with sound, a video too")
    group.add_argument(
        "--text",
        metavar="WORDS",
        help="English words for a synthetic voice to say (needs the package hibari-tts)",
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
    group = parser.add_argument_group("motion")
    group.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="of the random motion: another number, another performance; 0 to 2^63 - 1 (default: 0)",
    )
    group.add_argument(
        "--head-motion", type=float, metavar="X", help="0 to 3: 0 keeps the head still, 1 is natural (default: 1)"
    )
    group.add_argument(
        "--expression-scale",
        type=float,
        metavar="X",
        help="0 to 3: 0 keeps the mouth at rest, 1 is natural (default: 1)",
    )
    group.add_argument(
        "--blink-rate", type=float, metavar="X", help="blinks per minute, 0 to 60 (default: natural, about 18)"
    )
    group.add_argument("--emotion", choices=EMOTIONS, help="under the speech (default: neutral, the photo's own face)")
    group.add_argument("--emotion-strength", type=float, metavar="X", help="0 to 1 (default: 1)")
    group.add_argument(
        "--start-pose",
        metavar="PITCH,YAW,ROLL",
        help="degrees, -30 to 30, that the head is turned from the photo's pose in the first frame; it comes back "
        "within seconds, or stays with --head-motion 0 (default: 0,0,0)",
    )
    group.add_argument(
        "--style-from",
        metavar="FILE",
        help="move as the person in this video, or in this parameter file (.safetensors), does (default: nobody's)",
    )
    group.add_argument("--fps", type=float, metavar="F", help="frames per second, 1 to 120 (default: 25)")
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
