"""What the generator makes, 25 times a second: the open mouth, the head, the eyes and the brows, as columns."""

from __future__ import annotations

from talkinghead.speech.perform.mouth import POSE_CHANNELS

MOTION_RATE = 25  # frames per second of generated motion, and of the captures it is learnt from

# Head rotation: axis-angle in the head's frame, radians, as `SpeechMotion.rotation`. Gaze: both eyes alike, radians, as
# `SpeechMotion.eye_rotation`. The rest: ARKit weights, mean of left and right, 0..1.
UPPER_CHANNELS: tuple[str, ...] = (
    "head_pitch", "head_yaw", "head_roll", "gaze_pitch", "gaze_yaw", "blink", "browInnerUp", "browOuterUp", "browDown",
    "eyeSquint",
)  # fmt: skip
MOTION_CHANNELS: tuple[str, ...] = (*POSE_CHANNELS, *UPPER_CHANNELS)
