"""Every Python process that has this folder on its path finds GPUs that are not there: see tests.harness.scripted_gpu.

What is patched is torch and, once the emulated GPU is imported, Triton's driver; elubench is not.
"""

import importlib.abc
import importlib.util
import sys


class _After(importlib.abc.MetaPathFinder):
    """Calls a function once a module has been imported."""

    def __init__(self, name, call):
        self._name, self._call = name, call

    def find_spec(self, name, path=None, target=None):
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            self._call()

        spec.loader.exec_module = exec_module
        return spec


def _torch():
    from tests.harness.scripted_gpu import torch_side

    torch_side.install()


def _triton():
    from tests.harness.scripted_gpu import triton_side

    triton_side.install()


sys.meta_path[:0] = [_After("torch", _torch), _After("harness.emulator.driver", _triton)]
