"""Face parameters as a CSV file of Epic's Live Link Face app, for Unreal Engine, Blender, Maya and MotionBuilder.

Layout, seen in recordings of the app and in Unreal's `LiveLinkFaceImporter`: a time code, the number of values (61),
the 52 ARKit weights and nine angles. Two pairs of weights stand in another order than Apple's: JawRight before JawLeft
and MouthRight before MouthLeft; some importers go by position, so the app's order is kept.

Time code: HH:MM:SS:FF.mmm, where FF.mmm counts **sixtieths of a second whatever the frame rate** (a 30 Hz recording
steps by 2; Unreal divides by 60, Blender's Faceit by 60 unless told otherwise). The first row is frame 1:
00:00:00:01.000. Importers take times relative to the first row.

Angles: radians. The app's recordings pair an eye's pitch of +0.18 with EyeLookDown 0.30, and yaws of -0.13 (LeftEye)
and -0.06 (RightEye) with EyeLookOutLeft 0.10 and EyeLookInRight 0.21: pitch is positive downwards, yaw to the
subject's right, 0.6 rad go with a weight of 1, and the app exchanges the two eyes' columns (here LeftEye is the left
eye). The head's angles are zero in those recordings, as the app streams them only when told to; their signs are those
that three other programs agree on (MeFaMo, an ARKit recorder, and a three-vrm player whose eyes follow the
recordings): yaw is positive to the subject's left, pitch upwards, roll when the head leans to its right shoulder.
Blender's Faceit reads yaw and roll as a mirror image: flip them there. The angles compose as Unreal's rotators do:
roll first, then pitch, then yaw.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.parameters import FaceParameters
from face3d.rotations import yaw_pitch_roll
from talkinghead.media.output import complete_file

TICKS_PER_SECOND = 60
_SWAPPED = {"jawLeft": "jawRight", "jawRight": "jawLeft", "mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
_WEIGHTS = tuple(_SWAPPED.get(name, name) for name in ARKIT_NAMES)
_ANGLES = tuple(f"{part}{angle}" for part in ("Head", "LeftEye", "RightEye") for angle in ("Yaw", "Pitch", "Roll"))
# The 61 values, in the app's order.
COLUMNS = (*(name[:1].upper() + name[1:] for name in _WEIGHTS), *_ANGLES)
HEADER = ("Timecode", "BlendShapeCount", *COLUMNS)
# Rows made at once.
_BLOCK = 4096


def write_livelink_csv(parameters: FaceParameters, output: str | Path) -> None:
    """One row for each frame; see the module's text for units and signs."""
    row = "%s,61" + ",%.10f" * len(COLUMNS) + "\n"
    with complete_file(output) as temporary, temporary.open("w", encoding="ascii", newline="") as file:
        file.write(",".join(HEADER) + "\n")
        for start in range(0, len(parameters), _BLOCK):
            values = livelink_values(parameters.frames(start, start + _BLOCK)).tolist()
            file.writelines(
                row % (timecode(start + index, parameters.fps), *frame) for index, frame in enumerate(values)
            )


def livelink_values(parameters: FaceParameters) -> NDArray[np.float64]:  # [T, 61]
    """The values of :data:`COLUMNS`: weights 0..1, then angles in radians."""
    weights = parameters.expression[:, [ARKIT_INDEX[name] for name in _WEIGHTS]].clamp(0, 1)
    head = torch.from_numpy(yaw_pitch_roll(parameters.rotation.cpu().numpy()))
    eye_pitch, eye_yaw = parameters.eye_rotation.unbind(-1)  # [T, 2] each
    eyes = torch.stack([-eye_yaw, eye_pitch, torch.zeros_like(eye_yaw)], -1).flatten(1)
    return torch.cat([weights, head, eyes], 1).double().numpy()


def timecode(index: int, fps: float) -> str:
    """The time code of frame `index` (from 0): 60 ticks a second, the first frame at tick 1."""
    milliticks = 1000 + round(1000 * index * TICKS_PER_SECOND / fps)
    seconds, tick = divmod(milliticks, 1000 * TICKS_PER_SECOND)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{tick // 1000:02}.{tick % 1000:03}"
