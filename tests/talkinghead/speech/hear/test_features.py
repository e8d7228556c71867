import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from talkinghead.speech.hear.features import (
    FEATURES,
    MEL_BANDS,
    log_mel_stream,
    mel_filters,
    normalised,
    normalised_stream,
)


def _sound(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    envelope = 0.05 + np.abs(np.sin(np.arange(count) / 3000))
    return (0.1 * envelope * rng.standard_normal(count)).astype(np.float32)


def test_filters_are_averages():
    filters = mel_filters()
    assert filters.shape == (257, MEL_BANDS)
    assert np.allclose(filters.sum(0), 1, atol=1e-5)
    assert (np.diff(filters.argmax(0)) >= 0).all()


def test_a_sine_peaks_in_its_band():
    time = np.arange(16_000) / 16_000
    for hertz in (200, 1000, 4000):
        mel = np.concatenate(list(log_mel_stream([np.sin(2 * np.pi * hertz * time).astype(np.float32)])))
        bin_of_tone = round(hertz * 512 / 16_000)
        assert abs(int(mel[50].argmax()) - int(mel_filters()[bin_of_tone].argmax())) <= 1


@given(count=st.integers(0, 9000), cuts=st.lists(st.integers(0, 9000), max_size=6), block=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_chunks_do_not_change_mels(count, cuts, block):
    sound = _sound(count)
    whole = list(log_mel_stream([sound], block))
    pieces = list(log_mel_stream(np.split(sound, sorted(min(c, count) for c in cuts)), block))
    assert sum(map(len, whole)) == -(-count // 160)
    for a, b in zip(whole, pieces, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4)


def test_streamed_normalisation_equals_the_whole():
    mel = np.concatenate(list(log_mel_stream([_sound(80_000)])))
    whole = normalised(mel[None])[0]
    for parts in (1, 3, 17):
        pieces = np.concatenate([f for f, _ in normalised_stream(np.array_split(mel, parts))])
        assert pieces.shape == (len(mel), FEATURES)
        np.testing.assert_allclose(pieces, whole, rtol=0, atol=1e-4)


def test_gain_hardly_matters():
    sound = _sound(64_000)
    quiet, loud = (
        normalised(np.concatenate(list(log_mel_stream([sound * g])))[None])[0, 200:, :MEL_BANDS] for g in (0.2, 1.0)
    )
    assert np.abs(quiet - loud).mean() < 0.1
