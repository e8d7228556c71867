"""Take Google's Selfie Segmentation model out of the `mediapipe` wheel (35 MB) and put it into `face3d/assets/`.

A maintainer runs it once; the file is committed:

    python scripts/fetch_person_segmenter.py [--wheel mediapipe-0.10.21-....whl]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.lab.face_model.wheel_models import WheelModel, fetch

# The last wheel that carries it; it has builds for Python 3.9 to 3.12, all with the same file.
MODEL = WheelModel(
    "mediapipe==0.10.21",
    "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
    "selfie_segmentation.tflite",
)

if __name__ == "__main__":
    fetch(MODEL, __doc__)
