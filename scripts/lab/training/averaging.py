"""The running average of a network over its training, which is what is kept."""

from __future__ import annotations

import torch
from torch import nn

# At first the average follows fast: after n steps it keeps at most n / (n + 10), lest it remember the first weights.
_START = 10


def share_kept(step: int, decay: float) -> float:
    """What the average keeps of itself at step 1, 2, ...; `decay` in the long run."""
    return min(decay, step / (step + _START))


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, keep: float) -> None:
    """Move `average` towards `network`: parameters and buffers alike, by the share 1 - `keep`; integers are copied.

    Buffers too, for the figures of a batch norm must be those of inputs that the averaged weights make; a buffer that
    never changes stays what it is.
    """
    for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - keep)
        else:
            mean.copy_(value)
