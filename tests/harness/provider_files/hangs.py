"""Hangs on purpose."""

import time


def elu(x, alpha, scale, input_scale, out):
    time.sleep(3600)
