"""A fitted video's curves as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from face3d.arkit import ARKIT_INDEX
from face3d.parameters import FaceParameters
from talkinghead.fitting.report import head_degrees, ranges

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOST, _INTERPOLATED = "#e05040", "#f0b040"


def draw_curves(
    output: str | Path,
    parameters: FaceParameters,
    nme: NDArray[np.float32],  # [T]
    cuts: list[int],
    title: str,
) -> None:
    """Write a PNG: landmark error, jaw and blinks, head angles over time; frames without a measurement are shaded.

    Args:
        output: the file.
        parameters: of the video.
        nme: landmark error of each frame as a fraction; NaN where there is none.
        cuts: first frames of new shots.
        title: above the curves.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    seconds = np.arange(len(parameters)) / parameters.fps
    figure = Figure(figsize=(12, 7.5), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(4, 1, sharex=True)
    there = np.where(parameters.confidence.numpy() > 0, 1.0, np.nan)
    expression = parameters.expression.numpy() * there[:, None]
    angles = head_degrees(parameters.rotation) * there[:, None]

    axes[0].plot(seconds, 100 * nme, color="#202020", linewidth=0.9)
    axes[0].set(ylabel="error, %", ylim=(0, None))
    axes[1].plot(seconds, expression[:, ARKIT_INDEX["jawOpen"]], label="jawOpen", linewidth=1)
    axes[1].plot(seconds, expression[:, ARKIT_INDEX["mouthClose"]], label="mouthClose", linewidth=1)
    axes[2].plot(seconds, expression[:, ARKIT_INDEX["eyeBlinkLeft"]], label="eyeBlinkLeft", linewidth=1)
    axes[2].plot(seconds, expression[:, ARKIT_INDEX["eyeBlinkRight"]], label="eyeBlinkRight", linewidth=1)
    for index, name in enumerate(("yaw", "pitch", "roll")):
        axes[3].plot(seconds, angles[:, index], label=name, linewidth=1)
    for panel in axes[1:3]:
        panel.set(ylim=(0, 1), ylabel="weight")
    axes[3].set(ylabel="degrees", xlabel="seconds")
    for panel in axes:
        _mark(panel, parameters, cuts)
    for panel in axes[1:]:
        panel.legend(loc="upper right", ncols=3, fontsize=8)
    figure.suptitle(title, fontsize=11)
    figure.savefig(output, format="png")


def _mark(panel: Axes, parameters: FaceParameters, cuts: list[int]) -> None:
    confidence = parameters.confidence.numpy()
    for mask, colour in ((confidence == 0, _LOST), ((confidence > 0) & (confidence < 1), _INTERPOLATED)):
        for first, last in ranges(mask):
            panel.axvspan((first - 0.5) / parameters.fps, (last + 0.5) / parameters.fps, color=colour, alpha=0.3, lw=0)
    for cut in cuts:
        panel.axvline((cut - 0.5) / parameters.fps, color="#808080", linewidth=0.8, linestyle=":")
    panel.grid(alpha=0.25)
    panel.margins(x=0.01)
