"""What the shipped speech model does by itself: the figures of `talkinghead.speech.perform.style.NATURAL_STYLE`.

    python scripts/measure_style.py CLIP... [--seeds 10] [--weights FILE]

The clips (anything with sound, of voices that were not trained on) are joined and performed with several seeds; the
means are printed as they stand in the module. Run it again whenever the model has been trained anew.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from renderers.pose import Pose

FPS = 25.0


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=10, help="how many (default: 10)")
    parser.add_argument("--weights", type=Path, help="a speech model (default: the shipped one)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    from talkinghead.media.audio import AudioFile
    from talkinghead.photo.poses import nobody, to_parameters
    from talkinghead.speech.model import SpeechModel, join_motion
    from talkinghead.speech.perform.style import measured

    sound = [block for clip in options.clips for block in AudioFile.open(clip).blocks()]
    model = SpeechModel.load(path=options.weights)
    found = []
    for pieces in zip(*model.performances(sound, FPS, seeds=range(options.seeds)), strict=True):
        motion = join_motion(list(pieces), FPS)
        rows = zip(motion.expression, motion.rotation, motion.eye_rotation, strict=True)
        found.append(measured(to_parameters([Pose(*row) for row in rows], nobody(1), FPS)))
    print(f"{sum(map(len, sound)) / 16_000:.0f} s, {options.seeds} seeds")
    for field in dataclasses.fields(found[0]):
        if field.name != "rest":
            mean = np.mean([getattr(style, field.name) for style in found], axis=0)
            print(f"    {field.name}={np.round(mean, 5).tolist()},")


if __name__ == "__main__":
    main()
