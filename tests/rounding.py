"""`--rounding`: matrix products of torch are off by their last bit, at random, as those of other sizes or places are.

What passes so does not depend on the processor, the number of threads or how a sound or a batch is cut.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

PRODUCTS = {
    "_scaled_dot_product_flash_attention_for_cpu",
    "addmm",
    "addmv",
    "baddbmm",
    "bmm",
    "convolution",
    "dot",
    "linear",
    "mm",
    "mv",
    "native_layer_norm",
}


class LastBits(TorchDispatchMode):
    """Changes the first result of each product in single precision by up to one rounding."""

    def __init__(self) -> None:
        super().__init__()
        self._random = torch.Generator().manual_seed(0)

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        result = function(*arguments, **(named or {}))
        if function.overloadpacket.__name__ not in PRODUCTS:
            return result
        first, *others = result if isinstance(result, tuple) else (result,)
        if first.dtype == torch.float32 and first.device.type == "cpu":
            off = torch.rand(first.shape, generator=self._random).sub_(0.5).mul_(2 * torch.finfo(first.dtype).eps)
            first = first * (1 + off)
        return (first, *others) if isinstance(result, tuple) else first
