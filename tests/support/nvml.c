/* A stand-in for NVIDIA's management library: a whole GPU, a slice of one that tells next to nothing, as under MIG,
   and one that fell off the bus. While the file named by NVML_HANGS exists, no call returns. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, NO_PERMISSION = 4, GPU_IS_LOST = 15 };
enum { WHOLE = 1, SLICE = 2, LOST = 3 };

static int answer(int code) {
    const char *hangs = getenv("NVML_HANGS");
    while (hangs && access(hangs, F_OK) == 0)
        usleep(5000);
    return code;
}

int nvmlInitWithFlags(unsigned flags) { return answer(SUCCESS); }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { return "refused"; }

int nvmlDeviceGetCount_v2(unsigned *count) {
    *count = LOST;
    return answer(SUCCESS);
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, long *device) {
    *device = index + 1;
    return answer(*device == LOST ? GPU_IS_LOST : SUCCESS);
}

int nvmlDeviceGetName(long device, char *name, unsigned size) {
    strncpy(name, device == WHOLE ? "Whole GPU" : "Slice of a GPU", size);
    return answer(SUCCESS);
}

int nvmlDeviceGetMemoryInfo(long device, unsigned long long *memory) {
    memory[0] = (24ull << 30), memory[1] = (23ull << 30), memory[2] = (1ull << 30); /* total, free, used */
    return answer(device == WHOLE ? SUCCESS : NO_PERMISSION);
}

int nvmlDeviceGetUtilizationRates(long device, unsigned *rates) {
    rates[0] = rates[1] = 40;
    return answer(device == WHOLE ? SUCCESS : NOT_SUPPORTED);
}

int nvmlDeviceGetTemperature(long device, int sensor, unsigned *degrees) {
    *degrees = 61;
    return answer(device == WHOLE ? SUCCESS : NOT_SUPPORTED);
}
