"""Finds out what this machine can measure, and why it cannot measure the rest. Changes nothing on the device."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.device.devices import MIB, cpu_caches, find_device
from harness.device.health import GpuReading, Nvml, cpu_settings
from harness.doctor.probe import PREFLIGHT, ProbeResult, go, preflight_of
from harness.plumbing.errors import first_line, named
from harness.store.provenance import ROOT, driver_version, elubench_version

GIB = 1 << 30
_CUBIN = "kernel.cubin"
_Ended = subprocess.CompletedProcess[str]
_STYLES = {"ok": "green", "missing": "red", "note": "yellow"}


def examine() -> list[ProbeResult]:
    """Every probe's finding. A probe that fails is itself a finding: this never raises."""
    with ThreadPoolExecutor() as pool, tempfile.TemporaryDirectory() as folder:
        # What other processes find out, while this one imports torch.
        kernel = pool.submit(_run_kernel, Path(folder))
        compilers = [
            (topic, pool.submit(_compiler, topic, variable, usual, language).result)
            for topic, variable, usual, language in (
                ("C compiler", "CC", ("gcc", "clang"), "c"),
                ("C++ compiler", "CXX", ("g++",), "c++"),
            )
        ]
        gpu = _guarded("GPU", _gpu)
        tried = pool.submit(preflight_of, "cuda:0") if gpu.status == "ok" else None
        found = [_guarded(topic, probe) for topic, probe in _probes(Path(folder), kernel.result, compilers, gpu)]
        return [*found, *(tried.result() if tried else [])]


def _probes(
    folder: Path,
    kernel: Callable[[], _Ended],
    compilers: Sequence[tuple[str, Callable[[], ProbeResult]]],
    gpu: ProbeResult,
) -> list[tuple[str, Callable[[], ProbeResult]]]:
    return [
        ("Python", _python),
        ("torch", lambda: _module("torch")),
        ("triton", lambda: _module("triton")),
        ("GPU", lambda: gpu),
        *([("NVML", _nvml)] if gpu.status == "ok" else []),
        *compilers,
        ("machine code", lambda: _machine_code(folder, kernel())),
        ("emulated GPU", lambda: _emulated_gpu(folder, kernel())),
        ("CPU", _cpu),
        ("CPU clock", _cpu_clock),
        ("load", _load),
        ("memory", _memory),
        ("disk", _disk),
    ]


def report(console: Console) -> None:
    """Print what `examine` finds, and what follows from it."""
    findings = examine()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("topic", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("found", overflow="fold")
    for finding in findings:
        # Text, not str: rich would take a bracket in an error message for markup.
        found = Text(finding.detail)
        if finding.mend:
            found.append(f"\n→ {finding.mend}", style="italic")
        table.add_row(finding.topic, Text(finding.status, style=_STYLES[finding.status]), found)
    console.print(table)
    console.print()
    for line in (*conclusion(findings), *filter(None, [go(findings)])):
        console.print(Text(line), highlight=False)


def conclusion(findings: list[ProbeResult]) -> tuple[str, str]:
    """Two lines: what can be measured here, and what cannot, because of what."""
    lacking = {finding.topic: finding.detail for finding in findings if finding.status == "missing"}
    can: list[str] = []
    cannot: dict[str, list[str]] = {}  # by reason
    for what, needs in (
        ("times on the GPU", ("torch", "triton", "GPU", "C compiler", *PREFLIGHT)),
        ("times on the CPU", ("torch",)),
        ("times of torch.compile on the CPU", ("torch", "C++ compiler")),
        ("correctness of Triton kernels on the emulated GPU", ("torch", "triton", "emulated GPU")),
        ("machine code of Triton kernels", ("torch", "triton", "machine code")),
    ):
        reason = next((lacking[need] for need in needs if need in lacking), None)
        if reason is None:
            can.append(what)
        else:
            cannot.setdefault(" ".join(reason.split()), []).append(what)
    reasons = [f"{', '.join(whats)}, because {reason}" for reason, whats in cannot.items()]
    return (
        f"measured here: {', '.join(can) or 'nothing'}",
        f"not measured here: {'; '.join(reasons) or 'nothing, because nothing needed is missing'}",
    )


def _guarded(topic: str, probe: Callable[[], ProbeResult]) -> ProbeResult:
    try:
        return probe()
    except Exception as error:
        return ProbeResult(topic, "missing", f"the probe failed: {named(error)}")


def _python() -> ProbeResult:
    detail = f"{platform.python_version()} on {platform.system()} {platform.release()}"
    detail += f", elubench {elubench_version() or 'of unknown version'}"
    return ProbeResult("Python", "ok", detail)


def _module(name: str) -> ProbeResult:
    try:
        module = __import__(name)
    except Exception as error:  # a broken installation raises more than ImportError
        return ProbeResult(name, "missing", f"{name} cannot be imported ({first_line(error)})", "run 'make setup'")
    return ProbeResult(name, "ok", str(module.__version__))


def _gpu() -> ProbeResult:
    import torch

    if not torch.cuda.is_available():
        return _no_gpu(str(torch.__version__), bool(torch.version.cuda or torch.version.hip))
    lines = []
    for index in range(torch.cuda.device_count()):
        gpu = find_device(f"cuda:{index}")
        lines.append(
            f"{gpu.torch_device} {gpu.name}, {gpu.capability}, {gpu.cores} SMs, "
            f"{gpu.memory_bytes / GIB:.0f} GiB, L2 {gpu.last_level_cache_bytes / MIB:.0f} MiB"
        )
    lines.append(f"driver {driver_version() or 'unknown'}, CUDA {torch.version.cuda}")
    return ProbeResult("GPU", "ok", "\n".join(lines))


def _no_gpu(torch_version: str, built_for_gpu: bool) -> ProbeResult:
    driver = driver_version()
    reasons, mends = [], []
    if driver is None:
        reasons.append("no NVIDIA driver answers")
        mends.append("use a machine with an NVIDIA GPU and its driver")
    if not built_for_gpu:
        reasons.append(f"torch {torch_version} is a CPU build")
        mends.append("install a CUDA build of torch")
    if not reasons:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        reasons.append(f"driver {driver} answers but torch {torch_version} sees no GPU")
        if visible is None:
            mends.append("compare the driver's CUDA version in nvidia-smi with torch.version.cuda")
        else:
            reasons.append(f"CUDA_VISIBLE_DEVICES is {visible!r}")
            mends.append("unset CUDA_VISIBLE_DEVICES")
    return ProbeResult("GPU", "missing", "no GPU: " + " and ".join(reasons), " and ".join(mends))


def _nvml() -> ProbeResult:
    """Clocks, heat and settings of every GPU that torch sees. NVML only reads here."""
    import torch

    details, mends = [], []
    for index in range(torch.cuda.device_count()):
        gpu = Nvml.of(find_device(f"cuda:{index}"))
        if not isinstance(gpu, Nvml):
            detail = f"{gpu}: clocks, heat and throttling are not recorded"
            return ProbeResult("NVML", "note", detail, "pip install nvidia-ml-py")
        reading, settings = gpu.read(), gpu.settings()
        details.append(f"cuda:{index} {_nvml_text(reading, settings)}")
        if reading.slowed_by:
            mends.append(f"cuda:{index} is slowed down by {', '.join(reading.slowed_by)}: cool it, or lift the limit")
        if settings["other_processes"]:
            mends.append(f"stop the other processes on cuda:{index}: they share its bandwidth")
    return ProbeResult("NVML", "note" if mends else "ok", "\n".join(details), "; ".join(mends) or None)


def _nvml_text(reading: GpuReading, settings: dict[str, Any]) -> str:
    def known(value: object) -> object:
        return "?" if value is None else value

    def switch(value: bool | None) -> str:
        return "unknown" if value is None else "on" if value else "off"

    power = "?" if reading.power_w is None else f"{reading.power_w:.0f}"
    slowed = "unknown" if reading.slowed_by is None else ", ".join(reading.slowed_by) or "nothing"
    return (
        f"SM clock {known(reading.sm_clock_mhz)} of {known(settings['sm_clock_max_mhz'])} MHz, "
        f"memory clock {known(reading.memory_clock_mhz)} of {known(settings['memory_clock_max_mhz'])} MHz, "
        f"{known(reading.temperature_c)} °C, {power} of {known(settings['power_limit_w'])} W, slowed by {slowed}, "
        f"ECC {switch(settings['ecc'])}, MIG {switch(settings['mig'])}, "
        f"persistence {switch(settings['persistence'])}, other processes {known(settings['other_processes'])}"
    )


def _compiler(topic: str, variable: str, usual: tuple[str, ...], language: str) -> ProbeResult:
    """The compiler that Triton's launcher (C) or torch.compile (C++) will call, tried on Python's header."""
    named = os.environ.get(variable)
    command = shlex.split(named) if named else [next((c for c in usual if shutil.which(c)), usual[0])]
    if not command or shutil.which(command[0]) is None:
        what = f"${variable} is {named!r} and is not there" if named else f"{' or '.join(usual)} is not there"
        return ProbeResult(topic, "missing", what, f"install {usual[0]}, or set {variable}")
    include = sysconfig.get_path("include")
    done = subprocess.run(
        [*command, "-x", language, "-fsyntax-only", f"-I{include}", "-"],
        input="#include <Python.h>\n", capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if done.returncode != 0:
        reason = _last_line(done.stderr) if (Path(include) / "Python.h").exists() else "Python.h is not there"
        mend = "install Python's headers (python3-dev) and a working compiler"
        return ProbeResult(topic, "missing", f"{command[0]} cannot compile an extension of Python: {reason}", mend)
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60)
    return ProbeResult(topic, "ok", version.stdout.partition("\n")[0] or command[0])


def _run_kernel(folder: Path) -> _Ended:
    """What comes of compiling a kernel, into the cache that `inspect` and a run use, and of running it."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    environment["TRITON_ALWAYS_COMPILE"] = "1"  # else what was kept would pass for new
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), environment.get("PYTHONPATH", ""))))
    return subprocess.run(
        [sys.executable, "-m", "harness.doctor.kernel", str(folder / _CUBIN)],
        capture_output=True, text=True, env=environment, timeout=180,
    )  # fmt: skip


def _machine_code(folder: Path, kernel: _Ended) -> ProbeResult:
    import triton

    topic, mend = "machine code", "install Triton's wheel for Linux, which carries ptxas and nvdisasm"
    cubin = folder / _CUBIN
    if not cubin.exists():
        why = _last_line(kernel.stderr)
        if "Error: [Errno" in why:
            mend = "set TRITON_CACHE_DIR to a directory that can be written to"
        return ProbeResult(topic, "missing", f"compiling for sm_90 fails: {why}", mend)
    carried = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "nvdisasm"
    disassembler = str(carried) if carried.exists() else shutil.which("nvdisasm")
    if disassembler is None:
        return ProbeResult(topic, "missing", "nvdisasm is neither in Triton's wheel nor on PATH", mend)
    read = subprocess.run([disassembler, str(cubin)], capture_output=True, text=True, timeout=60)
    if read.returncode != 0 or "EXIT" not in read.stdout:
        return ProbeResult(topic, "missing", f"nvdisasm cannot read a kernel: {_last_line(read.stderr)}", mend)
    return ProbeResult(topic, "ok", "a Triton kernel compiles for sm_90 and nvdisasm reads it; no GPU needed")


def _emulated_gpu(folder: Path, kernel: _Ended) -> ProbeResult:
    topic, why = "emulated GPU", _last_line(kernel.stderr)
    if kernel.returncode == 0:
        return ProbeResult(topic, "ok", "a Triton kernel, compiled for sm_90, gives the right values on the CPU")
    if not (folder / _CUBIN).exists():
        return ProbeResult(topic, "missing", f"there is no kernel to run: {why}", "see: machine code")
    return ProbeResult(topic, "missing", f"a kernel fails there: {why}", "install the Triton that your torch asks for")


def _last_line(text: str) -> str:
    """The line of a traceback or of a compiler's complaint that names the fault."""
    return next(reversed(text.strip().splitlines()), "it says nothing")


def _cpu() -> ProbeResult:
    import torch

    cpu = find_device("cpu")
    caches = ", ".join(
        f"{name} {size / MIB:.0f} MiB" if size >= MIB else f"{name} {size / 1024:.0f} KiB"
        for name, size in cpu_caches().items()
    )
    threads = torch.get_num_threads()
    detail = (
        f"{cpu.name}, {cpu.cores} of {os.cpu_count()} cores usable, {threads} threads in torch; "
        f"{caches or 'caches not told, taken for ' + str(cpu.last_level_cache_bytes // MIB) + ' MiB'}; "
        f"NUMA nodes {cpu_settings()['numa_nodes'] or 'unknown'}"
    )
    if threads > cpu.cores:
        return ProbeResult("CPU", "note", detail, f"set OMP_NUM_THREADS={cpu.cores}: threads share cores")
    return ProbeResult("CPU", "ok", detail)


def _cpu_clock() -> ProbeResult:
    settings = cpu_settings()
    frequency = f"{settings['frequency_mhz']:.0f} MHz" if settings["frequency_mhz"] else "frequency not told"
    governor = settings["governor"]
    if governor is None:
        return ProbeResult("CPU clock", "note", f"{frequency}; the governor is not told, as in most virtual machines")
    if governor == "performance":
        return ProbeResult("CPU clock", "ok", f"{frequency}, governor performance")
    mend = "set the governor to performance for steadier times on the CPU"
    return ProbeResult("CPU clock", "note", f"{frequency}, governor {governor}", mend)


def _load() -> ProbeResult:
    one, five, fifteen = os.getloadavg()
    detail = f"load average {one:.2f} {five:.2f} {fifteen:.2f}"
    if one > find_device("cpu").cores / 2:
        return ProbeResult("load", "note", detail, "wait for the other work to end: it disturbs times on the CPU")
    return ProbeResult("load", "ok", detail)


def _memory() -> ProbeResult:
    total = find_device("cpu").memory_bytes
    free = min(total, psutil.virtual_memory().available)
    return ProbeResult("memory", "ok", f"{free / GIB:.1f} GiB of {total / GIB:.1f} GiB available")


def _disk() -> ProbeResult:
    free = shutil.disk_usage(Path.cwd()).free
    detail = f"{free / GIB:.1f} GiB free in the current directory"
    if free < GIB:
        return ProbeResult("disk", "note", detail, "free some space, or name another place with --out")
    return ProbeResult("disk", "ok", detail)
