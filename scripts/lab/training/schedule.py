"""The learning rate over the steps of a run."""

from __future__ import annotations

import math


def warmed_cosine(step: int, steps: int, rate: float, warm_up: float) -> float:
    """Rate of step 1, 2, ... of `steps`: up in a line to `rate` over the share `warm_up`, down in half a cosine."""
    done = (step - 0.5) / steps
    if done < warm_up:
        return rate * done / warm_up
    return rate * 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))
