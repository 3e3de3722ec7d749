/* A stand-in for NVIDIA's libcuda.so.1: computes on the CPU, and fails where it is told to.

   FAIL_AT names the function, FAIL_WITH its answer (a CUresult); NO_DEVICE, WRONG_PRODUCTS and
   CRASH are on where they are set. Nothing it does is a measurement of CUDA. */

#include <stdlib.h>
#include <string.h>

typedef unsigned long long pointer;

static int answer(const char *function) {
    const char *failing = getenv("FAIL_AT");
    return failing && !strcmp(failing, function) ? atoi(getenv("FAIL_WITH")) : 0;
}

int cuGetErrorName(int code, const char **name) { *name = "CUDA_ERROR_STANDIN"; return 0; }
int cuGetErrorString(int code, const char **text) { *text = "told to fail"; return 0; }

int cuInit(unsigned flags) {
    if (getenv("CRASH")) abort();
    return answer("cuInit");
}

int cuDeviceGetCount(int *count) {
    *count = getenv("NO_DEVICE") ? 0 : 1;
    return answer("cuDeviceGetCount");
}

int cuDeviceGet(int *device, int index) { *device = index; return answer("cuDeviceGet"); }

int cuDeviceGetName(char *name, int size, int device) {
    strncpy(name, "Stand-in GPU", size);
    return answer("cuDeviceGetName");
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
    *context = &answer;
    return answer("cuDevicePrimaryCtxRetain");
}

int cuDevicePrimaryCtxRelease_v2(int device) { return 0; }
int cuCtxSetCurrent(void *context) { return answer("cuCtxSetCurrent"); }
int cuCtxSynchronize(void) { return answer("cuCtxSynchronize"); }

int cuMemAlloc_v2(pointer *memory, size_t size) {
    *memory = (pointer)malloc(size);
    return answer("cuMemAlloc_v2");
}

int cuMemFree_v2(pointer memory) { free((void *)memory); return 0; }

int cuModuleLoadData(void **module, const void *image) {
    *module = (void *)image;
    return answer("cuModuleLoadData");
}

int cuModuleGetFunction(void **function, void *module, const char *name) {
    *function = module;
    return answer("cuModuleGetFunction");
}

int cuMemcpyHtoD_v2(pointer to, const void *from, size_t size) {
    memcpy((void *)to, from, size);
    return answer("cuMemcpyHtoD_v2");
}

int cuMemcpyDtoH_v2(void *to, pointer from, size_t size) {
    memcpy(to, (void *)from, size);
    return answer("cuMemcpyDtoH_v2");
}

int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                   unsigned bz, unsigned shared, void *stream, void **arguments, void **extra) {
    float *numbers = *(float **)arguments[0];
    for (unsigned i = 0; i < bx; i++)
        numbers[i] *= getenv("WRONG_PRODUCTS") ? numbers[i] + 1 : numbers[i];
    return answer("cuLaunchKernel");
}
