"""From the network's gate probabilities to closures: a closure is a decision, not an average."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkinghead.speech.hear.phones import BILABIALS, LABIODENTALS, PHONE_INDEX
from talkinghead.speech.perform.mouth import GATES

Array = NDArray[np.float32]

GATE_CONTEXT = 4  # ticks (80 ms) that a decision looks back, and ahead where it may

# A probability whose local peak is below the first value is no closure, above the second it is a full one.
_PEAK_EDGES = (0.08, 0.20)
# Share of its local peak below which the gate is open, and above which it is closed: gives the closure its length.
_SHAPE_EDGES = (0.15, 0.80)
_REST_EDGES = (0.10, 0.70)
_REST = GATES.index("rest")


_TRUST_IN_PHONES = 0.6
_PHONES_OF = {
    GATES.index("bilabial"): [PHONE_INDEX[name] for name in sorted(BILABIALS)],
    GATES.index("labiodental"): [PHONE_INDEX[name] for name in sorted(LABIODENTALS)],
}


def closure_probability(gates: Array, phones: Array) -> Array:  # [T, 3], [T, 40] -> [T, 3]
    """The gates' own probabilities joined with those of the phones that close: the weighted mean of two opinions.

    Gates begin early and end late, phones begin and end with the sound; together they miss as few closures as gates
    alone, and a tenth as many open vowels begin closed.
    """
    joined = gates.copy()
    for gate, classes in _PHONES_OF.items():
        joined[:, gate] += _TRUST_IN_PHONES * (phones[:, classes].sum(1) - gates[:, gate])
    return joined


def decide_gates(probability: Array, future: int = GATE_CONTEXT) -> Array:  # [T, 3] -> [T, 3], both 0..1
    """Closures of full depth wherever the network sees one, however unsure it is.

    An unsure network spreads a low bump where a sure one makes a high one. The bump's peak says whether the lips close;
    its shape, relative to the peak, says when. `future`: ticks that the search for the peak looks ahead.
    """
    padded = np.pad(probability, ((GATE_CONTEXT, future), (0, 0)), mode="edge")
    peak = np.lib.stride_tricks.sliding_window_view(padded, GATE_CONTEXT + 1 + future, axis=0).max(-1)
    decided = _ramp(peak, _PEAK_EDGES) * _ramp(probability / np.maximum(peak, 1e-6), _SHAPE_EDGES)
    decided[:, _REST] = _ramp(probability[:, _REST], _REST_EDGES)
    return decided.astype(np.float32)


def _ramp(x: Array, edges: tuple[float, float]) -> Array:
    low, high = edges
    return np.clip((x - low) / (high - low), 0, 1)
