"""Measure the speech model on real speech that it never saw, against the bars it has to meet.

    python scripts/benchmark_speech.py --grid D/video/grid_s1 \\
        --speakers D/video/grid_speakers/grid_l{bbc2a,wbsza}.mpg --heads D/video/latentsync/*.mp4 \\
        --speech D/speech/librivox --corpus .cache/speech/corpus --json figures.json --plot curves.png

Sections (`--only` chooses): `grid` lips against filmed lips, beside the sound's energy, our rules with the true text
and other projects; `librivox` the same against the rules; `robustness` noise, bands, rooms, levels; `languages`
closures of the corpus' development voices; `silence`; `distribution` amount and speed of motion, blinks, beats, seeds;
`speed`; `hour` memory, only when asked for. Videos are fitted at the first run (about their length each) and kept in
`--fits`. Phones come from pocketsphinx on the known words (extra `[train]`). The figures' definitions are in
`scripts/lab/training/measure`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

ROOT = Path(__file__).resolve().parents[1]
SECTIONS = ("grid", "librivox", "robustness", "languages", "silence", "distribution", "speed", "hour")


def rounded(value: Any) -> Any:
    """Nested figures with four significant digits."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def report(figures: dict[str, Any]) -> list[str]:
    """Markdown tables with their titles."""
    from scripts.lab.speech.measure.bars import bar_table, condition_table, method_table, voice_table

    tables = [f"GRID, {name}\n\n{method_table(rows)}" for name, rows in figures.get("grid", {}).items()]
    if "librivox" in figures:
        tables.append(f"Recordings without pictures\n\n{method_table(figures['librivox'])}")
    tables += [f"{name}, conditions\n\n{condition_table(rows)}" for name, rows in figures.get("robustness", {}).items()]
    if "languages" in figures:
        tables.append(f"Development voices\n\n{voice_table(figures['languages'])}")
    return [*tables, f"Bars\n\n{bar_table(figures)}"]


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grid", type=Path, help="a GRID speaker's videos; l* and s* are taken")
    parser.add_argument("--speakers", type=Path, nargs="*", default=[], help="held-out videos of other GRID speakers")
    parser.add_argument("--heads", type=Path, nargs="*", default=[], help="videos of other people, for their heads")
    parser.add_argument("--speech", type=Path, help="sound files with texts beside them")
    parser.add_argument("--corpus", type=Path, help="the corpus, for its development voices")
    parser.add_argument("--fits", type=Path, default=ROOT / ".cache" / "speech" / "fits", help="kept fits of videos")
    parser.add_argument("--weights", type=Path, help="an encoder other than the shipped one")
    parser.add_argument("--generator", type=Path, help="a generator other than the shipped one")
    parser.add_argument("--live-weights", type=Path, help="an encoder for streams other than the shipped one")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, help="sections (default: all but hour)")
    parser.add_argument("--clips", type=int, default=80, help="of the GRID speaker (default: 80)")
    parser.add_argument("--quick", action="store_true", help="fewer clips and seeds: a look in about a minute")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument(
        "--worst", type=int, default=0, help="list this many of each kind of wrong lips, with their clips"
    )
    parser.add_argument("--plot", type=Path, help="draw one held-out sentence (.png)")
    return parser.parse_args(argv)


def main() -> None:
    """Command line."""
    arguments = parse()
    import torch

    from face3d.errors import InputError
    from scripts.lab.speech.measure.plot import draw_sentence
    from scripts.lab.speech.measure.sections import FPS, QUICK, Benchmark, Folders, Sizes
    from talkinghead.speech.model import SpeechModel

    torch.set_num_threads(1)
    try:
        benchmark = Benchmark(
            SpeechModel.load(path=arguments.weights, generator=arguments.generator),
            SpeechModel.load_live(path=arguments.live_weights),
            Folders(
                arguments.grid,
                tuple(arguments.speakers),
                tuple(arguments.heads),
                arguments.speech,
                arguments.corpus,
                arguments.fits,
            ),
            QUICK if arguments.quick else Sizes(clips=arguments.clips),
            arguments.weights,
            arguments.generator,
        )
        figures: dict[str, Any] = {}
        for name in arguments.only or [section for section in SECTIONS if section != "hour"]:
            print(f"{name} ...", file=sys.stderr, flush=True)
            found = getattr(benchmark, name)()
            if found:
                figures[name] = found
        if arguments.plot:
            clips = benchmark.grid_clips or benchmark.speech
            draw_sentence(arguments.plot, benchmark.model, clips[0], FPS)
    except InputError as error:
        sys.exit(f"{error}")
    figures = rounded(figures)
    print("\n\n".join(report(figures)))
    if arguments.worst:
        for line in benchmark.worst(arguments.worst):
            print(line)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
