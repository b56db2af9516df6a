"""What goes wrong on a GPU, as providers' files: by name, what is done before an honest call of the first case."""

from __future__ import annotations

from pathlib import Path

_HONEST = """
import os, signal
from pathlib import Path
import torch

MARK = Path(__file__).with_suffix(".{mark}")

def once():
    if MARK.exists():
        return False
    MARK.touch()
    return True

def elu(x, alpha, scale, input_scale, out):
    {before}
    torch.ops.aten.elu.out(x, alpha, scale, input_scale, out=out)
"""
_BEFORE = {
    "honest": "pass",
    # A graph cannot hold what the host waits for.
    "waits": "x.shape[0] == 32 and x.sum().item()",
    # A kernel reads outside of its tensor: every call that follows fails.
    "poisons": "x.shape[0] == 32 and x[torch.tensor([10**9], device=x.device)]",
    # Memory is asked for until there is none.
    "greedy": "kept = [torch.empty(2**27, device=x.device) for _ in range(10**6)]",
    # kill -9 of the worker, while it is in a case.
    "killed": "once() and os.kill(os.getpid(), signal.SIGKILL)",
    # kill -9 of the command itself, in the second case.
    "kills": "x.shape[0] == 48 and once() and (os.kill(os.getppid(), signal.SIGKILL), signal.pause())",
}


def written(folder: Path, *names: str) -> list[Path]:
    """The files of these providers."""
    files = []
    for name in names:
        files.append(folder / f"{name}.py")
        files[-1].write_text(_HONEST.format(before=_BEFORE[name], mark=name))
    return files
