/* Loaded with LD_PRELOAD: the n-th write or fsync of the database's files is the last thing the process does, or
 * fails. Counted are write, pwrite, pwrite64, fsync, fdatasync and ftruncate on files whose name holds ".sqlite".
 *
 * FAULT_AT   which call, from 1; 0 counts alone
 * FAULT_DO   "kill" before the call, "torn" after half of a write, "after" when it is done, "enospc" or "eio" once
 * FAULT_LOG  file that takes the count at the end
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static long calls, wanted = -1;
static const char *deed;

static int is_ours(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strstr(path, ".sqlite") != NULL && strstr(path, "-shm") == NULL;
}

/* Starts to count at the child's sign: the file FAULT_ARMED names is there. */
static int armed(void) {
    static int known;
    if (!known) {
        const char *sign = getenv("FAULT_ARMED");
        known = sign == NULL || access(sign, F_OK) == 0;
    }
    return known;
}

/* 0: go on; 1: this is the call */
static int turn(int fd) {
    if (!is_ours(fd) || !armed()) return 0;
    if (wanted < 0) {
        const char *at = getenv("FAULT_AT");
        wanted = at ? atol(at) : 0;
        deed = getenv("FAULT_DO");
        if (!deed) deed = "kill";
    }
    return ++calls == wanted;
}

static void stop(void) { kill(getpid(), SIGKILL); for (;;) pause(); }

static int fails(void) {
    if (!strcmp(deed, "enospc")) { errno = ENOSPC; return 1; }
    if (!strcmp(deed, "eio")) { errno = EIO; return 1; }
    if (!strcmp(deed, "kill")) stop();
    return 0;
}

__attribute__((destructor)) static void tell(void) {
    const char *name = getenv("FAULT_LOG");
    FILE *file = name ? fopen(name, "w") : NULL;
    if (file) { fprintf(file, "%ld\n", calls); fclose(file); }
}

#define REAL(name, type) static type real; if (!real) real = (type)dlsym(RTLD_NEXT, name)

typedef ssize_t (*write_call)(int, const void *, size_t);
typedef ssize_t (*pwrite_call)(int, const void *, size_t, off_t);
typedef ssize_t (*pwrite64_call)(int, const void *, size_t, off64_t);
typedef int (*sync_call)(int);
typedef int (*truncate_call)(int, off_t);
typedef int (*truncate64_call)(int, off64_t);

ssize_t write(int fd, const void *data, size_t size) {
    REAL("write", write_call);
    if (!turn(fd)) return real(fd, data, size);
    if (fails()) return -1;
    real(fd, data, !strcmp(deed, "torn") ? size / 2 : size);
    stop();
    return -1;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    REAL("pwrite", pwrite_call);
    if (!turn(fd)) return real(fd, data, size, at);
    if (fails()) return -1;
    real(fd, data, !strcmp(deed, "torn") ? size / 2 : size, at);
    stop();
    return -1;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL("pwrite64", pwrite64_call);
    if (!turn(fd)) return real(fd, data, size, at);
    if (fails()) return -1;
    real(fd, data, !strcmp(deed, "torn") ? size / 2 : size, at);
    stop();
    return -1;
}

int fsync(int fd) {
    REAL("fsync", sync_call);
    if (!turn(fd)) return real(fd);
    if (fails()) return -1;
    real(fd);
    stop();
    return -1;
}

int fdatasync(int fd) {
    REAL("fdatasync", sync_call);
    if (!turn(fd)) return real(fd);
    if (fails()) return -1;
    real(fd);
    stop();
    return -1;
}

int ftruncate(int fd, off_t size) {
    REAL("ftruncate", truncate_call);
    if (!turn(fd)) return real(fd, size);
    if (fails()) return -1;
    real(fd, size);
    stop();
    return -1;
}

int ftruncate64(int fd, off64_t size) {
    REAL("ftruncate64", truncate64_call);
    if (!turn(fd)) return real(fd, size);
    if (fails()) return -1;
    real(fd, size);
    stop();
    return -1;
}
