"""Speech from text."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from face3d.errors import InputError
from talkinghead.media.audio import AudioFile
from talkinghead.media.tts import MAX_CHARACTERS, check_text, synthesize


@pytest.fixture
def voice() -> None:
    pytest.importorskip("hibari", reason="needs the extra [tts]")


@pytest.mark.usefixtures("voice")
def test_words_become_sound(tmp_path: Path) -> None:
    synthesize("Hello there.", tmp_path / "a.wav")
    synthesize("Hello there.", tmp_path / "b.wav")
    sound = AudioFile.open(tmp_path / "a.wav")
    assert 0.5 < sound.duration < 3
    assert max(abs(b).max() for b in sound.blocks()) > 0.05
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


@pytest.mark.usefixtures("voice")
def test_a_long_text_without_punctuation(tmp_path: Path) -> None:
    synthesize("word and " * 150, tmp_path / "a.wav")
    assert AudioFile.open(tmp_path / "a.wav").duration > 30


@pytest.mark.usefixtures("voice")
def test_accents_and_signs(tmp_path: Path) -> None:
    synthesize("Café in München, 50 % off 😀!", tmp_path / "a.wav")
    assert AudioFile.open(tmp_path / "a.wav").duration > 1


@pytest.mark.parametrize("text", ["", "   \n", "... !?", "😀"])
def test_nothing_to_say(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="text is empty"):
        synthesize(text, tmp_path / "a.wav")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("你好，世界", "你好世界"),
        ("Привет мир", "Приветм"),
        ("नमस्ते दुनिया", "नमसतद"),
        ("مرحبا بالعالم", "مرحبا"),
        ("Bonjour, ça va? 你好", "你好"),
        ("This is a long English sentence, and only its last word is not English: привет.", "привет"),
        ("こんにちは means hello", "こんにちは"),
        ("hello, 안녕", "안녕"),
        ("the year ٢٠٢٤", "٢٠٤"),
        ("Καλημέρα to all", "Καλημέρ"),
        ("שלום", "שלום"),
    ],
)
def test_other_scripts(text: str, named: str) -> None:
    """Also where they are only a small part: what is not said must not go by without a word."""
    with pytest.raises(InputError, match=f"speaks English only and cannot say {named}"):
        check_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "The Greek letter π is the ratio that everybody knows.",
        "5 µm and 3 Ω, x² and ½, № 5, ① and 1ª",
        "Café, naïve, Łódź, smørrebrød",
        "a decomposed cafe\u0301",
        "Hawaiʻi",
        "😀 fine",
    ],
)
def test_what_the_voice_can_say(text: str) -> None:
    check_text(text)


@pytest.mark.usefixtures("voice")
@pytest.mark.parametrize(("text", "noted"), [("Bonjour, ça va?", "words with ç are"), ("Good morning.", "")])
def test_accents_are_mentioned(text: str, noted: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"):
        synthesize(text, tmp_path / "a.wav")
    assert noted in caplog.text
    assert ("The voice is English" in caplog.text) == bool(noted)


@pytest.mark.usefixtures("voice")
def test_a_latin_letter_that_the_voice_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot say ħ"):
        synthesize("The reduced constant is ħ.", tmp_path / "a.wav")


def test_too_long() -> None:
    with pytest.raises(InputError, match="at most"):
        check_text("a " * MAX_CHARACTERS)


def test_no_voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hibari", None)
    with pytest.raises(InputError, match=r"-m pip install hibari-tts\.$"):
        synthesize("Hello.", tmp_path / "a.wav")
