"""The training code on a tiny corpus that it makes itself; engines and the aligner only where they are installed."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from scripts.lab.speech.corpus.corpus import Utterance, load_utterance, save_utterance
from scripts.lab.speech.corpus.phones import PhoneSegment
from scripts.lab.speech.corpus.sentences import make_sentences
from scripts.lab.speech.encoder.augment import AugmentOptions, augment, noise_pool
from scripts.lab.training.loop import Run
from talkinghead.speech.hear.features import FEATURES, MEL_BANDS
from talkinghead.speech.hear.network import NetworkSize, SpeechNetwork
from talkinghead.speech.hear.weights import load_network, save_network

TINY = NetworkSize(phonetic_width=16, phonetic_dilations=(1, 2), motion_width=8, motion_dilations=(1,))


def _utterance(seed: int) -> Utterance:
    rng = np.random.default_rng(seed)
    names = ["SIL", "M", "AA", "S", "UW", "P", "IY", "SIL"]
    edges = np.cumsum([0, 0.2, 0.1, 0.2, 0.15, 0.2, 0.1, 0.2, 0.2])
    samples = (0.1 * rng.standard_normal(int(edges[-1] * 16_000))).astype(np.float32)
    phones = [PhoneSegment(n, float(a), float(b)) for n, a, b in zip(names, edges[:-1], edges[1:], strict=True)]
    return Utterance(samples, phones, "test", "my sue peas")


def test_sentences_repeat_and_development_differs():
    one = make_sentences(30, np.random.default_rng(3))
    assert one == make_sentences(30, np.random.default_rng(3))
    assert "{" not in " ".join(one)
    assert not set(one) & set(make_sentences(30, np.random.default_rng(3), development=True))


def test_utterances_survive_the_disk(tmp_path):
    utterance = _utterance(0)
    save_utterance(tmp_path / "a.npz", utterance)
    read = load_utterance(tmp_path / "a.npz")
    assert np.abs(read.samples - utterance.samples).max() < 1e-4
    assert [p.name for p in read.phones] == [p.name for p in utterance.phones]
    assert read.phones[3].start == pytest.approx(utterance.phones[3].start)


def test_augmentation_is_finite_and_repeats():
    mel = np.log(np.random.default_rng(0).random((300, MEL_BANDS)).astype(np.float32) + 1e-6)
    pool = noise_pool(np.random.default_rng(0), [mel] * 6, 2)
    for seed in range(20):
        one, two = (augment(mel, pool, np.random.default_rng(seed), AugmentOptions()) for _ in range(2))
        assert one.shape == mel.shape
        assert np.isfinite(one).all()
        assert np.array_equal(one, two)


def _corpus(folder):
    for part, seeds in (("train", range(8)), ("development", range(8, 10))):
        (folder / part).mkdir()
        for seed in seeds:
            save_utterance(folder / part / f"{seed}.npz", _utterance(seed))


def distance(one, other):
    """Summed over all weights."""
    return sum(float((a - b).abs().sum().detach()) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_training_learns_repeats_and_goes_on(tmp_path):
    from scripts.lab.speech.encoder.trainer import Places, TrainOptions, train

    _corpus(tmp_path)
    options = TrainOptions(
        steps=6, phone_share=0.4, batch=2, crop_seconds=1.0, seed=3, augment=AugmentOptions(pool_seconds=2)
    )

    def run(checkpoint=None, stop=None, seed=3):
        asked = Run(checkpoint, report=lambda line: None, stop=stop)
        return train(Places(tmp_path), replace(options, seed=seed), size=TINY, run=asked)[0]

    whole, again = run(), run()
    run(tmp_path / "run" / "c.safetensors", stop=4)
    resumed = run(tmp_path / "run" / "c.safetensors")
    torch.manual_seed(3)
    learnt = distance(whole, SpeechNetwork(TINY))
    assert learnt > 0
    # Adam turns a rounded gradient of nothing into a whole step: what is promised is the same way, not the same bits.
    assert distance(whole, again) < 0.02 * learnt
    assert distance(whole, resumed) < 0.02 * learnt
    assert distance(whole, run(seed=4)) > 0.2 * learnt


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    from scripts.lab.speech.encoder.trainer import Places, TrainOptions, train

    _corpus(tmp_path)
    places, run = Places(tmp_path), Run(tmp_path / "c.safetensors", report=lambda line: None)
    short = AugmentOptions(pool_seconds=2)
    train(places, TrainOptions(steps=1, batch=2, crop_seconds=1.0, augment=short), size=TINY, run=run)
    with pytest.raises(ValueError, match="another run"):
        train(places, TrainOptions(steps=2, batch=2, crop_seconds=1.0, augment=short), size=TINY, run=run)


def test_weights_survive_the_disk(tmp_path):
    network = SpeechNetwork(TINY).eval()
    save_network(network, tmp_path / "w.safetensors", {"seed": 1})
    features = torch.randn(1, 40, FEATURES)
    read = load_network(tmp_path / "w.safetensors")
    assert read.size == TINY
    assert torch.allclose(read(features).pose, network(features).pose, atol=0.02)


@pytest.mark.slow
def test_the_aligner_finds_words_in_synthetic_speech():
    pytest.importorskip("pocketsphinx", reason="the aligner is in the extra [train]")
    pytest.importorskip("hibari", reason="the voice is in the extra [tts]")
    from scripts.lab.speech.corpus.alignment import PhoneAligner
    from scripts.lab.speech.corpus.voices import Synthesiser

    text = "Mary bought a blue map."
    samples = Synthesiser().speak("hibari:1.00:1.00:1.00", text).samples
    phones = PhoneAligner().align(samples, text)
    assert phones is not None
    spoken = [p.name for p in phones if p.name != "SIL"]
    assert spoken[0] == "M"
    assert spoken[-3:] == ["M", "AE", "P"]
    assert spoken.count("B") == 2
    assert all(a.end == pytest.approx(b.start, abs=0.011) for a, b in itertools.pairwise(phones))
