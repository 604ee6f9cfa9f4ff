/* Preloaded into the server by benches/throughput.rs: every sync takes
 * SLOW_SYNC microseconds longer, as on a disk that is not as quick as this
 * machine's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static useconds_t longer;

__attribute__((constructor)) static void start(void) {
    const char *text = getenv("SLOW_SYNC");
    longer = text ? (useconds_t)atoi(text) : 0;
}

#define SLOW(name) \
    int name(int fd) { \
        static int (*real)(int); \
        if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, #name); \
        int answer = real(fd); \
        usleep(longer); \
        return answer; \
    }
SLOW(fsync)
SLOW(fdatasync)
