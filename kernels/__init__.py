"""ELU and its relatives on Triton: operators that autograd knows, modules, and the kernels beneath them.

    from kernels import elu, elu_backward, bias_elu, bias_elu_backward, ELU, BiasELU
    from kernels import selu, celu, elu_plus_one, SELU, CELU, ELUPlusOne
    from kernels import relu, leaky_relu, prelu, ReLU, LeakyReLU, PReLU

This folder imports torch and triton only, so it may be copied into a model's repository.
"""

from .family import (
    celu,
    elu_plus_one,
    elu_plus_one_backward,
    leaky_relu,
    leaky_relu_backward,
    prelu,
    prelu_backward,
    relu,
    relu_backward,
    selu,
)
from .nn import CELU, ELU, SELU, BiasELU, ELUPlusOne, LeakyReLU, PReLU, ReLU
from .operators import bias_elu, bias_elu_backward, elu, elu_backward

__all__ = [
    "CELU",
    "ELU",
    "SELU",
    "BiasELU",
    "ELUPlusOne",
    "LeakyReLU",
    "PReLU",
    "ReLU",
    "bias_elu",
    "bias_elu_backward",
    "celu",
    "elu",
    "elu_backward",
    "elu_plus_one",
    "elu_plus_one_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "prelu",
    "prelu_backward",
    "relu",
    "relu_backward",
    "selu",
]
