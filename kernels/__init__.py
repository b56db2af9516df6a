"""ELU on Triton: operators that autograd knows, modules, and the kernels beneath them.

    from kernels import elu, elu_backward, bias_elu, bias_elu_backward, ELU, BiasELU

This folder imports torch and triton only, so it may be copied into a model's repository.
"""

from .nn import ELU, BiasELU
from .operators import bias_elu, bias_elu_backward, elu, elu_backward

__all__ = ["ELU", "BiasELU", "bias_elu", "bias_elu_backward", "elu", "elu_backward"]
