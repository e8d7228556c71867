"""The picture of a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.lab.speech.corpus.phones import PhoneSegment
from scripts.lab.speech.measure.clips import Clip
from scripts.lab.speech.measure.plot import draw_sentence
from talkinghead.speech.model import SpeechModel


def test_a_sentence_is_drawn(tmp_path: Path) -> None:
    names = ("SIL", "M", "AA", "F", "IY", "SIL")
    phones = tuple(PhoneSegment(name, 0.3 * i, 0.3 * (i + 1)) for i, name in enumerate(names))
    sound = (0.1 * np.random.default_rng(0).standard_normal(round(1.8 * 16_000))).astype(np.float32)
    draw_sentence(tmp_path / "curves.png", SpeechModel.load(), Clip("a sentence", sound, phones), 25.0)
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size == pytest.approx((1210, 1045), abs=2)
        colours = picture.convert("RGB").getcolors(1 << 24)
    assert len(colours) > 200, "a spectrogram and curves, not an empty page"
