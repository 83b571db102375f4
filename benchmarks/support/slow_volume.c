/* A network volume, modelled: calls that would travel to a file server take SLOW_MICROSECONDS longer when they concern
 * something below SLOW_FOLDER. Reading and writing of bytes is not slowed, nor is what a client answers from its cache
 * (fstat of an open file). Loaded with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_below(const char *path) {
    static const char *folder;
    static size_t length;
    if (!folder) {
        folder = getenv("SLOW_FOLDER");
        folder = folder ? folder : "/nowhere";
        length = strlen(folder);
    }
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* Where a relative path begins: the working directory, or an open directory. */
static int begins_below(int directory) {
    char link[64], target[PATH_MAX];
    if (directory == AT_FDCWD)
        snprintf(link, sizeof link, "/proc/self/cwd");
    else
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    static ssize_t (*real)(const char *, char *, size_t);
    if (!real)
        real = dlsym(RTLD_NEXT, "readlink");
    ssize_t size = real(link, target, sizeof target - 1);
    if (size < 0)
        return 0;
    target[size] = '\0';
    return is_below(target);
}

static void travel(int directory, const char *path) {
    if (path && path[0] == '/' ? is_below(path) : begins_below(directory))
        usleep(atoi(getenv("SLOW_MICROSECONDS")));
}

#define SLOW(type, name, parameters, arguments, directory, path) \
    type name parameters {                                       \
        static type(*real) parameters;                           \
        if (!real)                                               \
            real = dlsym(RTLD_NEXT, #name);                      \
        travel(directory, path);                                 \
        return real arguments;                                   \
    }

#define SLOW_OPEN(name)                                          \
    int name(const char *path, int flags, ...) {                 \
        static int (*real)(const char *, int, ...);              \
        if (!real)                                               \
            real = dlsym(RTLD_NEXT, #name);                      \
        va_list rest;                                            \
        va_start(rest, flags);                                   \
        mode_t mode = va_arg(rest, mode_t);                      \
        va_end(rest);                                            \
        travel(AT_FDCWD, path);                                  \
        return real(path, flags, mode);                          \
    }

#define SLOW_OPENAT(name)                                        \
    int name(int at, const char *path, int flags, ...) {         \
        static int (*real)(int, const char *, int, ...);         \
        if (!real)                                               \
            real = dlsym(RTLD_NEXT, #name);                      \
        va_list rest;                                            \
        va_start(rest, flags);                                   \
        mode_t mode = va_arg(rest, mode_t);                      \
        va_end(rest);                                            \
        travel(at, path);                                        \
        return real(at, path, flags, mode);                      \
    }

typedef struct stat S;
typedef struct stat64 S64;
typedef struct statx SX;
typedef const char *P;

SLOW_OPEN(open)
SLOW_OPEN(open64)
SLOW_OPENAT(openat)
SLOW_OPENAT(openat64)
SLOW(DIR *, opendir, (P p), (p), AT_FDCWD, p)
SLOW(int, stat, (P p, S *s), (p, s), AT_FDCWD, p)
SLOW(int, stat64, (P p, S64 *s), (p, s), AT_FDCWD, p)
SLOW(int, lstat, (P p, S *s), (p, s), AT_FDCWD, p)
SLOW(int, lstat64, (P p, S64 *s), (p, s), AT_FDCWD, p)
SLOW(int, fstatat, (int d, P p, S *s, int f), (d, p, s, f), d, p)
SLOW(int, fstatat64, (int d, P p, S64 *s, int f), (d, p, s, f), d, p)
SLOW(int, statx, (int d, P p, int f, unsigned m, SX *s), (d, p, f, m, s), d, p)
SLOW(int, access, (P p, int m), (p, m), AT_FDCWD, p)
SLOW(int, faccessat, (int d, P p, int m, int f), (d, p, m, f), d, p)
SLOW(ssize_t, readlink, (P p, char *b, size_t n), (p, b, n), AT_FDCWD, p)
SLOW(ssize_t, readlinkat, (int d, P p, char *b, size_t n), (d, p, b, n), d, p)
SLOW(int, mkdir, (P p, mode_t m), (p, m), AT_FDCWD, p)
SLOW(int, mkdirat, (int d, P p, mode_t m), (d, p, m), d, p)
SLOW(int, rmdir, (P p), (p), AT_FDCWD, p)
SLOW(int, unlink, (P p), (p), AT_FDCWD, p)
SLOW(int, unlinkat, (int d, P p, int f), (d, p, f), d, p)
SLOW(int, symlink, (P t, P p), (t, p), AT_FDCWD, p)
SLOW(int, symlinkat, (P t, int d, P p), (t, d, p), d, p)
SLOW(int, link, (P o, P p), (o, p), AT_FDCWD, p)
SLOW(int, linkat, (int e, P o, int d, P p, int f), (e, o, d, p, f), d, p)
SLOW(int, rename, (P o, P p), (o, p), AT_FDCWD, p)
SLOW(int, renameat, (int e, P o, int d, P p), (e, o, d, p), d, p)
SLOW(int, renameat2, (int e, P o, int d, P p, unsigned f), (e, o, d, p, f), d, p)
SLOW(int, chmod, (P p, mode_t m), (p, m), AT_FDCWD, p)
SLOW(int, fchmod, (int d, mode_t m), (d, m), d, NULL)
SLOW(int, fchmodat, (int d, P p, mode_t m, int f), (d, p, m, f), d, p)
SLOW(int, chown, (P p, uid_t u, gid_t g), (p, u, g), AT_FDCWD, p)
SLOW(int, lchown, (P p, uid_t u, gid_t g), (p, u, g), AT_FDCWD, p)
SLOW(int, fchown, (int d, uid_t u, gid_t g), (d, u, g), d, NULL)
SLOW(int, fchownat, (int d, P p, uid_t u, gid_t g, int f), (d, p, u, g, f), d, p)
SLOW(int, utimensat, (int d, P p, const struct timespec t[2], int f), (d, p, t, f), d, p)
SLOW(int, futimens, (int d, const struct timespec t[2]), (d, t), d, NULL)
