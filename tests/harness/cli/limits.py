"""What is done in a process before a command runs in it: a user's rights, and a disk that takes nothing."""

from __future__ import annotations

import ctypes
import os
import resource

_VERSION_3 = 0x20080522  # of the structures of capget(2)
_OVERRIDE_MODES = 0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH


def as_any_user() -> None:
    """The modes of files hold for this process of root, too, and for all that it starts."""
    libc = ctypes.CDLL(None)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable, twice 32 bits
    assert libc.capget(header, sets) == 0
    for at in range(3):
        sets[at] &= ~_OVERRIDE_MODES
    assert libc.capset(header, sets) == 0
    for capability in (1, 2):
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP: where it executes another program


def on_a_full_disk() -> None:
    """No file can grow."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def without_output() -> None:
    """Standard output is closed, as after `>&-` in a shell."""
    os.close(1)
