"""Explicit motion, implicit motion, and implicit motion learnt while considering speech, on the same held-out clips.

    python scripts/ablate_representation.py --output ablation.json --table ablation.md

Trains a small generator of each on the same captures and corpus (scripts/train_speech.py makes these), with the same
network, steps and seed, and measures all on the test captures and on LibriVox. An interrupted run goes on; what the
output file holds already is not made again.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if TYPE_CHECKING:
    from scripts.lab.speech.ablation.ablation import AblationOptions
    from scripts.lab.speech.ablation.measure import TestClip
    from scripts.lab.speech.generator.data import Clip, Listener

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "speech"

ROWS: tuple[tuple[str, str, str], ...] = (
    ("aperture_r", "GRID: lip aperture r with the measured one", ".3f"),
    ("aperture_r_ungated", "the same before the gates", ".3f"),
    ("lag", "lag, frames", ".0f"),
    ("channel_r", "channel r with the captures", ".3f"),
    ("bilabial_closure", "/p b m/ closed, %", ".0f"),
    ("bilabial_closure_ungated", "the same before the gates, %", ".0f"),
    ("false_closure", "open vowels wrongly closed, %", ".1f"),
    ("mouth_std", "mouth: std over real", ".2f"),
    ("mouth_velocity", "mouth: velocity over real", ".2f"),
    ("head_std", "head: std over real", ".2f"),
    ("head_velocity", "head: velocity over real", ".2f"),
    ("frechet_mouth", "mouth: Fréchet distance", ".2f"),
    ("frechet_head", "head: Fréchet distance", ".2f"),
    ("seeds_aperture_r", "across seeds: aperture r", ".3f"),
    ("seeds_head_spread", "across seeds: head std over that within a clip", ".2f"),
    ("librivox_aperture_r", "LibriVox: aperture r with the teacher", ".3f"),
    ("librivox_channel_r", "LibriVox: channel r with the teacher", ".3f"),
    ("librivox_bilabial_closure", "LibriVox: /p b m/ closed, %", ".0f"),
    ("code_aperture_r", "code alone, real motion there and back: aperture r", ".3f"),
    ("code_error_mouth", "the same: relative error, mouth", ".2f"),
    ("code_error_upper", "the same: relative error, head, eyes and brows", ".2f"),
    ("phi_x_aperture_r", "code of the speech, decoded: aperture r", ".3f"),
    ("rtf", "real-time factor on one core, without the encoder", ".4f"),
)


def train_clips(arguments: argparse.Namespace, listener: Listener, cache: Path) -> list[Clip]:
    """Captures and some of the corpus, as the encoder hears them."""
    from scripts.lab.speech.generator.data import filmed, load_clips, taught

    real = list(filmed(arguments.captures, "train"))
    spoken = list(taught(arguments.corpus, "train", arguments.taught, 0)) if arguments.corpus.is_dir() else []
    together = real + spoken
    listener.prepare(together[:: max(1, len(together) // 60)])
    return [*load_clips(real, listener, 3, cache / "train"), *load_clips(spoken, listener, 2, cache / "train")]


def filmed_tests(arguments: argparse.Namespace, listener: Listener, cache: Path) -> Iterator[TestClip]:
    """Held-out captures, every n-th."""
    import numpy as np

    from scripts.lab.speech.ablation.measure import TestClip
    from scripts.lab.speech.captures.captures import captures
    from scripts.lab.speech.generator.data import filmed, load_clips
    from scripts.lab.speech.measure import clips as recorded
    from scripts.lab.speech.measure.sources import LipTrack

    pairs = list(zip(captures(arguments.captures, "test"), filmed(arguments.captures, "test"), strict=True))
    chosen = pairs[:: max(len(pairs) // arguments.clips, 1)]
    heard = load_clips((recording for _, recording in chosen), listener, 1, cache / "test")
    for (capture, _), clip in zip(chosen, heard, strict=True):
        gap = capture.aperture_mm.astype(np.float64)
        if not np.isnan(gap).any():
            sound = recorded.Clip(capture.name, capture.samples, tuple(capture.phones))
            yield TestClip(clip, sound, LipTrack(gap[: len(clip.motion)]))


def spoken_tests(arguments: argparse.Namespace, listener: Listener, cache: Path) -> Iterator[TestClip]:
    """Recordings with texts, and the rule teacher's lips for them."""
    import numpy as np

    from scripts.lab.speech.ablation.measure import TestClip
    from scripts.lab.speech.corpus.alignment import PhoneAligner
    from scripts.lab.speech.generator.data import Recording, load_clips
    from scripts.lab.speech.measure.clips import speech_clips
    from scripts.lab.speech.measure.sources import teacher_source
    from talkinghead.speech.generate.channels import MOTION_CHANNELS, MOTION_RATE

    for sound in speech_clips(arguments.librivox, PhoneAligner()):
        frames = int(sound.seconds * MOTION_RATE)
        motion = np.zeros((frames, len(MOTION_CHANNELS)), np.float32)
        known = np.zeros(len(MOTION_CHANNELS), np.bool_)
        recording = Recording(sound.samples, motion, known, "librivox", sound.name)
        yield TestClip(load_clips([recording], listener, 1, cache)[0], sound, teacher_source(sound, MOTION_RATE))


def table(results: dict[str, dict[str, float]]) -> str:
    """Markdown."""
    lines = ["| | " + " | ".join(results) + " |", "|---|" + "---:|" * len(results)]
    for key, label, form in ROWS:
        cells = [format(round(found[key], 6) + 0.0, form) if key in found else "" for found in results.values()]
        if any(cells):
            lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def options_of(arguments: argparse.Namespace) -> AblationOptions:
    """Steps and seed as asked for."""
    from scripts.lab.speech.ablation.ablation import AblationOptions

    plain = AblationOptions()
    generator = replace(plain.generator, seed=arguments.seed, steps=arguments.steps or plain.generator.steps)
    code = replace(plain.code, seed=arguments.seed, steps=arguments.code_steps or plain.code.steps)
    return replace(plain, generator=generator, code=code)


def write(path: Path, text: str) -> None:
    """Complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def run(arguments: argparse.Namespace) -> None:
    """Train and measure what is still missing."""
    import torch

    from scripts.lab.speech.ablation.ablation import CODES, contender
    from scripts.lab.speech.ablation.measure import evaluate, real_figures
    from scripts.lab.speech.encoder.augment import AugmentOptions
    from scripts.lab.speech.generator.data import Listener, filmed, load_clips
    from scripts.lab.speech.generator.run import rest_of
    from talkinghead.speech.hear.weights import load_network

    torch.set_num_threads(1)
    console = Console()
    listener = Listener(load_network(arguments.encoder), AugmentOptions(), 1)
    cache = arguments.cache / f"{zlib.crc32(arguments.encoder.read_bytes()):08x}"
    results: dict[str, dict[str, Any]] = {}
    if arguments.output.exists():
        results = json.loads(arguments.output.read_text(encoding="utf-8"))
    clips = train_clips(arguments, listener, cache)
    development = load_clips(filmed(arguments.captures, "development"), listener, 1, cache / "development")
    tests = list(filmed_tests(arguments, listener, cache))
    spoken = list(spoken_tests(arguments, listener, cache / "spoken"))
    console.log(f"{len(clips)} clips to train on, {len(tests)} filmed and {len(spoken)} spoken to measure on")
    if "real" not in results:
        results["real"] = real_figures(tests)
    short = [replace(c, conditions=c.conditions[:, :750], motion=c.motion[:750]) for c in development]
    for name in CODES:
        if name in results:
            continue

        def report(line: str, name: str = name) -> None:
            console.log(f"{name}: {line}")

        made = contender(name, clips, short, rest_of(listener), options_of(arguments), cache / "runs", report)
        results[name] = evaluate(made, tests, spoken, range(arguments.samples))
        write(arguments.output, json.dumps(results, indent=1))
    write(arguments.table, table(results))
    console.print(table(results))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    weights = ROOT / "talkinghead" / "assets" / "speech-v2.safetensors"
    parser.add_argument("--encoder", type=Path, default=weights, help="what hears the speech")
    parser.add_argument("--captures", type=Path, default=CACHE / "captures", help="of train_speech.py captures")
    parser.add_argument("--corpus", type=Path, default=CACHE / "corpus", help="of train_speech.py corpus")
    parser.add_argument("--librivox", type=Path, required=True, help="folder of recordings with .txt beside them")
    parser.add_argument("--cache", type=Path, default=CACHE / "ablation")
    parser.add_argument("--output", type=Path, required=True, help="JSON; figures in it are kept")
    parser.add_argument("--table", type=Path, required=True, help="Markdown")
    parser.add_argument("--steps", type=int, help="of each generator")
    parser.add_argument("--code-steps", type=int, help="of each code")
    parser.add_argument("--seed", type=int, default=1, help="of the trainings")
    parser.add_argument("--samples", type=int, default=5, help="samples of each clip")
    parser.add_argument("--taught", type=int, default=400, help="utterances of the corpus")
    parser.add_argument("--clips", type=int, default=40, help="test captures")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
