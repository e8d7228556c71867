"""Texts of other languages in the letters that Kokoro was trained on (misaki's: IPA with one letter per affricate)."""

from __future__ import annotations

import re

from scripts.lab.speech.corpus.ipa import decomposed

_AFFRICATES = (("tʃ", "ʧ"), ("dʒ", "ʤ"), ("ts", "ʦ"), ("dz", "ʣ"), ("tɕ", "ʨ"), ("dʑ", "ʥ"))
_DIPHTHONGS = (("aɪ", "I"), ("aʊ", "W"), ("eɪ", "A"), ("ɔɪ", "Y"), ("oɪ", "Y"), ("oʊ", "O"))
_OWN = {
    "hi": (("cʰ", "ʧʰ"), ("c", "ʧ"), ("ɟ", "ʤ"), ("r.", "ɽ")),
    "ja": (("u\u0303", "ɴ"), ("ɯᵝ", "ɯ"), ("ɽ", "ɾ"), ("\u0308", ""), ("\u031e", ""), ("ˈ", ""), ("ˌ", "")),
    "pt": (("y", "i"),),
}

_INITIALS = {
    "b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l", "g": "k", "k": "kʰ", "h": "x",
    "j": "ʨ", "q": "ʨʰ", "x": "ɕ", "zh": "ꭧ", "ch": "ꭧʰ", "sh": "ʂ", "r": "ɻ", "z": "ʦ", "c": "ʦʰ", "s": "s", "": "",
}  # fmt: skip
_FINALS = {
    "a": "a", "o": "wo", "e": "ɤ", "ai": "ai", "ei": "ei", "ao": "au", "ou": "ou", "an": "an", "en": "ən", "ang": "aŋ",
    "eng": "əŋ", "ong": "ʊŋ", "er": "aɚ", "i": "i", "ia": "ja", "ie": "je", "iao": "jau", "iu": "jou", "ian": "jɛn",
    "in": "in", "iang": "jaŋ", "ing": "iŋ", "iong": "jʊŋ", "u": "u", "ua": "wa", "uo": "wo", "uai": "wai",
    "ui": "wei", "uan": "wan", "un": "wən", "uang": "waŋ", "ü": "y", "üe": "ɥe", "üan": "ɥɛn", "ün": "yn",
}  # fmt: skip
_WHOLE = {"yi": "i", "ya": "ia", "ye": "ie", "yao": "iao", "you": "iu", "yan": "ian", "yin": "in", "yang": "iang",
          "ying": "ing", "yong": "iong", "wu": "u", "wa": "ua", "wo": "uo", "wai": "uai", "wei": "ui", "wan": "uan",
          "wen": "un", "wang": "uang", "yu": "ü", "yue": "üe", "yuan": "üan", "yun": "ün"}  # fmt: skip
_TONES = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}
_SYLLABLE = re.compile(r"([a-zü]+?)([1-5])")


def from_ipa(clauses: list[str], language: str, ending: str) -> str:
    """Letters of espeak-ng's IPA, clause by clause; `ending` is the text's last sign."""
    text = decomposed(", ".join(clauses))
    text = re.sub(r"\([a-z-]+\)|[-\"^]", "", text)  # switches of language, espeak-ng's own signs
    for written, letter in (*_OWN.get(language, ()), *_AFFRICATES, *_DIPHTHONGS):
        text = text.replace(written, letter)
    return text + (ending if ending in ".?!" else ".")


def from_pinyin(text: str) -> str:
    """Letters and tone arrows of Mandarin in pinyin with tone numbers (`ma1ma5`)."""
    return _SYLLABLE.sub(lambda match: _syllable(match.group(1)) + _TONES[match.group(2)], text)


def _syllable(pinyin: str) -> str:
    if pinyin in _WHOLE:
        return _FINALS[_WHOLE[pinyin]]
    initial = pinyin[:2] if pinyin[:2] in _INITIALS else pinyin[:1] if pinyin[:1] in _INITIALS else ""
    final = pinyin[len(initial) :]
    if initial in ("j", "q", "x") and final.startswith("u"):
        final = "ü" + final[1:]
    if final == "i" and initial in ("z", "c", "s", "zh", "ch", "sh", "r"):
        return _INITIALS[initial] + "ɨ"
    return _INITIALS[initial] + _FINALS[final]
