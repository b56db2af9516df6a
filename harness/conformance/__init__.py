"""ELU's semantics as checks, and every provider put through them: `elubench conform`."""
