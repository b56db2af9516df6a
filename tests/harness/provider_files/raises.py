"""Raises on purpose."""


def elu(x, alpha, scale, input_scale, out):
    raise ArithmeticError("no kernel today")
