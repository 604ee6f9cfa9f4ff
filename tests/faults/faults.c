/* Preloaded into the server by tests/failing_calls.rs: lets the Nth call that
 * touches FAULTS_FOLDER fail, once. The test arms it through the mapped file
 * FAULTS_CONTROL. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct control {
    int countdown; /* fails when it reaches 0 */
    int error;     /* errno, or -1 for a write of half the bytes */
    int fired;
    int only_syncs; /* counts no other calls */
};

static struct control *control;
static const char *folder;

static int (*real_open)(const char *, int, ...);

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("FAULTS_CONTROL");
    real_open = dlsym(RTLD_NEXT, "open");
    folder = getenv("FAULTS_FOLDER");
    int fd = path ? real_open(path, O_RDWR) : -1;
    if (fd < 0) return;
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (control == MAP_FAILED) control = NULL;
    close(fd);
}

/* The error that a call on `path` shall have, 0 for none. */
static int fault_of(const char *path, int is_sync) {
    if (!control || !folder || !path || strncmp(path, folder, strlen(folder))) return 0;
    if (control->only_syncs && !is_sync) return 0;
    if (__sync_sub_and_fetch(&control->countdown, 1) != 0) return 0;
    control->fired = 1;
    return control->error;
}

static int fault(const char *path) { return fault_of(path, 0); }

static int fault_fd_of(int fd, int is_sync) {
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return fault_of(path, is_sync);
}

static int fault_fd(int fd) { return fault_fd_of(fd, 0); }

#define FAIL_ON(error) do { int e = (error); if (e > 0) { errno = e; return -1; } } while (0)
#define REAL(name, type) \
    static __typeof__(type) real; \
    if (!real) real = (__typeof__(type))dlsym(RTLD_NEXT, name)

static int opened(const char *name, const char *path, int flags, mode_t mode) {
    FAIL_ON(fault(path));
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, name);
    return real(path, flags, mode);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        return opened(#name, path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

int mkdir(const char *path, mode_t mode) {
    REAL("mkdir", int (*)(const char *, mode_t));
    FAIL_ON(fault(path));
    return real(path, mode);
}

int rename(const char *from, const char *to) {
    REAL("rename", int (*)(const char *, const char *));
    FAIL_ON(fault(to));
    return real(from, to);
}

#define SYNC(name) \
    int name(int fd) { \
        REAL(#name, int (*)(int)); \
        FAIL_ON(fault_fd_of(fd, 1)); \
        return real(fd); \
    }
SYNC(fsync)
SYNC(fdatasync)

ssize_t write(int fd, const void *bytes, size_t length) {
    REAL("write", ssize_t (*)(int, const void *, size_t));
    int error = fault_fd(fd);
    FAIL_ON(error);
    return real(fd, bytes, error < 0 && length > 1 ? length / 2 : length);
}

#define TRUNCATE(name, offset_type) \
    int name(int fd, offset_type length) { \
        REAL(#name, int (*)(int, offset_type)); \
        FAIL_ON(fault_fd(fd)); \
        return real(fd, length); \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

int unlink(const char *path) {
    REAL("unlink", int (*)(const char *));
    FAIL_ON(fault(path));
    return real(path);
}

/* Removes what is within a folder that is being removed. */
int unlinkat(int fd, const char *path, int flags) {
    REAL("unlinkat", int (*)(int, const char *, int));
    FAIL_ON(fd == AT_FDCWD ? fault(path) : fault_fd(fd));
    return real(fd, path, flags);
}

#define PWRITE(name, offset_type) \
    ssize_t name(int fd, const void *bytes, size_t length, offset_type offset) { \
        REAL(#name, ssize_t (*)(int, const void *, size_t, offset_type)); \
        int error = fault_fd(fd); \
        FAIL_ON(error); \
        return real(fd, bytes, error < 0 && length > 1 ? length / 2 : length, offset); \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
