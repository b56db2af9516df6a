"""A right provider from a file: one function writes into `out`, the other returns its results."""

import torch


def elu(x, alpha, scale, input_scale, out):
    torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)


def bias_elu_backward(grad_output, x, bias, alpha, dim):
    shape = [1] * x.dim()
    shape[dim] = -1
    grad_x = torch.ops.aten.elu_backward(grad_output, alpha, 1.0, 1.0, False, x + bias.view(shape))
    return grad_x, grad_x.sum([axis for axis in range(x.dim()) if axis != dim % x.dim()])
