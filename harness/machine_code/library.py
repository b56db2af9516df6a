"""Where PyTorch's kernels for CUDA are: the library of a CUDA build. Imports no torch."""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass
from pathlib import Path

from harness.machine_code.fatbin import LibraryError, archs

VARIABLE = "ELUBENCH_TORCH_LIBRARY"  # names the library in place of the installed one
_NAME = "lib/libtorch_cuda.so"  # in the folder of the package


@dataclass(frozen=True)
class AtenLibrary:
    path: Path
    version: str  # "torch 2.14.1+cu130", as the file beside it says, or the library's name


def find() -> AtenLibrary:
    """The library that the environment names, or that of the torch that is installed. Raises LibraryError."""
    if named := os.environ.get(VARIABLE):
        path = Path(named)
        if not path.is_file():
            raise LibraryError(f"there is no file {path}; --torch-library takes the libtorch_cuda.so of a CUDA build")
    else:
        found = importlib.util.find_spec("torch")
        folder = Path(found.origin).parent if found and found.origin else None
        if folder is None or not (folder / _NAME).is_file():
            raise LibraryError(
                "eager launches no Triton kernels here, and the torch that is installed has no kernels for CUDA to "
                f"count; install a CUDA build, or name the {Path(_NAME).name} of one by --torch-library"
            )
        path = folder / _NAME
    archs(path)
    return AtenLibrary(path, _version(path))


def _version(library: Path) -> str:
    said = library.resolve().parent.with_name("version.py")
    text = said.read_text(encoding="utf-8") if said.is_file() else ""
    found = re.search(r"^__version__ = ['\"](.+)['\"]", text, re.MULTILINE)
    return f"torch {found[1]}" if found else library.name
