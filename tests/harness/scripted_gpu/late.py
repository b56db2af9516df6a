"""Gives the scripted GPUs to a process that has imported torch and elubench before.

A warm one imports it, which descends from one without such GPUs (tests.harness.warm).
"""

import importlib
import sys
from pathlib import Path

from harness.correctness import integrity
from tests.harness.scripted_gpu import torch_side, triton_side

sys.path.insert(0, str(Path(__file__).parent / "plugin"))
sys.modules.pop("pynvml", None)  # the plugin has another
torch_side.install()
triton_side.install()
importlib.reload(integrity)  # which holds torch's functions against those that it found at its import
