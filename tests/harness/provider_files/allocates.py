"""Wants more memory on purpose, until there is none, and writes to all of it."""

import torch

_kept = []


def elu(x, alpha, scale, input_scale, out):
    while True:
        _kept.append(torch.ones(2**24))
