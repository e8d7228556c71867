"""Making the corpus: resumable, refusals remembered, disturbances, labels checked; Kokoro's file and letters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.lab.speech.corpus.build import build_disturbances, build_readings, build_recordings
from scripts.lab.speech.corpus.corpus import load_utterance, reading_path, utterances
from scripts.lab.speech.corpus.disturbances import KINDS, disturbance
from scripts.lab.speech.corpus.kokoro import with_output
from scripts.lab.speech.corpus.kokoro_letters import from_ipa, from_pinyin
from scripts.lab.speech.corpus.label_check import check_labels
from scripts.lab.speech.corpus.phones import PhoneSegment
from scripts.lab.speech.corpus.plan import Reading, Speaker
from scripts.lab.speech.corpus.recordings import Recording, grid, ljspeech
from scripts.lab.speech.corpus.voices import Speech, _phones_of_letters

RATE = 16_000


class _Voice:
    """Speaks half a second of a tone; knows the phones of other languages than English."""

    def __init__(self, breaks_at: int = 1000) -> None:
        self.spoken: list[str] = []
        self._breaks_at = breaks_at

    def speak(self, voice: str, text: str, language: str = "en") -> Speech:
        if len(self.spoken) == self._breaks_at:
            raise KeyboardInterrupt
        self.spoken.append(text)
        phones = None if language == "en" else [PhoneSegment("AA", 0.0, 0.5)]
        return Speech(np.sin(np.arange(RATE // 2) * 0.1).astype(np.float32) * 0.7, phones)


class _Aligner:
    """Refuses whatever contains "bad"."""

    def __init__(self) -> None:
        self.learned: list[str] = []

    def knows(self, word: str) -> bool:
        return word != "zzyzx"

    def learn(self, word: str, phones: tuple[str, ...]) -> None:
        self.learned.append(word)

    def align(self, samples: np.ndarray, text: str) -> list[PhoneSegment] | None:
        return None if "bad" in text else [PhoneSegment("M", 0.0, len(samples) / RATE)]


def _plan() -> list[Reading]:
    english, french = Speaker("hibari:1.00:1.00"), Speaker("espeak:fr+f2", "fr", development=True)
    plan = [Reading(english, f"{english.name}:1.00", text) for text in ("one", "bad two", "three")]
    return [*plan, Reading(french, f"{french.name}:150:50", "quatre")]


def test_an_interrupted_build_goes_on_where_it_stopped(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        build_readings(tmp_path, _plan(), _Voice(breaks_at=2), _Aligner())
    voice = _Voice()
    lines: list[str] = []
    done = build_readings(tmp_path, _plan(), voice, _Aligner(), lines.append)
    assert voice.spoken == ["three", "quatre"]
    assert done["hibari", "en", "there"] == done["hibari", "en", "made"] == done["hibari", "en", "refused"] == 1
    assert done["espeak", "fr", "made"] == 1
    assert "espeak fr: 1 made" in lines
    again = _Voice()
    build_readings(tmp_path, _plan(), again, _Aligner(), lines.append)
    assert not again.spoken


def test_readings_are_read_back_from_their_part(tmp_path):
    build_readings(tmp_path, _plan(), _Voice(), _Aligner(), lambda line: None)
    assert [u.text for u in utterances(tmp_path, "development")] == ["quatre"]
    assert sorted(u.text for u in utterances(tmp_path, "train")) == ["one", "three"]
    path = reading_path(tmp_path, _plan()[3])
    assert path.parent == tmp_path / "development" / "espeak_fr+f2_fr"
    read = load_utterance(path)
    assert read.voice == "espeak:fr+f2:150:50"
    assert [p.name for p in read.phones] == ["AA"]


def test_recordings_are_aligned_once_and_words_learnt(tmp_path, monkeypatch):
    monkeypatch.setattr(Recording, "samples", lambda self: np.zeros(RATE, np.float32))
    monkeypatch.setattr("scripts.lab.speech.corpus.corpus.guessed", lambda word: ("Z", "IH", "Z"))
    recordings = [
        Recording(Path("a.flac"), "see zzyzx", "train", "someone"),
        Recording(Path("b.flac"), "bad", "train", "someone"),
    ]
    aligner = _Aligner()
    done = build_recordings(tmp_path, recordings, "set", aligner)
    assert done == {"made": 1, "refused": 1}
    assert aligner.learned == ["zzyzx"]
    assert (tmp_path / "train" / "someone" / "a.npz").exists()
    assert build_recordings(tmp_path, recordings, "set", aligner)["there"] == 1


def test_disturbances_are_rest_and_repeat(tmp_path):
    assert build_disturbances(tmp_path, 1) == {"made": len(KINDS)}
    assert build_disturbances(tmp_path, 1) == {"there": len(KINDS)}
    for utterance in utterances(tmp_path, "train"):
        assert [p.name for p in utterance.phones] == ["SIL"]
        assert 0 < np.abs(utterance.samples).max() <= 0.8
    one, two = (disturbance("laughter", np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one, two)


def test_clips_of_grid_but_the_held_out_ones(tmp_path):
    for name in ("bbaf2n.mp4", "lbax4n.mp4", "grid_bbaf2n.mpg", "grid_lwbsza.mpg", "notes.txt"):
        (tmp_path / name).touch()
    assert [(r.path.name, r.speaker) for r in grid(tmp_path)] == [
        ("bbaf2n.mp4", "grid_s1"),
        ("grid_bbaf2n.mpg", "grid_bbaf2n"),
    ]


def test_ljspeech_needs_words(tmp_path):
    (tmp_path / "metadata.csv").write_text("LJ001-0008|x|never surpassed.\n", encoding="utf-8")
    for name in ("LJ001-0008", "LJ001-0020", "LJ999-0001"):
        (tmp_path / f"{name}.flac").touch()
    found = {r.path.stem: (r.part, r.text) for r in ljspeech(tmp_path)}
    assert found["LJ001-0008"] == ("train", "never surpassed.")
    assert found["LJ001-0020"][0] == "development"
    assert len(found) == 2


def test_an_output_is_added_to_a_network_file():
    # field 7 (graph), 2-byte message: field 12 (output) -> field 1 (name)
    assert with_output(b"model", "ab") == b"model" + bytes([0x3A, 6, 0x62, 4, 0x0A, 2]) + b"ab"
    assert with_output(b"", "x" * 200)[:2] == bytes([0x3A, 0x80 | (206 & 127)])


def test_kokoro_letters():
    assert from_pinyin("ma1ma5 mai3 nü3er2, zhi3hao3 xue2.") == "ma→ma mai↓ ny↓aɚ↗, ꭧɨ↓xau↓ ɕɥe↗."
    assert from_ipa(["xuɣˈamos (en)tʃˈat(es)"], "es", "o") == "xuɣˈamos ʧˈat."
    assert from_ipa(["ɯᵝmˈi", "tɕˈä"], "ja", "?") == "ɯmi, ʨa?"
    assert from_ipa(["dʒy ɐ̃"], "pt", "!") == "ʤi ɐ\u0303!"


def test_stress_gives_its_time_to_the_vowel_after_it():
    letters = [("p", 0.0, 0.1), ("ˈ", 0.1, 0.15), ("a", 0.15, 0.3), (",", 0.3, 0.4)]
    assert _phones_of_letters(letters) == [("p", 0.0, 0.1), ("a", 0.1, 0.3), ("", 0.3, 0.4)]


def _labelled(shift: float) -> tuple[np.ndarray, list[PhoneSegment]]:
    """Tones where the vowels are, hiss where the sibilants are; labels later than the sound by `shift` seconds."""
    rng = np.random.default_rng(0)
    sound, phones, at = [], [], shift
    for number in range(30):
        name, length = (("AA", 0.12), ("S", 0.1), ("IY", 0.15), ("SIL", 0.2))[number % 4]
        t = np.arange(int(length * RATE)) / RATE
        hiss = np.diff(rng.standard_normal(len(t) + 1))
        sound.append({"S": 0.1 * hiss, "SIL": 1e-4 * hiss}.get(name, np.sin(2 * np.pi * 300 * t) + 1e-3 * hiss))
        phones.append(PhoneSegment(name, at, at + length))
        at += length
    return np.concatenate(sound).astype(np.float32), phones


def test_late_labels_are_found():
    right, late = check_labels([_labelled(0.0)]), check_labels([_labelled(0.04)])
    assert right.lag_ms == pytest.approx(0, abs=5)
    assert late.lag_ms == pytest.approx(-40, abs=5)
    assert right.vowel_auc > 0.95
    assert right.sibilant_auc > 0.95
    assert late.vowel_auc < right.vowel_auc
    assert right.minutes == pytest.approx(30 * 0.1425 / 60, rel=0.05)
