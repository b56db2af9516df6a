"""The errors of providers, as exceptions. Each message names the fault and how to mend it."""

from harness.ops.op import Unsupported

__all__ = ["ProviderError", "Unsupported", "WrongOutput"]


class ProviderError(ValueError):
    """A provider that cannot be had."""


class WrongOutput(ValueError):
    """Raised by a call whose results have not the number, shape, dtype or device of the op's outputs."""
