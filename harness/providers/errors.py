"""What can be wrong with a provider, as exceptions. Each message names the fault and the mend."""

from harness.ops.op import Unsupported

__all__ = ["ProviderError", "Unsupported", "WrongOutput"]


class ProviderError(ValueError):
    """A provider that cannot be had."""


class WrongOutput(ValueError):
    """Raised by a call whose results have not the number, shape, dtype or device of the op's outputs."""
