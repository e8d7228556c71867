"""The command line of the scripts that train the renderer's networks: gather examples, then fit the weights."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import track

from face3d.errors import InputError
from renderers.unet import UNet, save_network
from scripts.lab.renderer.presets import PHOTOS, VIDEOS, files_of, say_kept
from scripts.lab.renderer.reenactment import kept_name
from scripts.lab.training.loop import Run

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Folders:
    """What a training keeps: `fits` of files, and the `examples` made of them."""

    fits: Path
    examples: Path


@dataclass(frozen=True)
class Program:
    """What differs between the two.

    Attributes:
        name: "face" or "mouth".
        description: the script's docstring.
        add_photo, add_clip: (path, output, fits) -> write the examples of a file; nothing if it has none to learn from.
            InputError says why it is passed over.
        train: (folder of examples, preset file or None, run) -> the network and its figures.
        portraits, clips: about how many photos, all of them where it is None, and videos are taken.
    """

    name: str
    description: str
    add_photo: Callable[[Path, Path, Path], None]
    add_clip: Callable[[Path, Path, Path], None]
    train: Callable[[Path, Path | None, Run], tuple[UNet, dict[str, str]]]
    portraits: int | None
    clips: int

    def main(self, given: Sequence[str] | None = None) -> None:
        """Command line."""
        parser = self._parser()
        arguments = parser.parse_args(given)
        try:
            arguments.run(arguments)
        except InputError as error:
            parser.exit(2, f"error: {error}\n")

    def _gather(self, arguments: argparse.Namespace) -> None:
        """Everything that is still missing in the cache; a file that shows nothing to learn from is passed over."""
        torch.set_num_threads(1)
        fits, examples = arguments.cache / "fits", arguments.cache / "examples"
        videos = evenly(files_of(arguments.videos, VIDEOS, arguments.skip), arguments.clips)
        photos = evenly(files_of(arguments.photos, PHOTOS, arguments.skip), arguments.portraits)
        for folder in (fits, examples):
            folder.mkdir(parents=True, exist_ok=True)
        for kind, paths, add in (("clip", videos, self.add_clip), ("photo", photos, self.add_photo)):
            for path in track(paths, description=f"{kind}s"):
                output = examples / f"{kind}_{kept_name(path)}.npz"
                if not output.exists():
                    try:
                        add(path, output, fits)
                    except InputError as error:
                        print(f"passed over: {error}")
        say_kept(examples)

    def _fit(self, arguments: argparse.Namespace) -> None:
        """Train and write the weights."""
        run = Run(arguments.cache / "checkpoint.safetensors", arguments.tensorboard, stop=arguments.stop)
        network, figures = self.train(arguments.cache / "examples", arguments.config, run)
        print(figures)
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        save_network(network, arguments.output, figures)

    def _parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(
            description=self.description, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument(
            "--cache",
            type=Path,
            default=ROOT / ".cache" / self.name,
            help="folder of the fits, examples and checkpoint that are kept (default: %(default)s)",
        )
        commands = parser.add_subparsers(required=True)
        self._add_examples(commands)
        train = commands.add_parser("train", help="fit the network to the examples; an interrupted run goes on")
        preset = f"configs/train/{self.name}_gpu.yaml"
        train.add_argument("--config", type=Path, help=f"YAML with other options, e.g. {preset}")
        weights = ROOT / "renderers" / "assets" / f"{self.name}-v1.safetensors"
        train.add_argument("--output", type=Path, default=weights, help="weights to write (default: %(default)s)")
        train.add_argument("--tensorboard", type=Path, help="folder for TensorBoard's curves")
        train.add_argument("--stop", type=int, help="stop after this step; the same command goes on later")
        train.set_defaults(run=self._fit)
        return parser

    def _add_examples(self, commands: Any) -> None:
        examples = commands.add_parser("examples", help="fit photos and videos and draw them")
        examples.add_argument("--photos", type=Path, nargs="*", default=[], help="folders of portraits")
        examples.add_argument(
            "--portraits",
            type=int,
            default=self.portraits,
            help=f"about how many portraits to take (default: {self.portraits or 'all'})",
        )
        examples.add_argument(
            "--videos", type=Path, nargs="*", default=[], help="folders of clips of one talking face each"
        )
        examples.add_argument("--clips", type=int, default=self.clips, help="about how many (default: %(default)s)")
        examples.add_argument(
            "--skip",
            nargs="*",
            default=["l", "s", "grid_lbbc2a", "grid_lwbsza"],
            metavar="BEGINNING",
            help="leave out files whose names begin so, to measure on (default: those of docs/benchmarks.md)",
        )
        examples.set_defaults(run=self._gather)


def evenly(paths: Sequence[Path], count: int | None) -> Sequence[Path]:
    """About `count` of the paths, spread over them; all where it is None."""
    return paths if count is None else paths[:: max(1, len(paths) // count)]
