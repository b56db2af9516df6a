"""ELU and its relatives on Triton: functions that autograd knows, modules of torch.nn, and the kernels beneath them.

    from kernels import elu, elu_backward, bias_elu, bias_elu_backward, ELU, BiasELU
    from kernels import selu, celu, elu_plus_one, SELU, CELU, ELUPlusOne
    from kernels import relu, shifted_relu, leaky_relu, prelu, ReLU, ShiftedReLU, LeakyReLU, PReLU
    from kernels import fuse, unfuse  # a model of torch.nn on these, and back

An op is a file in ops/, and an import here. This folder imports torch and triton only, and works under any name: it may
be copied into a model's repository, or installed as `elubench_kernels` (pyproject.toml).
"""

__version__ = "0.1.0"

from .fusing import Fusion, fuse, unfuse
from .ops.bias_elu import BiasELU, bias_elu, bias_elu_backward
from .ops.celu import CELU, celu
from .ops.elu import ELU, elu, elu_backward
from .ops.elu_plus_one import ELUPlusOne, elu_plus_one, elu_plus_one_backward
from .ops.leaky_relu import LeakyReLU, leaky_relu, leaky_relu_backward
from .ops.prelu import PReLU, prelu, prelu_backward
from .ops.relu import ReLU, relu, relu_backward
from .ops.selu import SELU, selu
from .ops.shifted_relu import ShiftedReLU, shifted_relu, shifted_relu_backward

__all__ = [
    "CELU",
    "ELU",
    "SELU",
    "BiasELU",
    "ELUPlusOne",
    "Fusion",
    "LeakyReLU",
    "PReLU",
    "ReLU",
    "ShiftedReLU",
    "bias_elu",
    "bias_elu_backward",
    "celu",
    "elu",
    "elu_backward",
    "elu_plus_one",
    "elu_plus_one_backward",
    "fuse",
    "leaky_relu",
    "leaky_relu_backward",
    "prelu",
    "prelu_backward",
    "relu",
    "relu_backward",
    "selu",
    "shifted_relu",
    "shifted_relu_backward",
    "unfuse",
]
