"""Other languages than English: texts of our own, and which voices read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from scripts.lab.speech.corpus.plan import Reading, Speaker, variation

# Language -> name of its espeak-ng voice.
ESPEAK_VOICES = {
    "es": "es", "fr": "fr", "de": "de", "it": "it", "pt": "pt-br", "ru": "ru", "hi": "hi", "ja": "ja",
    "cmn": "cmn-latn-pinyin",
}  # fmt: skip
_VARIANTS = ("", "+f2", "+m3", "+f4", "+m7", "+f5")
_DEVELOPMENT_VARIANT = "+m5"
KOKORO_VOICES = {
    "es": ("ef_dora", "em_alex", "em_santa"),
    "fr": ("ff_siwis",),
    "hi": ("hf_alpha", "hf_beta", "hm_omega", "hm_psi"),
    "it": ("if_sara", "im_nicola"),
    "ja": ("jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo"),
    "pt": ("pf_dora", "pm_alex", "pm_santa"),
    "cmn": ("zf_xiaobei", "zf_xiaoni", "zf_xiaoxiao", "zf_xiaoyi", "zm_yunjian", "zm_yunxi", "zm_yunxia", "zm_yunyang"),
}
_DEVELOPMENT_KOKORO = ("em_santa", "hm_psi", "im_nicola", "jf_tebukuro", "pm_santa", "zm_yunyang")
_TEXTS = Path(__file__).parent / "texts"
_DEVELOPMENT_LINE = 6  # every sixth line of a language's texts is read by the development voices alone


def kokoro_training_voices() -> list[str]:
    """Voices of other languages that training may hear, in any language."""
    return [name for names in KOKORO_VOICES.values() for name in names if name not in _DEVELOPMENT_KOKORO]


def espeak_speakers() -> list[Speaker]:
    """Variants of espeak-ng in every language, one of them for development."""
    speakers = [
        Speaker(f"espeak:{voice}{_DEVELOPMENT_VARIANT}", language, development=True, limit=6)
        for language, voice in ESPEAK_VOICES.items()
    ]
    for variant in _VARIANTS:
        speakers += [Speaker(f"espeak:{v}{variant}", language, limit=40) for language, v in ESPEAK_VOICES.items()]
    return speakers


def kokoro_speakers() -> list[Speaker]:
    """Kokoro's voices in their own languages; where a language has two or more, one is for development."""
    speakers = []
    for language, names in KOKORO_VOICES.items():
        for name in names:
            held_out = name in _DEVELOPMENT_KOKORO
            speakers.append(Speaker(f"kokoro:{name}", language, held_out, limit=8 if held_out else 1000))
    return sorted(speakers, key=lambda speaker: not speaker.development)


def texts(language: str, development: bool) -> list[str]:
    """The sentences of a language for training or development."""
    lines = (_TEXTS / f"{language}.txt").read_text(encoding="utf-8").split("\n")
    lines = [line for line in lines if line.strip()]
    return [line for i, line in enumerate(lines) if (i % _DEVELOPMENT_LINE == 5) == development]


def foreign_readings(speaker: Speaker) -> Iterator[Reading]:
    """All sentences of a speaker of another language: whole ones, shuffled words of several, and numbers."""
    rng = np.random.default_rng(speaker.seed())
    sentences = texts(speaker.language, speaker.development)
    words = sorted({word for line in sentences for word in re.sub(r"[.,;:!?¿¡。、।]", " ", line).split()})
    order: list[str] = []
    for _ in range(speaker.limit):
        draw = rng.random()
        if draw < 0.45:
            order = order or [str(line) for line in rng.permutation(sentences)]
            text = order.pop()
        elif draw < 0.9 or (speaker.language == "cmn" and speaker.engine == "kokoro"):  # digits are no pinyin
            chosen = [str(word) for word in rng.choice(words, size=int(rng.integers(4, 9)))]
            text = " ".join(chosen[:3]) + ", " + " ".join(chosen[3:]) + "."
        else:
            text = ", ".join(str(int(10 ** rng.uniform(0.3, 4.5))) for _ in range(3)) + "."
        yield Reading(speaker, f"{speaker.name}:{variation(speaker.engine, rng)}", text)
