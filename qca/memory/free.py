"""What the GPU has free now, asked of NVML: no torch, no CUDA context."""


def free_gpu_memory() -> int | None:
    """Return the free bytes of the GPU that has most of them; None where NVML cannot tell.

    Memory that the driver reserves for itself is not in the figure.
    """
    import pynvml  # loads the driver's library: only for a command that needs it

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        indices = range(pynvml.nvmlDeviceGetCount())
        devices = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in indices]
        return max((int(pynvml.nvmlDeviceGetMemoryInfo(one).free) for one in devices), default=None)
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()
