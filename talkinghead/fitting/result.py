"""What a fit gives, whatever was fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d.parameters import FaceParameters


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted photo or video.

    Attributes:
        parameters: one frame for each of a video, one for a photo (of several photos, the first one's).
        nme_percent: [T] float32, mean distance of the 478 projected points to the detected ones in percent of the
            distance of the outer eye corners; NaN where the face was not seen.
        cuts: numbers of the frames with which a new shot begins.
        messages: what is worth knowing, one sentence each.
        report: all figures, as `talkinghead fit --report` writes them (docs/fitting.md).
    """

    parameters: FaceParameters
    nme_percent: NDArray[np.float32]
    cuts: tuple[int, ...]
    messages: tuple[str, ...]
    report: Mapping[str, Any]
