"""In place of nvidia-ml-py: the management library of the scripted GPUs. A handle is the index of one."""

from functools import cache

from tests.harness.scripted_gpu import devices
from tests.harness.scripted_nvml import ScriptedNvml

NVMLError = ScriptedNvml.NVMLError
NVML_CLOCK_SM, NVML_CLOCK_MEM = ScriptedNvml.NVML_CLOCK_SM, ScriptedNvml.NVML_CLOCK_MEM
NVML_TEMPERATURE_GPU = ScriptedNvml.NVML_TEMPERATURE_GPU


@cache
def _of(index):
    return ScriptedNvml(devices.GPUS[index], reasons=devices.SCRIPT.reasons)


def nvmlInit():
    pass


def nvmlShutdown():
    pass


def nvmlSystemGetDriverVersion():
    return "scripted"


def nvmlDeviceGetHandleByUUID(uuid):
    return int(uuid.rpartition("-")[2]) - devices.FIRST


def __getattr__(name):
    if not hasattr(ScriptedNvml, name):
        raise AttributeError(name)
    return lambda handle, *arguments: getattr(_of(handle), name)(handle, *arguments)
