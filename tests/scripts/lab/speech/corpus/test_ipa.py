"""Phones of other languages in ARPAbet classes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from scripts.lab.speech.corpus.ipa import arpabet_classes, phone_segments
from scripts.lab.speech.corpus.phones import PHONES

RATE = 16_000


@pytest.mark.parametrize(
    ("ipa", "classes"),
    [
        ("p", ("P",)), ("pʰ", ("P",)), ("ph", ("P",)), ("pʲ", ("P",)), ("b", ("B",)), ("bʰ", ("B",)), ("m", ("M",)),
        ("mʲ", ("M",)), ("β", ("B",)), ("f", ("F",)), ("v", ("V",)), ("vʲ", ("V",)), ("ʋ", ("V",)), ("pf", ("P", "F")),
        ("y", ("UW",)), ("yː", ("UW",)), ("ø", ("UH",)), ("ɔ̃", ("AO",)), ("ã", ("AA",)), ("ẽ", ("EH",)),
        ("ɛ̃", ("EH",)), ("ä", ("AA",)), ("ç", ("HH",)), ("c̩", ("CH",)), ("r", ("L",)), ("ɾ", ("D",)), ("tɕh", ("CH",)),
        ("ts.h", ("CH",)), ("tsʲ", ("T", "S")), ("aɪ", ("AY",)), ("ja", ("Y", "AA")), ("iʊ", ("IY", "UH")),
        ("ɐ̃ʊ̃", ("AH", "UH")), ("uai", ("W", "AY")), ("ˈe", ("EH",)), ("a→", ("AA",)), ("ʔ", ()), ("", ()), ("ʲ", ()),
    ],
)  # fmt: skip
def test_the_class_is_the_one_of_the_same_lips(ipa, classes):
    assert arpabet_classes(ipa) == classes


def test_letters_that_mean_something_else_in_one_language():
    assert arpabet_classes("y", "fr") == ("UW",)
    assert arpabet_classes("y", "ru") == ("IH",)
    assert arpabet_classes("ũ", "ja") == ("NG",)
    assert arpabet_classes("ũ", "pt") == ("UW",)


def test_an_unknown_letter_is_no_silence():
    with pytest.raises(KeyError, match="ʘ"):
        arpabet_classes("ʘa", "xx")


def test_only_our_classes_come_out():
    from scripts.lab.speech.corpus.ipa import _CLASSES

    assert {name for classes in _CLASSES.values() for name in classes} <= set(PHONES)


def _sound(loud: list[tuple[float, float]], seconds: float = 1.0) -> np.ndarray:
    sound = np.zeros(int(seconds * RATE), np.float32)
    for start, end in loud:
        sound[int(start * RATE) : int(end * RATE)] = 0.5
    return sound


def test_segments_are_gapless_and_compounds_share_their_time():
    timed = [("m", 0.1, 0.2), ("ja", 0.2, 0.5), ("s", 0.5, 0.6)]
    segments = phone_segments(timed, _sound([(0.1, 0.6)]), "ru")
    assert [s.name for s in segments] == ["SIL", "M", "Y", "AA", "S", "SIL"]
    assert segments[0].start == 0
    assert segments[-1].end == 1
    assert all(a.end == b.start for a, b in itertools.pairwise(segments))
    assert segments[3].end - segments[3].start == pytest.approx(0.2)


def test_an_unnamed_stretch_is_a_pause_only_where_it_is_quiet():
    timed = [("a", 0.0, 0.3), ("", 0.3, 0.5), ("p", 0.5, 0.7), ("", 0.7, 1.0)]
    segments = phone_segments(timed, _sound([(0, 0.7)]), "es")
    assert [s.name for s in segments] == ["AA", "P", "SIL"]
    assert segments[0].end == 0.5
    segments = phone_segments(timed, _sound([(0, 0.3), (0.5, 0.7)]), "es")
    assert [s.name for s in segments] == ["AA", "SIL", "P", "SIL"]


def test_the_last_phone_ends_with_its_sound():
    segments = phone_segments([("m", 0.0, 0.3), ("a", 0.3, 0.9), ("", 0.9, 1.0)], _sound([(0, 0.6)]), "ja")
    assert [(s.name, s.end) for s in segments] == [("M", 0.3), ("AA", pytest.approx(0.6)), ("SIL", 1.0)]
