import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkinghead.speech.hear.features import (
    FEATURES,
    MEL_BANDS,
    LevelNormaliser,
    log_mel_stream,
    mean_speech,
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


def observed_slowly(normaliser, frames, loudness):
    """`LevelNormaliser.observe`, one frame after the other as its text says."""
    o, mean, weight, peak = (
        normaliser.options,
        np.repeat(mean_speech()[None], frames.shape[0], 0),
        np.full(frames.shape[0], normaliser.options.prior),
        np.full(frames.shape[0], normaliser.options.audible_db + 20.0),
    )
    means, peaks = np.empty(frames.shape), np.empty(loudness.shape)
    for i in range(frames.shape[1]):
        level = loudness[:, i]
        peak = np.maximum(np.maximum(level, peak - o.peak_fall_db), o.audible_db + 12.0)
        active = 1 / (1 + np.exp(-(level - peak - o.active_db) / 3)) / (1 + np.exp(-(level - o.audible_db) / 3))
        weight = weight + active
        mean = mean + (active / weight)[:, None] * (frames[:, i] - mean)
        weight = np.minimum(weight, o.memory)
        means[:, i], peaks[:, i] = mean, peak
    return means, peaks


@pytest.mark.parametrize("seed", range(8))
def test_levels_are_observed_as_the_slow_reference_does(seed):
    draw = np.random.default_rng(seed)
    frames = draw.normal(-8, 3, (3, 300, MEL_BANDS)).astype(np.float32)
    loudness = draw.normal(-30, 25, (3, 300))
    normaliser = LevelNormaliser(3)
    cut = int(draw.integers(0, 301))
    parts = [normaliser.observe(frames[:, part], loudness[:, part]) for part in (slice(0, cut), slice(cut, None))]
    means, peaks = (np.concatenate(pieces, 1) for pieces in zip(*parts, strict=True))
    expected_means, expected_peaks = observed_slowly(LevelNormaliser(3), frames, loudness)
    np.testing.assert_allclose(peaks, expected_peaks, atol=1e-9)
    np.testing.assert_allclose(means, expected_means, atol=1e-5)
