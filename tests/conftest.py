"""Where there is no GPU, kernels are run by the emulated GPU, or with KERNELS_ON=interpreter by Triton's interpreter.

Triton decides this when kernels are imported, once for the whole process, and asks again while they run. So they
are imported here, before any test module can do it; tests/kernels/conftest.py sets the variable for its own tests.
In between it is not set: what other tests start as a process of its own does not get it.
"""

from __future__ import annotations

import gc
import os
import signal

import pytest

from tests.harness.warm import begin_workers_in, warm_process
from tests.workers import hands_out

# A shell's background job ignores Ctrl-C, and so does all that it starts, which some tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if not hands_out():
    import torch

    # PyTorch's threads wait for each other spinning: where two test processes share two cores, each of them with a
    # thread for every core, most of the time goes there. The processes that tests start take this over.
    torch.set_num_threads(int(os.environ.setdefault("OMP_NUM_THREADS", "1")))

    # What tests start imports nothing again that a warm process has imported: tests/harness/warm.py.
    begin_workers_in(warm_process)

    with pytest.MonkeyPatch.context() as patch:
        if not torch.cuda.is_available() and os.environ.get("KERNELS_ON") == "interpreter":
            patch.setenv("TRITON_INTERPRET", "1")
        import kernels  # noqa: F401


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of clusters first: they wait more than they compute, and at the end everybody would wait for them."""
    items.sort(key=lambda item: "fleet" not in item.path.parts)


def pytest_collection_finish() -> None:
    """What is imported by now stays: no collection of garbage looks through it again."""
    gc.collect()
    gc.freeze()
