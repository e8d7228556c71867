import numpy as np
import pytest

from scripts.lab.speech.corpus.phones import PHONES, PhoneSegment
from scripts.lab.speech.teacher.teacher import teach
from scripts.lab.speech.teacher.visemes import CALIBRATED
from talkinghead.speech.perform.mouth import GATES, POSE_CHANNELS, assemble, lip_gap_mm

JAW, PUCKER = POSE_CHANNELS.index("jawOpen"), POSE_CHANNELS.index("mouthPucker")


def _say(phones: str, length: float = 0.1, silence: float = 0.5):
    segments = [PhoneSegment("SIL", 0, silence)]
    for name in phones.split():
        segments.append(PhoneSegment(name, segments[-1].end, segments[-1].end + length))
    segments.append(PhoneSegment("SIL", segments[-1].end, segments[-1].end + silence))
    return segments, teach(segments, np.full(int(segments[-1].end * 100) // 2 * 2, -20.0))


def _at(segments, index: int) -> int:
    return int((segments[index + 1].start + segments[index + 1].end) / 2 * 50)


def test_every_phone_has_a_viseme():
    assert set(CALIBRATED.visemes) == set(PHONES)
    assert all(set(v.targets) <= set(POSE_CHANNELS) for v in CALIBRATED.visemes.values())


@pytest.mark.parametrize("phone", ["P", "B", "M"])
@pytest.mark.parametrize("vowel", ["AA", "IY", "UW"])
def test_bilabials_close_between_open_vowels(phone, vowel):
    segments, motion = _say(f"{vowel} {phone} {vowel}", 0.12)
    gap = lip_gap_mm(assemble(motion.pose, motion.gates))
    assert gap[_at(segments, 1)] < 0.1
    assert gap[_at(segments, 0)] > 1.5
    assert gap[_at(segments, 2)] > 1.5
    assert (gap < 0.5).sum() - (motion.gates[:, 2] > 0.8).sum() >= 3  # 60 ms and more


def test_rounding_starts_before_the_vowel():
    segments, motion = _say("T T UW T T")
    before = motion.pose[_at(segments, 1), PUCKER]
    assert before > 0.15
    assert motion.pose[_at(segments, 2), PUCKER] > before


def test_sibilants_narrow_the_jaw():
    segments, motion = _say("AA S AA")
    # Filmed lips part by 6 to 8 mm at s where the vowels around it part them by 11.
    assert motion.pose[_at(segments, 1), JAW] < 0.6 * motion.pose[_at(segments, 0), JAW]


def test_silence_rests_and_short_pauses_do_not():
    _, motion = _say("AA T")
    rest = motion.gates[:, GATES.index("rest")]
    assert rest[:10].min() == 1
    assert rest[-10:].min() == 1
    segments = [PhoneSegment("AA", 0, 0.3), PhoneSegment("SIL", 0.3, 0.4), PhoneSegment("AA", 0.4, 0.8)]
    assert not teach(segments, np.full(80, -20.0)).gates[:, 2].any()


def test_louder_vowels_open_wider():
    segments, _ = _say("T AA T AA T AA T")
    loudness = np.full(170, -25.0)
    loudness[int(segments[4].start * 100) : int(segments[4].end * 100)] = -10
    pose = teach(segments, loudness).pose[:, JAW]
    assert pose[_at(segments, 3)] > 1.1 * pose[_at(segments, 1)]


def test_lips_do_not_open_to_close_for_a_first_or_last_bilabial():
    segments, motion = _say("B AA M")
    gap = lip_gap_mm(assemble(motion.pose, motion.gates))
    first, last = segments[1], segments[-2]
    assert gap[: int(first.end * 50) - 1].max() < 1
    assert gap[int(last.start * 50) + 2 :].max() < 1
    assert gap.max() > 5
