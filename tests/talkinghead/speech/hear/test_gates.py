import numpy as np
import pytest

from talkinghead.speech.hear.gates import GATE_CONTEXT, closure_probability, decide_gates
from talkinghead.speech.hear.phones import PHONES
from talkinghead.speech.perform.mouth import GATES


def _bump(height: float, count: int = 40) -> np.ndarray:
    bump = np.exp(-0.5 * ((np.arange(count) - count // 2) / 2.5) ** 2)
    gates = np.zeros((count, len(GATES)), np.float32)
    gates[:, 0] = height * bump
    return gates


@pytest.mark.parametrize("height", [0.3, 0.6, 0.95])
def test_unsure_closures_are_full_and_as_long_as_sure_ones(height):
    decided = decide_gates(_bump(height))[:, 0]
    sure = decide_gates(_bump(1.0))[:, 0]
    assert decided.max() == 1
    assert np.allclose(decided, sure, atol=1e-5)


def test_faint_bumps_are_none():
    assert not decide_gates(_bump(0.07)).any()


def test_gates_and_phones_are_both_asked():
    gates, phones = _bump(0.6), np.zeros((40, len(PHONES)), np.float32)
    phones[:, PHONES.index("M")], phones[:, PHONES.index("B")] = 0.3 * gates[:, 0], 0.2 * gates[:, 0]
    phones[:, PHONES.index("V")] = 0.4
    joined = closure_probability(gates, phones)
    assert np.allclose(joined[:, GATES.index("bilabial")], (0.4 + 0.6 * 0.5) * gates[:, 0])
    assert np.allclose(joined[:, GATES.index("labiodental")], 0.6 * 0.4)
    assert np.array_equal(joined[:, GATES.index("rest")], gates[:, GATES.index("rest")])


def test_a_cut_with_context_decides_alike():
    gates = np.random.default_rng(0).random((60, len(GATES))).astype(np.float32)
    whole = decide_gates(gates)
    piece = decide_gates(gates[20 - GATE_CONTEXT : 40 + GATE_CONTEXT])
    np.testing.assert_allclose(piece[GATE_CONTEXT:-GATE_CONTEXT], whole[20:40], rtol=0, atol=1e-6)


def test_rest_keeps_its_level():
    gates = np.zeros((20, len(GATES)), np.float32)
    gates[:, GATES.index("rest")] = 0.05
    gates[10:, GATES.index("rest")] = 0.9
    rest = decide_gates(gates)[:, GATES.index("rest")]
    assert rest[:10].max() == 0
    assert rest[10:].min() == 1
