"""Options that several commands share, and what they mean for the configuration."""

from __future__ import annotations

import argparse

from talkinghead.config import Config, load_config


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
    parser.add_argument("--crop", choices=("none", "head"), help="use the whole photo, or head and shoulders only")
    add_size_option(parser)


def add_size_option(parser: argparse.ArgumentParser) -> None:
    """`--size`."""
    parser.add_argument(
        "--size", type=int, metavar="PX", help="pixels along the longer side (default: the photo's, up to 4096)"
    )


def add_sound_options(parser: argparse.ArgumentParser, audio: bool = True) -> None:
    """A recording or a text."""
    sound = parser.add_mutually_exclusive_group(required=audio)
    if audio:
        sound.add_argument("--audio", metavar="FILE", help="any file with sound, a video too")
    sound.add_argument(
        "--text", metavar="WORDS", help="English words for a synthetic voice to say (needs talkinghead[tts])"
    )


def add_motion_options(parser: argparse.ArgumentParser) -> None:
    """What the face does."""
    parser.add_argument(
        "--seed", type=int, metavar="N", help="of the random motion (default: 0); another one moves otherwise"
    )
    parser.add_argument("--fps", type=float, metavar="F", help="frames per second (default: 25)")
    parser.add_argument("--head-motion", type=float, metavar="X", help="1 is natural, 0 keeps the head still")
    parser.add_argument("--expression-scale", type=float, metavar="X", help="1 is natural, 0 keeps the mouth at rest")
    parser.add_argument("--blink-rate", type=float, metavar="X", help="blinks per minute (default: 15)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="where the speech network runs (default: cpu)")


def config_from(options: argparse.Namespace) -> Config:
    """The settings that a command's options ask for; an option wins over --set, and --set over --config.

    Raises:
        InputError: a setting that cannot be.
    """

    def given(name: str) -> object:
        return getattr(options, name, None)

    return load_config(
        options.config,
        options.set,
        general__seed=given("seed"),
        general__device=given("device"),
        photo__face_index=given("face_index"),
        photo__crop=given("crop"),
        motion__head_motion=given("head_motion"),
        motion__expression_scale=given("expression_scale"),
        motion__blink_rate=given("blink_rate"),
        video__fps=given("fps"),
        video__size=given("size"),
    )
