"""What can be wrong with a provider, as exceptions. Each message names the fault and the mend."""


class ProviderError(ValueError):
    """A provider that cannot be had."""


class Unsupported(Exception):
    """Raised by `prepare` where the provider has nothing for this case; the message says what is missing."""


class WrongOutput(ValueError):
    """Raised by a call whose results have not the number, shape, dtype or device of the op's outputs."""
