"""The quantities that the paper's theorems 1 and 2 are about, on the paper's own net.

A unit with inputs a has the unit Fisher matrix E(δ²) E_q([a; 1] [a; 1]ᵀ), where q weighs images by the unit's
squared error signal δ². Theorem 1's unit natural gradient scales the bias's part by 1 + E_q(a)ᵀ Var_q(a)⁻¹ E_q(a);
by theorem 2 the bias shift comes from E_q(a), so it is smaller where inputs are centred.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from harness.paper.bias_shift import mean_of
from harness.paper.data import Data
from harness.paper.layers import error_signals
from harness.paper.mean_shift import IMAGES, by_run
from harness.paper.nets import Net

# Of covariance matrices, which have no inverse: this share of the mean eigenvalue of Var(a) is added to all, under q
# as well, since q may lie on so few images that its own eigenvalues say nothing.
DAMPING = 0.01
_UNITS = 4  # of the next layer, whose own q the scale is measured under; each takes a matrix


def probe(net: Net, data: Data) -> list[dict[str, Any]]:
    """What every run shows now, by hidden layer, of its outputs a as the next layer gets them.

    mean_share: ‖E a‖² / E ‖a‖²; mean_share_q: the same under q, the mean over the units of the next layer.
    scale: 1 + E(a)ᵀ Var(a)⁻¹ E(a); scale_q: the same under q, the mean over some units of the next layer.
    """
    flow, signals = error_signals(net.probing(), *data.train_part(0, IMAGES))
    found = [_quantities(seen, signal.square()) for seen, signal in zip(flow.seen[1:], signals[1:], strict=True)]
    names = ("mean_share", "mean_share_q", "scale", "scale_q")
    return by_run({name: torch.stack([each[name] for each in found], 1) for name in names}, net.runs)


@torch.no_grad()
def _quantities(a: Tensor, errors: Tensor, damping: float = DAMPING) -> dict[str, Tensor]:
    """a: (runs, batch, inputs); errors: δ², (runs, batch, units of the next layer). Each quantity is (runs,)."""
    total = errors.sum(1, keepdim=True)
    alive = total[:, 0] > 0  # a unit that no error reaches has no q
    q = errors / total.where(total > 0, 1.0)
    energy = a.square().sum(2)
    means = torch.bmm(q.mT, a)  # E_q a, (runs, units, inputs)
    shares = means.square().sum(2) / torch.bmm(q.mT, energy[:, :, None])[:, :, 0]
    even = torch.full_like(energy, 1 / a.shape[1])
    shift = damping * a.var(1, correction=0).mean(1) + 1e-12
    some = torch.arange(0, q.shape[2], max(1, q.shape[2] // _UNITS))[:_UNITS]
    scales = torch.stack([_scale(a, q[:, :, unit], shift) for unit in some], 1)
    return {
        "mean_share": a.mean(1).square().sum(1) / energy.mean(1),
        "mean_share_q": mean_of(shares, alive),
        "scale": _scale(a, even, shift),
        "scale_q": mean_of(scales, alive[:, some]),
    }


def _scale(a: Tensor, weights: Tensor, shift: Tensor) -> Tensor:
    """1 + mᵀ V⁻¹ m for the mean m and the covariance V of a under weights, (runs, batch), that sum to 1.

    shift: (runs,), is added to the eigenvalues of V.
    """
    mean = torch.bmm(weights[:, None], a)[:, 0]
    about = a - mean[:, None]
    covariance = torch.bmm((about * weights[:, :, None]).mT, about)
    is_finite = covariance.isfinite().all(2).all(1)
    eye = torch.eye(a.shape[2], dtype=a.dtype, device=a.device)
    covariance = covariance.where(is_finite[:, None, None], eye)
    solved, _ = torch.linalg.solve_ex(covariance + shift.nan_to_num(1.0)[:, None, None] * eye, mean[:, :, None])
    return (1 + (mean * solved[:, :, 0]).sum(1)).where(is_finite, torch.nan)
