"""Readings of a GPU's clocks through the samples of a case, taken between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from harness.device.health import GpuReading, Nvml

Watch = Callable[[str, int, int], "Callable[[], None] | None"]  # as the sampler takes it: harness.timing.sampler

EVERY_S = 0.1  # a reading takes up to some milliseconds, outside of what is timed
# Timed at less than this part of the clock that the device may have, a row counts as throttled: users who set a clock
# so that it stays take one above that, the base clock.
LEAST_CLOCK = 2 / 3
# In how many readings a reason to be slow has to be for the median time to be affected.
SLOWED_SHARE = 0.25


class Readings:
    """What NVML says of a GPU between samples, at most ten times a second; nothing where there is none to ask."""

    def __init__(self, gpu: Nvml | str, now: Callable[[], float]) -> None:
        self.taken: list[GpuReading] = []
        self._gpu, self._now, self._due_s = gpu, now, float("-inf")

    def take(self) -> None:
        """A reading, if it is time for one."""
        if isinstance(self._gpu, Nvml) and self._now() >= self._due_s:
            self.taken.append(self._gpu.read())
            self._due_s = self._now() + EVERY_S

    def beside(self, watch: Watch | None) -> Watch:
        """A watch of samples that takes readings after what another watch does."""

        def looking(entry: str, slot: int, sets: int) -> Callable[[], None]:
            look = watch(entry, slot, sets) if watch else None

            def after() -> None:
                if look:
                    look()
                self.take()

            return after

        return looking

    def slowed_by(self, is_busy: bool = True) -> list[str]:
        """What slowed the device down while it was timed. One that is not kept busy lowers its clock by itself."""
        reasons = [why for reading in self.taken for why in reading.slowed_by or ()]
        often = [why for why in dict.fromkeys(reasons) if reasons.count(why) >= SLOWED_SHARE * len(self.taken)]
        sm_clocks, most = self.sm_clocks_mhz, self._gpu.sm_clock_max_mhz() if isinstance(self._gpu, Nvml) else None
        if is_busy and sm_clocks and most and median(sm_clocks) < LEAST_CLOCK * most:
            often.append(f"an SM clock of {median(sm_clocks):.0f} of {most} MHz")
        return often

    @property
    def sm_clocks_mhz(self) -> list[int]:
        return _known([reading.sm_clock_mhz for reading in self.taken])

    @property
    def memory_clocks_mhz(self) -> list[int]:
        return _known([reading.memory_clock_mhz for reading in self.taken])


def _known(values: Sequence[int | None]) -> list[int]:
    return [value for value in values if value is not None]
