import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from scripts.lab.speech.corpus.phones import PhoneSegment
from scripts.lab.speech.measure.clips import Clip
from scripts.lab.speech.measure.closures import mesh_aperture
from scripts.lab.speech.measure.failures import lowest_r, wrong_lips
from scripts.lab.speech.measure.lip_figures import (
    agreement,
    channel_agreement,
    closure_figures,
    labiodental_touches,
    pause_curves,
    pause_motion,
)
from scripts.lab.speech.measure.lips import LipMeter
from scripts.lab.speech.measure.sources import LipTrack, at_frames, envelope_source, of_expression
from talkinghead.speech.perform.mouth import GATES, POSE_CHANNELS, assemble

FPS = 25.0
METER = LipMeter()


def _posed(gate: str | None, **pose: float) -> np.ndarray:
    poses = np.array([[pose.get(name, 0.0) for name in POSE_CHANNELS]], np.float32)
    gates = np.array([[float(name == gate) for name in GATES]], np.float32)
    return assemble(poses, gates)


def test_the_few_points_agree_with_the_whole_mesh():
    weights = np.random.default_rng(0).random((20, 52)).astype(np.float32)
    assert METER.measure(weights).aperture == pytest.approx(mesh_aperture(torch.from_numpy(weights)), abs=1e-3)


def test_what_an_open_a_closed_and_a_biting_mouth_measure():
    rest = METER.measure(np.zeros((1, 52), np.float32))
    wide = METER.measure(_posed(None, jawOpen=0.4))
    pressed = METER.measure(_posed("bilabial", jawOpen=0.4))
    biting = METER.measure(_posed("labiodental", jawOpen=0.4))
    assert wide.aperture[0] > 10
    assert pressed.aperture[0] < 1
    assert wide.teeth[0] > 5  # the lip is far under the incisors' edge
    assert biting.teeth[0] < 0 < biting.aperture[0]
    rounded = METER.measure(_posed(None, mouthPucker=0.8))
    assert rounded.width[0] < rest.width[0]
    assert rounded.protrusion[0] > rest.protrusion[0]


PHONES = (
    PhoneSegment("SIL", 0, 1.0),
    PhoneSegment("AA", 1.0, 1.4),
    PhoneSegment("B", 1.4, 1.48),
    PhoneSegment("AA", 1.48, 1.8),
    PhoneSegment("F", 1.8, 1.92),
    PhoneSegment("SIL", 1.92, 3.0),
)
CLIP = Clip("one", np.zeros(48_000, np.float32), PHONES)


def _curve(closed: slice) -> np.ndarray:
    curve = np.zeros(75)
    curve[25:48] = 10.0
    curve[closed] = 0.2
    return curve


def test_closures_and_touches():
    good = LipTrack(_curve(slice(35, 37)), teeth=np.where(np.arange(75) >= 45, -1.0, 5.0))
    figures = closure_figures([CLIP], [good], FPS)
    assert figures["bilabial_closure"] == 100
    assert figures["labiodental_touch"] == 100
    assert figures["false_closure"] == 0
    assert figures["bilabials"] == 1
    bad = LipTrack(_curve(slice(28, 30)), teeth=np.full(75, 5.0))
    figures = closure_figures([CLIP], [bad], FPS)
    assert figures["bilabial_closure"] == 0
    assert figures["labiodental_touch"] == 0
    assert figures["false_closure"] == 50
    assert "labiodental_touch" not in closure_figures([CLIP], [LipTrack(_curve(slice(0)))], FPS)
    assert labiodental_touches(np.full(75, 0.4), FPS, PHONES) == [True]


def test_wrong_lips_name_the_place():
    bad = LipTrack(_curve(slice(28, 30)), teeth=np.full(75, 5.0))
    lines = wrong_lips([CLIP], [bad], FPS, 5)
    assert len(lines) == 3
    assert lines[0] == "open: 10.0 mm [SIL AA B AA F] at 1.40-1.48 s of one"
    assert lines[1].startswith("off the teeth: 5.0 mm [B AA F SIL SIL]")
    assert lines[2].startswith("closed: up to 10.0 mm [SIL SIL AA B AA] at 1.00-1.40 s")


def test_agreement_with_a_late_copy():
    reference = np.random.default_rng(0).random(75)
    late = LipTrack(np.roll(reference, 2) * 3)
    figures = agreement([late], [LipTrack(reference)])
    assert figures["lag"] == 2
    assert figures["r_at_lag"] == pytest.approx(1)
    assert figures["r"] < 0.5
    longer = LipTrack(np.append(reference, 0.3))
    assert agreement([longer], [LipTrack(reference)])["r"] == pytest.approx(1)
    assert lowest_r([CLIP, CLIP], [longer, late], [LipTrack(reference)] * 2, 1)[0] != "r 1.00 one"


def test_channels_that_stand_still_in_the_reference_do_not_count():
    rng = np.random.default_rng(0)
    reference, moved = np.zeros((50, 52), np.float32), rng.random((50, 52)).astype(np.float32)
    reference[:, ARKIT_INDEX["jawOpen"]] = moved[:, ARKIT_INDEX["jawOpen"]] * 0.5
    assert channel_agreement([of_expression(moved)], [of_expression(reference)]) == pytest.approx(1, abs=1e-6)
    reference[:, ARKIT_INDEX["mouthFunnel"]] = 1 - moved[:, ARKIT_INDEX["mouthFunnel"]]
    assert channel_agreement([of_expression(moved)], [of_expression(reference)]) == pytest.approx(0, abs=1e-6)


def test_pauses_without_their_edges():
    track = LipTrack(_curve(slice(0)))
    still = pause_curves([CLIP], [track], FPS)
    assert [len(curve) for curve in still] == [17, 19]  # middles within 0.15-0.85 s, 2.07-2.85 s
    assert pause_motion(still, 10.0) == {"pauses": 2.0, "std": 0.0, "worst": 0.0}
    restless = pause_motion([np.array([0.0, 2.0]), np.zeros(5)], 10.0)
    assert restless["worst"] == pytest.approx(10)
    assert restless["std"] == pytest.approx(10 / np.sqrt(2))


def test_the_energy_opens_a_mouth_30_db_wide():
    times = np.arange(32_000) / 16_000
    samples = (np.sin(2 * np.pi * 200 * times) * np.where(times < 1, 1.0, 0.1)).astype(np.float32)
    curve = envelope_source(Clip("tone", samples, ()), FPS).aperture
    assert len(curve) == 50
    assert curve[5:20] == pytest.approx(np.full(15, 3.0), abs=0.02)
    assert curve[30:45] == pytest.approx(np.full(15, 1.0), abs=0.02)  # 20 dB less


def test_values_at_frames_are_those_of_their_middles():
    values = at_frames(np.array([0.0, 1.0]), np.array([[0.0, 2.0], [1.0, 2.0]]), 5, 5.0)
    assert values[:, 0] == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])
    assert values[:, 1] == pytest.approx([2.0] * 5)
