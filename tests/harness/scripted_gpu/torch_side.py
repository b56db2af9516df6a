"""torch with scripted GPUs: tensors that say they are on "cuda:N", whose operators are launches there.

Their memory is the host's. A mode of torch sees every operator: what touches a tensor of a GPU is launched on that
GPU, with what it reads and writes; what looks at values waits for it; what asks for more memory than it has fails.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from tests.harness.scripted_device import ScriptedEvent, ScriptedGraph
from tests.harness.scripted_gpu.devices import GPUS, Place, Work, current, gpu, properties, values

_DEVICE, _IS_CUDA = torch.Tensor.device, torch.Tensor.is_cuda
# Neither launched nor waited for.
_ABOUT = frozenset((
    "device", "dim", "size", "stride", "numel", "nelement", "element_size", "data_ptr", "untyped_storage",
    "storage_offset", "is_contiguous", "view", "view_as", "as_strided", "transpose", "permute", "expand", "t",
    "squeeze", "unsqueeze", "movedim", "narrow", "select", "detach", "is_floating_point", "is_neg", "is_conj",
    "requires_grad_", "__len__", "__hash__", "is_complex", "is_nested", "ndimension", "__set__", "__format__",
))  # fmt: skip
_LOOKS = frozenset((
    "item", "tolist", "equal", "allclose", "__bool__", "__float__", "__int__", "__index__", "nonzero", "numpy", "cpu",
))  # fmt: skip
_OUTS = ("out", "grad_input")
_WRITES_ALL = ("copy_", "fill_", "zero_")
_UNSEEN = ("mm",)  # a roof's: of its product, which takes a CPU seconds, nobody looks at a value
_DRAWS = ("normal_", "random_", "uniform_")  # another result each time
storages: dict[int, Any] = {}  # of the GPUs, by address: weak references


def index_of(tensor: torch.Tensor) -> int | None:
    """The GPU that a tensor is on."""
    try:
        found: int | None = tensor.untyped_storage().__dict__.get("cuda")
    except (NotImplementedError, RuntimeError):
        return None
    return found


def place_of(tensor: torch.Tensor) -> Place:
    return (tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())


def touched(reads: Any, writes: Any) -> dict[str, int]:
    """What a launch moves, as the scripted L2 takes it: by address."""
    return {f"{each.data_ptr()}.x": each.nbytes for each in reads} | {
        f"{each.data_ptr()}.out": each.nbytes for each in writes
    }


def _put(tensor: torch.Tensor, index: int) -> None:
    storage = tensor.untyped_storage()
    if storage.__dict__.get("cuda") is None:
        size = storage.nbytes()
        GPUS[index].allocate(size)
        storage.cuda = index
        storages[storage.data_ptr()] = weakref.ref(storage)
        weakref.finalize(storage, _freed, index, size)


def _freed(index: int, size: int) -> None:
    GPUS[index].free_bytes += size


def _tensors(*containers: Any) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    for each in containers:
        if isinstance(each, torch.Tensor):
            found.append(each)
        elif isinstance(each, (tuple, list)):
            found += _tensors(*each)
        elif isinstance(each, dict):
            found += _tensors(*each.values())
    return found


class OnGpu(TorchFunctionMode):
    """Every operator of torch in a process."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "").partition(".")[0]
        if name == "__get__":
            owner = func.__self__
            if owner is _DEVICE or owner is _IS_CUDA:
                index = index_of(args[0])
                if index is not None:
                    return True if owner is _IS_CUDA else torch.device("cuda", index)
            return func(*args)
        if name in _ABOUT:
            return func(*args, **(kwargs or {}))
        return _call(func, name, args, kwargs or {})


def _call(func: Any, name: str, args: Any, kwargs: Any) -> Any:
    asked: list[torch.device] = []

    def on_host(value: Any) -> Any:
        if isinstance(value, torch.device) or (isinstance(value, str) and value.split(":")[0] in ("cuda", "cpu")):
            asked.append(torch.device(value))
            return torch.device("cpu")
        return value

    args, kwargs = tuple(map(on_host, args)), {key: on_host(value) for key, value in kwargs.items()}
    given = _tensors(args, kwargs)
    there = [each for each in given if index_of(each) is not None]
    wanted = next((_index(each) for each in asked if each.type == "cuda"), None)
    if wanted is None and not there:
        return func(*args, **kwargs)
    index = index_of(there[0]) if wanted is None else wanted
    cuda = GPUS[index]
    cuda.check()
    to_host = bool(there) and (name == "cpu" or any(each.type == "cpu" for each in asked))
    if name in _LOOKS or to_host or (name == "copy_" and len(there) == 1):
        cuda.synchronize(name)
    in_place = name.endswith("_") and not name.endswith("__") and name not in _DRAWS
    writes_there = in_place or bool(kwargs.keys() & {*_OUTS})
    if writes_there and wanted is None and not to_host and len(there) == len(given):
        return _launch_later(cuda, func, name, args, kwargs, given)
    return _launch_now(cuda, func, name, args, kwargs, given, None if to_host else index)


def _launch_later(cuda: Any, func: Any, name: str, args: Any, kwargs: Any, given: Any) -> Any:
    """What writes to tensors that are there already."""
    outs = [kwargs[each] for each in _OUTS if each in kwargs]
    writes = _tensors(outs) or [args[0]]
    others = {key: value for key, value in kwargs.items() if key not in _OUTS}
    reads = _tensors(args[1:] if name in _WRITES_ALL else args, others)
    do = (lambda: None) if name in _UNSEEN else partial(func, *args, **kwargs)
    work = Work(do, tuple(map(place_of, reads)), tuple(map(place_of, writes)))
    key = (name, work.reads, work.writes, repr([each for each in args if isinstance(each, (int, float))]))
    cuda.launch(f"aten {name}", touched(reads, writes), partial(values.later, key, work))
    return outs[0] if outs else args[0]


def _launch_now(cuda: Any, func: Any, name: str, args: Any, kwargs: Any, given: Any, index: int | None) -> Any:
    if name in _DRAWS and kwargs.get("generator") is None and cuda.is_generator_capturing:
        raise RuntimeError("Offset increment outside graph capture encountered unexpectedly.")
    values.settle()
    before = [each._version for each in given]
    try:
        result = func(*args, **kwargs)
    except IndexError as error:  # a kernel finds that out, much later than the host
        cuda.error = f"device-side assert triggered ({error})"
        raise RuntimeError(f"CUDA error: {cuda.error}") from error
    known = {each.untyped_storage().data_ptr() for each in given}
    made = [each for each in _tensors(result) if each.untyped_storage().data_ptr() not in known]
    if index is None:  # to the host
        return result if made else result.clone()
    if not made and given and not isinstance(result, (bool, int, float)) and index_of(given[0]) is None:
        result = result.clone()  # from the host
        made = [result]
    for each in made:
        _put(each, index)
    writes = [*made, *(each for each, was in zip(given, before, strict=True) if each._version != was)]
    if writes and name not in ("empty", "empty_like", "new_empty", "empty_strided"):
        again = _again(func, args, kwargs, writes, made) if cuda.capturing is not None else None
        reads = [each for each in given if index_of(each) is not None]
        cuda.launch(f"aten {name}", touched(reads, writes), again)
    return result


def _again(func: Any, args: Any, kwargs: Any, writes: Any, made: list[torch.Tensor]) -> Callable[[], object]:
    """Captured work that was done at once: where it is replayed, its new tensors are those of the capture."""

    def do() -> None:
        for old, new in zip(made, _tensors(func(*args, **kwargs)), strict=False):
            old.copy_(new)

    places = tuple(map(place_of, writes))
    work = Work(do, tuple(map(place_of, _tensors(args, kwargs))), places)
    return partial(values.later, ("again", places), work)


def _compile(function: Any = None, **options: Any) -> Any:
    """In place of torch.compile: one launch that does what the function does."""
    if function is None:
        return _compile
    written: list[int] = []

    def call(*tensors: torch.Tensor) -> None:
        with torch._C.DisableTorchFunction():
            if not written:  # compilation: the first call finds out what it writes
                gpu().host_s += 1.0
                values.settle()
                before = [each._version for each in tensors]
                function(*tensors)
                written.extend(at for at, each in enumerate(tensors) if each._version != before[at])
            reads = [each for at, each in enumerate(tensors) if at not in written]
            writes = [tensors[at] for at in written]
            work = Work(partial(function, *tensors), tuple(map(place_of, reads)), tuple(map(place_of, writes)))
            key = ("compiled", id(function), work.reads, work.writes)
            name, cuda = f"compiled {id(function)}", GPUS[index_of(tensors[0])]
            cuda.launch(name, touched(reads, writes), partial(values.later, key, work))

    return call


class _Driver:
    """As much of libcuda as is asked for: the part of the L2 that is set aside."""

    def cuCtxResetPersistingL2Cache(self) -> int:
        gpu().reset_persisting_l2()
        return 0

    def cuCtxGetLimit(self, size: Any, limit: int) -> int:
        size._obj.value = gpu().l2.carve_out
        return 0

    def cuCtxSetLimit(self, limit: int, size: Any) -> int:
        gpu().l2.carve_out = size.value
        return 0


class _CDLL(ctypes.CDLL):
    def __new__(cls, name: Any = None, *arguments: Any, **named: Any) -> Any:
        return _Driver() if name == "libcuda.so.1" else super().__new__(cls)


class Event(ScriptedEvent):
    """Of the current GPU."""

    def __init__(self, enable_timing: bool = False) -> None:
        super().__init__(gpu())


class CUDAGraph(ScriptedGraph):
    """Of the current GPU."""

    def __init__(self) -> None:
        super().__init__(gpu())


class Generator(torch.Generator):
    """Of the host, whatever device it is for."""

    def __new__(cls, device: Any = "cpu") -> Generator:
        return torch._C.Generator.__new__(cls, "cpu")


@contextmanager
def _device(device: Any) -> Iterator[None]:
    before = current.index
    _set_device(device)
    try:
        yield
    finally:
        current.index = before


def _index(device: Any) -> int:
    if device is None:
        return current.index
    index = device if isinstance(device, int) else torch.device(device).index
    return current.index if index is None else index


def _set_device(device: Any) -> None:
    current.index = _index(device)


def _of_current(name: str) -> Callable[..., Any]:
    return lambda *arguments: getattr(gpu(), name)(*arguments)


def install() -> None:
    """Put the scripted GPUs behind torch.cuda."""
    for name in ("_sleep", "Stream", "stream", "perf_counter"):
        setattr(torch.cuda, name, _of_current(name))
    stand_ins = {
        "Event": Event, "CUDAGraph": CUDAGraph, "device": _device, "set_device": _set_device,
        "is_available": lambda: True, "device_count": lambda: len(GPUS), "current_device": lambda: current.index,
        "get_device_properties": lambda device=None: properties(_index(device)),
        "synchronize": lambda device=None: GPUS[_index(device)].synchronize(),
    }  # fmt: skip
    for name, stand_in in stand_ins.items():
        setattr(torch.cuda, name, stand_in)
    torch.Generator, torch.compile, torch.version.cuda = Generator, _compile, "12.8"
    ctypes.CDLL = _CDLL
    OnGpu().__enter__()
