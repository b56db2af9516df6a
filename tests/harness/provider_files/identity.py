"""Wrong on purpose: right for positive inputs only."""


def elu(x, alpha, scale, input_scale, out):
    out.copy_(x)
