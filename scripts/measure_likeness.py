"""How often `talkinghead.photo.fitted.may_differ` is right: what its docstring says.

    python scripts/measure_likeness.py PERSON... [--every 15] [--at-most 8]

A PERSON is a photo, a folder of photos of one person, or a video, of which every so many frames are taken. All pairs of
pictures are compared: of one person (false alarms) and of two (found).
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def pictures_of(person: Path, every: int, at_most: int) -> Iterator[NDArray[np.uint8]]:
    """Up to `at_most` pictures of one person."""
    from talkinghead.media.image import is_picture, load_photo
    from talkinghead.media.video_file import VideoFile

    if person.is_dir():
        for path in sorted(p for p in person.iterdir() if is_picture(p))[:at_most]:
            yield load_photo(path)
    elif is_picture(person):
        yield load_photo(person)
    else:
        with VideoFile.open(person).read() as frames:
            yield from itertools.islice(frames, 0, every * at_most, every)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("people", nargs="+", type=Path, metavar="PERSON")
    parser.add_argument("--every", type=int, default=15, help="frames from one picture of a video to the next (15)")
    parser.add_argument("--at-most", type=int, default=8, help="pictures of one person (8)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    from face3d.detect.detector import FaceDetector
    from face3d.fit.photo_fit import fit_detection
    from talkinghead.photo.fitted import may_differ

    fits = []
    with FaceDetector() as detector:
        for number, person in enumerate(options.people):
            for image in pictures_of(person, options.every, options.at_most):
                for face in detector.detect(image)[:1]:
                    size = (image.shape[1], image.shape[0])
                    fits.append((number, fit_detection(face, size).parameters))
    told: dict[bool, list[bool]] = {True: [], False: []}
    for (first, one), (second, other) in itertools.combinations(fits, 2):
        told[first == second].append(may_differ(one, other))
    for same, words in ((True, "one person, false alarms"), (False, "two people, found")):
        share = f"{100 * np.mean(told[same]):.1f} %" if told[same] else "-"
        print(f"{words}: {share} of {len(told[same])} pairs")


if __name__ == "__main__":
    main()
