"""Who reads what: seeds, shares of words, held-out voices, rounds."""

from __future__ import annotations

import itertools
import re
from collections import Counter

import numpy as np
import pytest

from scripts.lab.speech.corpus.build import BuildOptions, synthetic_plan
from scripts.lab.speech.corpus.languages import ESPEAK_VOICES, KOKORO_VOICES, foreign_readings, kokoro_speakers, texts
from scripts.lab.speech.corpus.plan import HELD_OUT_KOKORO, Reading, Speaker, readings, rounds
from scripts.lab.speech.corpus.pronunciations import agree, agreed_words, arpabet, read_dictionary
from scripts.lab.speech.corpus.random_text import RandomText, share_of_words

WORDS = {
    f"{a}{b}{c}": (x, y, z)
    for (a, x), (b, y), (c, z) in itertools.product(
        zip("bdfgkmps", ("B", "D", "F", "G", "K", "M", "P", "S"), strict=True),
        zip("aeiou", ("AE", "EH", "IH", "AA", "AH"), strict=True),
        zip("bdfgkmps", ("B", "D", "F", "G", "K", "M", "P", "S"), strict=True),
    )
}


def test_pronunciations_agree_where_the_lips_do():
    assert arpabet("bˈʌɾəɹ") == ("B", "AH", "T", "ER")
    assert arpabet("ʤˈuᵊl") == ("JH", "UW", "AH", "L")
    assert arpabet("x") is None
    assert agree(("B", "AH", "T"), ("B", "IH", "D"))
    assert not agree(("B", "AH", "T"), ("P", "AH", "T"))
    assert not agree(("B", "AH", "T"), ("B", "AH", "T", "S"))


def test_words_on_which_lexicon_and_dictionary_differ_are_left_out(tmp_path):
    path = tmp_path / "some.dict"
    path.write_text("bat B AE T\nbow B AW\nbow(2) B OW\nlead L EH D\nBob B AA B\n", encoding="utf-8")
    dictionary = read_dictionary(path)
    lexicon = {"bow": "bˈO", "bat": "bˈæt", "lead": "lˈid", "cat": "kˈæt", "Bob": "bˈɑb"}
    assert agreed_words(lexicon, dictionary) == {"bat": ("B", "AE", "T"), "bow": ("B", "OW")}


def test_random_text_repeats_and_prefers_unheard_neighbours():
    one, two = (list(itertools.islice(RandomText(WORDS, np.random.default_rng(5)), 40)) for _ in range(2))
    assert one == two

    def most_repeated(sentences: list[str]) -> int:
        spoken = [WORDS[w] for s in sentences for w in re.findall("[a-z]+", s.lower()) if w in WORDS]
        return max(Counter(pair for phones in spoken for pair in itertools.pairwise(phones)).values())

    drawn = np.random.default_rng(5).choice(list(WORDS), size=sum(len(s.split()) for s in one))
    assert most_repeated(one) < most_repeated([" ".join(drawn)])


def test_training_and_development_share_no_words():
    train, development = (share_of_words(WORDS, part) for part in (False, True))
    assert development
    assert not set(train) & set(development)
    assert set(train) | set(development) == set(WORDS)


def test_more_sentences_change_none():
    speaker = Speaker("kokoro:af_sky")
    first = list(itertools.islice(readings(speaker, WORDS), 5))
    assert list(itertools.islice(readings(speaker, WORDS), 9))[:5] == first
    assert all(reading.voice.startswith("kokoro:af_sky:") for reading in first)
    assert len({reading.voice for reading in first}) > 1


def test_rounds_let_everyone_speak_in_turn():
    def numbered(name: str, count: int) -> list[Reading]:
        return [Reading(Speaker(name), name, str(i)) for i in range(count)]

    groups = [([iter(numbered("a", 9)), iter(numbered("b", 1))], 2), ([iter(numbered("c", 9))], 1)]
    assert [r.speaker.name + r.text for r in rounds(groups, 2)] == ["a0", "a1", "b0", "c0", "a2", "a3", "c1"]


@pytest.fixture(scope="module")
def plan() -> list[Reading]:
    return synthetic_plan(WORDS, BuildOptions(turns=1, hibari=24, between=12))


def test_held_out_voices_are_in_no_training_reading(plan):
    held_out = {*HELD_OUT_KOKORO, "em_santa", "hm_psi", "im_nicola", "jf_tebukuro", "pm_santa", "zm_yunyang", "awb"}
    for reading in plan:
        voices = set(re.split("[:+@]", reading.voice))
        assert not voices & held_out or reading.speaker.development, reading
    assert {r.speaker.name.partition(":")[2] for r in plan if r.speaker.development} >= held_out


def test_development_speakers_read_sentences_of_their_own(plan):
    spoken = [{r.text for r in plan if r.speaker.development is part and len(r.text) > 20} for part in (True, False)]
    assert spoken[0]
    assert not spoken[0] & spoken[1]


def test_quick_engines_come_first(plan):
    engines = [reading.speaker.engine for reading in plan]
    assert "kokoro" not in engines[: engines.index("kokoro")]
    assert set(engines[engines.index("kokoro") :]) == {"kokoro"}


def test_every_language_has_texts_and_a_development_voice():
    for language in ESPEAK_VOICES:
        train, development = texts(language, False), texts(language, True)
        assert len(train) >= 20
        assert len(development) >= 4
        assert not set(train) & set(development)
    for language, names in KOKORO_VOICES.items():
        parts = {s.development for s in kokoro_speakers() if s.language == language}
        assert parts == ({True, False} if len(names) > 1 else {False})


def test_readings_of_other_languages_repeat():
    speaker = Speaker("espeak:fr+f2", "fr")
    one, two = (list(itertools.islice(foreign_readings(speaker), 30)) for _ in range(2))
    assert one == two
    assert any(re.fullmatch(r"\d+, \d+, \d+\.", reading.text) for reading in one)
    assert len({reading.text for reading in one}) > 25
