"""The statements of the paper that are put to the test: in short, where they stand, and how they are measured here.

Clevert, Unterthiner and Hochreiter, "Fast and Accurate Deep Network Learning by Exponential Linear Units (ELUs)",
ICLR 2016, arXiv:1511.07289. Statements are in our words; `place` says where to read theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

PAPER = "arXiv:1511.07289"


@dataclass(frozen=True)
class Statement:
    """What the paper says, and what is measured for it. `claim` is one of harness.paper.plan.CLAIMS."""

    key: str
    claim: str
    text: str
    place: str  # in the paper
    how: str


STATEMENTS: tuple[Statement, ...] = (
    Statement(
        "cheaper",
        "cost",
        "An ELU costs less than batch normalisation with a ReLU.",
        "Abstract",
        "Time of batch normalisation + ReLU, in training mode, over the time of ELU at the same shape, each by the "
        "fastest valid provider on the device (on a CPU PyTorch's operators alone, which the nets run on there); "
        "forward, and forward + backward. The interval is that of a ratio of two medians, and has to exceed 1 by more "
        "than the A/A noise of its cases; where a time was disturbed there is none. PyTorch's backward of batch "
        "normalisation has no form that writes into a given tensor, so a copy of its result is in its time, which "
        "favours ELU a little there.",
    ),
    Statement(
        "mean",
        "mean_shift",
        "ELUs keep mean activations closer to zero than ReLUs, leaky ReLUs and PReLUs.",
        "Abstract; section 4.1, figure 2a",
        "The paper's own measure on its own net: after every epoch, every hidden unit's mean activation over 512 "
        "training images, and the median of these over all units. Its distance from zero, averaged over the epochs.",
    ),
    Statement(
        "like_bn",
        "mean_shift",
        "ELUs bring mean activations as close to zero as batch normalisation does.",
        "Abstract",
        "The same measure, for ELU against ReLU after batch normalisation.",
    ),
    Statement(
        "bias_shift",
        "mean_shift",
        "The bias shift, what a weight update does to the units' means, is smaller with ELUs than with ReLUs.",
        "Section 2; section 4.1 and appendix C",
        "The size of the change of every hidden unit's mean by one update at the paper's rate, averaged over units "
        "and epochs; and the variance over epochs of the median that the statement before is about (appendix C).",
    ),
    Statement(
        "saturates",
        "saturation",
        "A deactivated ELU passes on less of a perturbation the further down it is; leaky ReLUs and PReLUs do not.",
        "Abstract; section 3",
        "In trained nets, the inputs of deactivated units are pushed further down. The share of the push that the "
        "tenth of them that is furthest down passes on, over the share that the nearest tenth passes on.",
    ),
    Statement(
        "passes_less",
        "saturation",
        "Deactivated ELUs pass on less variation than deactivated leaky ReLUs and PReLUs.",
        "Abstract; sections 1 and 3",
        "The same push, over all deactivated units of the trained net: the mean share that is passed on.",
    ),
    Statement(
        "through_net",
        "saturation",
        "So less of a perturbation of what is absent reaches the end of a net of ELUs.",
        "Section 3",
        "The deactivated units of the first layer are pushed, and the change of the last hidden layer is measured; "
        "both relative to how much these layers vary over images.",
    ),
    Statement(
        "vanishing",
        "vanishing",
        "ELUs alleviate the vanishing gradient as ReLUs do; sigmoids do not.",
        "Abstract; section 3",
        "The norm of the loss's gradient with respect to the input of the first hidden layer's activation, over that "
        "of the eighth. It holds where the ratio is above that of sigmoids and above a tenth.",
    ),
    Statement(
        "faster",
        "learning",
        "In nets of more than 5 layers ELUs learn faster than ReLUs, leaky ReLUs and PReLUs.",
        "Abstract; section 4.1, figure 2b; section 4.2",
        "Training loss averaged over the epochs: the area under the learning curve. Differences of pairs with the "
        "same seed, at the paper's rate, and with each activation at the best rate of the same grid.",
    ),
    Statement(
        "depth",
        "learning",
        "The advantage over ReLUs is one of deep nets.",
        "Abstract",
        "The contrast that “more than 5 layers” needs: the training loss of ELU over that of ReLU in the net of 8 "
        "hidden layers, over the same in the net of 3.",
    ),
    Statement(
        "generalises",
        "learning",
        "In nets of more than 5 layers ELUs generalise better than ReLUs and leaky ReLUs.",
        "Abstract; section 4.2",
        "Test accuracy over the last fifth of the epochs; differences of pairs with the same seed.",
    ),
    Statement(
        "bn_no_help",
        "learning",
        "Batch normalisation does not improve ELU nets.",
        "Abstract; section 4.2, figure 5",
        "Training loss and test accuracy as above, with batch normalisation minus without. It holds where the loss is "
        "not lower and the accuracy not higher by half a point or more, at the paper's rate and at the best rates.",
    ),
    Statement(
        "bn_helps_relu",
        "learning",
        "Batch normalisation improves nets of ReLUs and of leaky ReLUs.",
        "Section 4.2, figure 5",
        "The same difference, for ReLU and the leaky ReLU of slope 0.1.",
    ),
    Statement(
        "beats_bn",
        "learning",
        "ELU nets generalise better than ReLU nets with batch normalisation.",
        "Abstract; section 4.2",
        "Test accuracy as above, of ELU minus that of ReLU with batch normalisation.",
    ),
    Statement(
        "unit_natural",
        "natural_gradient",
        "With ELUs the gradient is closer to the unit natural gradient.",
        "Abstract; section 2",
        "On a net small enough for the exact Fisher matrix, kept within units: the angle between the gradient and "
        "the unit natural gradient, averaged over training. A share of 0.001 of the mean eigenvalue is added to all.",
    ),
    Statement(
        "natural",
        "natural_gradient",
        "With ELUs the gradient is closer to the natural gradient.",
        "Section 1; section 3",
        "The same with the whole Fisher matrix.",
    ),
    Statement(
        "centring",
        "natural_gradient",
        "Centring the activations, and whitening them, brings the gradient closer to the natural gradient.",
        "Section 1, after Raiko et al. 2012 and Desjardins et al. 2015",
        "The same angles for a ReLU net whose units are centred, and for one that learns on whitened inputs (PRONG), "
        "each minus that of the plain ReLU net.",
    ),
)
