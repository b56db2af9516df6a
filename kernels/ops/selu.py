"""selu: elu with the parameters of self-normalising networks."""

from __future__ import annotations

from torch import Tensor, nn

from .elu import elu

# Klambauer et al. 2017, appendix A1.1: fixed point at mean 0 and variance 1.
ALPHA, SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def selu(x: Tensor, inplace: bool = False) -> Tensor:
    """elu with the parameters of self-normalising networks; arguments and errors as of `elu`."""
    return elu(x, ALPHA, SCALE, inplace=inplace)


class SELU(nn.SELU):
    """`torch.nn.SELU` on this suite's kernel."""

    def forward(self, x: Tensor) -> Tensor:
        return selu(x, self.inplace)
