"""`--rounding` changes what it should, and no more."""

from __future__ import annotations

import torch

from tests.rounding import LastBits


def test_products_are_off_by_a_bit_and_nothing_else_is() -> None:
    a, b = torch.rand(40, 50, generator=torch.Generator().manual_seed(0)), torch.ones(50, 60)
    exact, double = a @ b, a.double() @ b.double()
    with LastBits():
        product, again, other, copied = a @ b, a @ b, a.double() @ b.double(), a + 0
    assert not torch.equal(product, again)
    torch.testing.assert_close(product, exact, rtol=1e-6, atol=0)
    assert torch.equal(other, double)
    assert torch.equal(copied, a)
