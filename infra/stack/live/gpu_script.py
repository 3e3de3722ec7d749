"""Test CUDA in a container: print its result, and whether the GPU multiplies correctly, as JSON.

It uses only Python 3.7 and its standard library, since it runs in any image. It first calls the
driver directly, without any library of the image, and then uses torch if the image has it.
"""

from __future__ import annotations

import ctypes
import json

_COUNT = 256
_BYTES = 16 << 20

# PTX, which the driver compiles for the GPU: each thread squares one number.
_SQUARE = b"""
.version 6.0
.target sm_50
.address_size 64
.visible .entry square(.param .u64 numbers)
{
    .reg .b32 %index;
    .reg .b64 %address, %offset;
    .reg .f32 %number;
    ld.param.u64 %address, [numbers];
    cvta.to.global.u64 %address, %address;
    mov.u32 %index, %tid.x;
    mul.wide.u32 %offset, %index, 4;
    add.s64 %address, %address, %offset;
    ld.global.f32 %number, [%address];
    mul.f32 %number, %number, %number;
    st.global.f32 [%address], %number;
    ret;
}
\0"""


class _CudaError(Exception):
    def __init__(self, step: str, detail: str, code: int | None = None) -> None:
        super().__init__(detail)
        self.report: dict[str, object] = {"failed_at": step, "detail": detail, "code": code}


class _Driver:
    """Calls libcuda, and treats every result except 0 as an error."""

    def __init__(self) -> None:
        try:
            self._library = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            raise _CudaError("library", str(error)) from None

    def call(self, step: str, name: str, *arguments: object) -> None:
        code: int = getattr(self._library, name)(*arguments)
        if code != 0:
            raise _CudaError(step, f"{name}: {self._name_error(code)}", code)

    def _name_error(self, code: int) -> str:
        name, text = ctypes.c_char_p(), ctypes.c_char_p()
        for function, result in (("cuGetErrorName", name), ("cuGetErrorString", text)):
            getattr(self._library, function)(code, ctypes.byref(result))
        words = [value.value.decode() for value in (name, text) if value.value]
        return ": ".join(words) or f"error {code}"


def run() -> dict[str, object]:
    """Return the result as the fields of `GpuRun`."""
    report: dict[str, object] = {"failed_at": None, "computed_by": "the driver"}
    try:
        driver = _Driver()
        driver.call("init", "cuInit", 0)
        count = ctypes.c_int()
        driver.call("device", "cuDeviceGetCount", ctypes.byref(count))
        if count.value == 0:
            raise _CudaError("device", "cuDeviceGetCount: no device")
        for index in range(count.value):
            _compute(driver, index, report)
        _compute_with_torch(report)
    except _CudaError as error:
        report.update(error.report)
    return report


def _compute(driver: _Driver, index: int, report: dict[str, object]) -> None:
    device, context = ctypes.c_int(), ctypes.c_void_p()
    driver.call("device", "cuDeviceGet", ctypes.byref(device), index)
    name = ctypes.create_string_buffer(256)
    driver.call("device", "cuDeviceGetName", name, len(name), device)
    report["device"] = name.value.decode(errors="replace")
    driver.call("context", "cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    driver.call("context", "cuCtxSetCurrent", context)
    memory = ctypes.c_uint64()
    driver.call("memory", "cuMemAlloc_v2", ctypes.byref(memory), ctypes.c_size_t(_BYTES))
    _square(driver, memory)
    driver.call("memory", "cuMemFree_v2", memory)
    driver.call("context", "cuDevicePrimaryCtxRelease_v2", device)


def _square(driver: _Driver, memory: ctypes.c_uint64) -> None:
    """Square the numbers from 0 to 255 in the device's memory."""
    module, function = ctypes.c_void_p(), ctypes.c_void_p()
    driver.call("kernel", "cuModuleLoadData", ctypes.byref(module), _SQUARE)
    driver.call("kernel", "cuModuleGetFunction", ctypes.byref(function), module, b"square")
    numbers = (ctypes.c_float * _COUNT)(*range(_COUNT))
    size = ctypes.c_size_t(ctypes.sizeof(numbers))
    driver.call("memory", "cuMemcpyHtoD_v2", memory, numbers, size)
    arguments = (ctypes.c_void_p * 1)(ctypes.addressof(memory))
    shape = [ctypes.c_uint(n) for n in (1, 1, 1, _COUNT, 1, 1, 0)]
    driver.call("kernel", "cuLaunchKernel", function, *shape, None, arguments, None)
    driver.call("kernel", "cuCtxSynchronize")
    driver.call("memory", "cuMemcpyDtoH_v2", numbers, memory, size)
    wrong = sum(number != index * index for index, number in enumerate(numbers))
    if wrong:
        raise _CudaError("result", f"{wrong} of {_COUNT} products are wrong")


def _compute_with_torch(report: dict[str, object]) -> None:
    """Multiply two matrices as the trainer does, if the image has torch."""
    try:
        import torch
    except ImportError:
        return
    report["computed_by"] = f"torch {torch.__version__}"
    if torch.version.cuda is None:
        raise _CudaError("kernel", f"torch {torch.__version__} is a CPU build")
    try:
        ones = torch.ones(_COUNT, _COUNT, device="cuda")
        product = float((ones @ ones).sum())
    except RuntimeError as error:
        step = "memory" if "out of memory" in str(error) else "kernel"
        raise _CudaError(step, str(error).strip().split("\n")[0]) from None
    if product != _COUNT**3:
        raise _CudaError("result", f"a sum of products is {product}, not {_COUNT**3}")


if __name__ == "__main__":
    print(json.dumps(run()))
