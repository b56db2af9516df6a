"""Wrong on purpose: returns without writing, and relies on what an earlier call left there."""


def elu(x, alpha, scale, input_scale, out):
    pass
