#!/usr/bin/env python3
"""Measure where MediaPipe sees its 478 points on a face model that you brought. Takes some minutes, once.

    python scripts/measure_landmarks.py ict-facekit=ICT-FaceKit
    python scripts/measure_landmarks.py flame=flame.npz

Renders of random people of the model are shown to MediaPipe, as for the head that ships with the program. The result is
written beside the model's files, where loading finds it; without it the points are carried over from that head, a few
millimetres off. Needs a model with eyeballs: without them its renders have no eyes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from face3d.errors import InputError
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from face3d.model.plugins.ict import FOLDER
from face3d.model.plugins.measured import measured_path, save_measured
from face3d.model.plugins.surface import SurfacePoints
from face3d.model.registry import load_model
from scripts.lab.face_model.detected_landmarks import detected_landmarks
from scripts.lab.face_model.landmarks import Embedding

PEOPLE = (40, 120)  # rendered in the first and in the second round


def measure(model: MorphableModel, people: tuple[int, int] = PEOPLE) -> Embedding:
    """The points in two rounds: the second paints the lips and brows that the first found.

    Raises:
        InputError: the model has no eyeballs.
    """
    if not all(len(model.part_vertices(part)) for part in (Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL)):
        raise InputError(f"{model.name} has no eyeballs, so MediaPipe cannot see its face on plain renders.")
    return detected_landmarks(model, model.triangle_parts.numpy(), people, print)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="NAME=PATH", help="ict-facekit or flame")
    name, _, path = parser.parse_args().model.partition("=")
    model = load_model(name, path)
    embedding = measure(model)
    kept = Path(path) / FOLDER if (Path(path) / FOLDER).is_dir() else Path(path)
    save_measured(kept, SurfacePoints(model.triangles.numpy()[embedding.triangle], embedding.barycentric))
    print(f"{measured_path(kept)}: single observations lie {embedding.spread_mm.mean():.2f} mm from their points")


if __name__ == "__main__":
    main()
