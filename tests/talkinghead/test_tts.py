"""Speech from text."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from face3d.errors import InputError
from talkinghead.media.audio import AudioFile
from talkinghead.tts import MAX_CHARACTERS, check_text, synthesize


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


@pytest.mark.parametrize("text", ["你好，世界", "Привет мир", "नमस्ते दुनिया", "مرحبا بالعالم"])
def test_other_scripts(text: str) -> None:
    with pytest.raises(InputError, match="speaks English only"):
        check_text(text)


def test_a_foreign_word_in_an_english_text_is_fine() -> None:
    check_text("The Greek letter π is the ratio that everybody knows.")


def test_too_long() -> None:
    with pytest.raises(InputError, match="at most"):
        check_text("a " * MAX_CHARACTERS)


def test_no_voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hibari", None)
    with pytest.raises(InputError, match=r"-m pip install hibari-tts\.$"):
        synthesize("Hello.", tmp_path / "a.wav")
