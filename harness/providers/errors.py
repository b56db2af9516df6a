"""The errors of providers, as exceptions. Each message names the fault and how to mend it."""

from harness.ops.op import Unsupported

__all__ = ["NoFunction", "ProviderError", "Unsupported", "WrongOutput", "WrongSignature"]


class ProviderError(ValueError):
    """A provider that cannot be had."""


class NoFunction(Unsupported):
    """A provider's file that defines no function of the op."""


class WrongOutput(ValueError):
    """Raised by a call whose results have not the number, shape, dtype or device of the op's outputs."""


class WrongSignature(ValueError):
    """Raised by `prepare` for a function that does not take what the op's functions are given."""
