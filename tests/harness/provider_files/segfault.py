"""Dies on purpose: reads address 0."""

import ctypes


def elu(x, alpha, scale, input_scale, out):
    ctypes.string_at(0)
