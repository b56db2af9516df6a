"""The exact Fisher matrix of a classifier, the natural gradient, and its angle with the gradient.

For a net that gives class probabilities p(x), the Fisher matrix is the mean over the inputs x of
J(x)ᵀ (diag p - p pᵀ) J(x), where J is the Jacobian of the logits: the expectation over the classes is taken
exactly, under the net's own probabilities, not from labels (Amari 1998; Martens, arXiv:1412.1193, section 9).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.paper.nets import Net
from harness.paper.training import run_losses


def jacobian(net: Net, run: int, images: Tensor) -> Tensor:
    """The Jacobian of the logits of one run: (count, classes, parameters), for images (count, pixels).

    Every image gets a copy of the run, so that one backward pass a class gives that row for all images.
    """
    each = net.take([run] * len(images))
    logits = each(images.reshape(1, -1)).view(len(images), -1)
    parameters = list(each.parameters())
    rows = []
    for number in range(logits.shape[1]):
        gradients = torch.autograd.grad(logits[:, number].sum(), parameters, retain_graph=True)
        rows.append(torch.cat([gradient.reshape(len(images), -1) for gradient in gradients], 1))
    return torch.stack(rows, 1)


def fisher(jacobians: Tensor, logits: Tensor) -> Tensor:
    """The Fisher matrix (parameters, parameters) in float64, from Jacobians and logits (count, classes)."""
    p = logits.double().softmax(1)
    # diag p - p pᵀ = R Rᵀ with R = diag √p - p √pᵀ, as p sums to 1; so the matrix is a plain product.
    root = torch.diag_embed(p.sqrt()) - p[:, :, None] * p.sqrt()[:, None]
    rows = torch.bmm(root.mT, jacobians.double()).flatten(0, 1)
    return rows.mT @ rows / len(logits)


def gradient(net: Net, run: int, images: Tensor, labels: Tensor) -> Tensor:
    """The gradient of the mean cross-entropy of one run, (parameters,) in float64, in the order of `jacobian`."""
    one = net.take([run])
    loss = run_losses(one(images), labels[:, None]).sum()
    parts = torch.autograd.grad(loss, list(one.parameters()))
    return torch.cat([part.flatten() for part in parts]).double()


def natural(matrix: Tensor, gradient: Tensor, damping: float) -> Tensor:
    """The natural gradient: (F + damping · mean eigenvalue of F)⁻¹ applied to the gradient.

    The matrix of a net has no inverse, and its smallest eigenvalues are rounding: so it is damped, by a share of the
    mean eigenvalue, in every net alike.
    """
    return torch.linalg.solve(_damped(matrix, _shift(matrix, damping)), gradient)


def natural_by_unit(matrix: Tensor, groups: Sequence[Tensor], gradient: Tensor, damping: float) -> Tensor:
    """The same without what lies between units: by the unit Fisher matrices of the paper's section 2.

    groups: for every unit the indices of its parameters.
    """
    shift = _shift(matrix, damping)
    found = torch.zeros_like(gradient)
    for indices in groups:
        found[indices] = torch.linalg.solve(_damped(matrix[indices[:, None], indices], shift), gradient[indices])
    return found


def _shift(matrix: Tensor, damping: float) -> Tensor:
    return damping * matrix.diagonal().mean()


def _damped(matrix: Tensor, shift: Tensor) -> Tensor:
    return matrix + shift * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)


def unit_groups(net: Net) -> list[Tensor]:
    """The indices, in the order of `gradient`, of the parameters that lead into each unit.

    A unit's are its incoming weights, its bias and, with batch normalisation, its scale and shift.
    """
    found: dict[tuple[str, int], list[Tensor]] = {}
    start = 0
    for name, parameter in net.named_parameters():
        count = parameter.numel() // net.runs
        indices = torch.arange(start, start + count)
        start += count
        units = parameter.shape[-1] if parameter.dim() > 1 else count
        for unit, chosen in enumerate(indices.view(-1, units).T):
            found.setdefault((_layer_of(name), unit), []).append(chosen)
    return [torch.cat(parts) for parts in found.values()]


def _layer_of(name: str) -> str:
    """The layer that a parameter belongs to: "linears.3" or "head", whatever part of the layer it is."""
    part, _, rest = name.partition(".")
    number = rest.partition(".")[0]
    if part == "norms":
        part = "linears"
    return f"{part}.{number}" if number.isdecimal() else part


def degrees(a: Tensor, b: Tensor) -> float:
    """The angle between two vectors, in degrees."""
    cosine = torch.dot(a, b) / (a.norm() * b.norm())
    return float(torch.rad2deg(torch.arccos(cosine.clamp(-1, 1))))
