"""In place of nvidia-ml-py: the management library of the scripted GPUs. A handle is the index of one."""

from tests.harness.scripted_gpu.devices import FIRST, GPUS, SCRIPT
from tests.harness.scripted_nvml import ScriptedNvml

NVMLError = ScriptedNvml.NVMLError
NVML_CLOCK_SM, NVML_CLOCK_MEM = ScriptedNvml.NVML_CLOCK_SM, ScriptedNvml.NVML_CLOCK_MEM
NVML_TEMPERATURE_GPU = ScriptedNvml.NVML_TEMPERATURE_GPU
_OF = [ScriptedNvml(gpu, reasons=SCRIPT.reasons) for gpu in GPUS]


def nvmlInit():
    pass


def nvmlShutdown():
    pass


def nvmlSystemGetDriverVersion():
    return "scripted"


def nvmlDeviceGetHandleByUUID(uuid):
    return int(uuid.rpartition("-")[2]) - FIRST


def __getattr__(name):
    if not hasattr(ScriptedNvml, name):
        raise AttributeError(name)
    return lambda handle, *arguments: getattr(_OF[handle], name)(handle, *arguments)
