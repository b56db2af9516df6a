"""The management library of a scripted GPU: clocks that follow its slowdown, energy that is counted in steps."""

from __future__ import annotations

from harness.device.health import Nvml
from tests.harness.scripted_device import ScriptedCuda


class ScriptedNvml:
    """As much of pynvml as is asked of a GPU while it is timed."""

    class NVMLError(Exception):
        """What it does not support."""

    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    def __init__(self, cuda: ScriptedCuda, power_w: float | None = 500.0, step_s: float = 0.02, reasons: int = 0):
        self._cuda, self._power_w, self._step_s, self.reasons = cuda, power_w, step_s, reasons

    @classmethod
    def of(cls, cuda: ScriptedCuda, **how) -> Nvml:
        return Nvml(cls(cuda, **how), "handle")

    def nvmlDeviceGetMaxClockInfo(self, handle: str, which: int) -> int:
        return 2000

    def nvmlDeviceGetClockInfo(self, handle: str, which: int) -> int:
        return 3000 if which == self.NVML_CLOCK_MEM else round(2000 / self._cuda.slowdown(self._cuda.host_s))

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: str) -> int:
        return self.reasons

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:
        if self._power_w is None:
            raise self.NVMLError("Not Supported")
        return int(self._cuda.host_s // self._step_s * self._step_s * self._power_w * 1e3)
