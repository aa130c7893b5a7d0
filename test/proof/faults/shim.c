/*
 * Lets the n-th system call of some kinds on files under one folder fail, or be cut short. Loaded with LD_PRELOAD between a process and the C library; its
 * orders lie in a file that every process maps, so that a long-lived process can run one faulted operation after another. See shim.ts for the layout.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { OPEN, CREATE, READ, WRITE, SYNC, RENAME, UNLINK, MKDIR, RMDIR, STAT, TRUNCATE, CLOSE, LOCK, COPY, MODE, LIST, KINDS };
enum { SHORT = -1, ZERO = -2 };

struct plan {
  int32_t armed, mask, nth, sticky, action, sequence, fired, synced_again;
  int32_t counts[KINDS];
  char folder[512];
};

/* The C library's own, for `syscall` below is ours. */
static long raw(long number, long a, long b, long c, long d) {
  static long (*real)(long, ...);
  if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  return real(number, a, b, c, d);
}

static volatile struct plan *plan;
static uint64_t failed_sync[2];

__attribute__((constructor)) static void map_plan(void) {
  const char *path = getenv("LOCKKEEPER_FAULT_PLAN");
  if (!path) return;
  int fd = (int)raw(SYS_openat, AT_FDCWD, (long)path, O_RDWR | O_CLOEXEC, 0);
  if (fd < 0) return;
  void *mapped = mmap(NULL, sizeof(struct plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  raw(SYS_close, fd, 0, 0, 0);
  if (mapped != MAP_FAILED) plan = mapped;
}

static int inside(const char *path) {
  size_t length = strlen((const char *)plan->folder);
  return path && !strncmp(path, (const char *)plan->folder, length) && (path[length] == '/' || path[length] == 0);
}

static int inside_fd(int fd) {
  char link[64], path[4096];
  int kept = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = raw(SYS_readlinkat, AT_FDCWD, (long)link, (long)path, sizeof path - 1);
  errno = kept;
  if (length < 0) return 0;
  path[length] = 0;
  return inside(path);
}

/* 0: go on; an errno; SHORT or ZERO. */
static int decide(enum kind kind) {
  __atomic_add_fetch(&plan->counts[kind], 1, __ATOMIC_SEQ_CST);
  if (!(plan->mask & (1 << kind))) return 0;
  int sequence = __atomic_add_fetch(&plan->sequence, 1, __ATOMIC_SEQ_CST);
  if (sequence != plan->nth && !(plan->sticky && sequence > plan->nth)) return 0;
  __atomic_add_fetch(&plan->fired, 1, __ATOMIC_SEQ_CST);
  return plan->action;
}

static int at_path(enum kind kind, const char *path) { return plan && plan->armed && inside(path) ? decide(kind) : 0; }
static int at_fd(enum kind kind, int fd) { return plan && plan->armed && inside_fd(fd) ? decide(kind) : 0; }
static long failing(int number) { errno = number; return -1; }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAULT(fault) do { int number = (fault); if (number > 0) return failing(number); } while (0)

static enum kind opening(int flags) { return flags & O_CREAT ? CREATE : OPEN; }

#define OPENER(name) \
  int name(const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
    FAULT(at_path(opening(flags), path)); \
    return REAL(name)(path, flags, mode); \
  }
OPENER(open)
OPENER(open64)

#define OPENER_AT(name) \
  int name(int folder, const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); int mode = va_arg(rest, int); va_end(rest); \
    FAULT(at_path(opening(flags), path)); \
    return REAL(name)(folder, path, flags, mode); \
  }
OPENER_AT(openat)
OPENER_AT(openat64)

int creat(const char *path, mode_t mode) { FAULT(at_path(CREATE, path)); return REAL(creat)(path, mode); }

#define CUT(kind, fd, count) \
  int number = at_fd(kind, fd); \
  if (number > 0) return failing(number); \
  if (number == ZERO) return 0; \
  if (number == SHORT) count = count > 1 ? count / 2 : count;

ssize_t read(int fd, void *bytes, size_t count) { CUT(READ, fd, count) return REAL(read)(fd, bytes, count); }
ssize_t pread(int fd, void *bytes, size_t count, off_t at) { CUT(READ, fd, count) return REAL(pread)(fd, bytes, count, at); }
ssize_t pread64(int fd, void *bytes, size_t count, off64_t at) { CUT(READ, fd, count) return REAL(pread64)(fd, bytes, count, at); }
ssize_t write(int fd, const void *bytes, size_t count) { CUT(WRITE, fd, count) return REAL(write)(fd, bytes, count); }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { CUT(WRITE, fd, count) return REAL(pwrite)(fd, bytes, count, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) { CUT(WRITE, fd, count) return REAL(pwrite64)(fd, bytes, count, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) { FAULT(at_fd(WRITE, fd)); return REAL(writev)(fd, parts, count); }

static int is_build(int fd) {
  char link[64], path[4096] = "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  raw(SYS_readlinkat, AT_FDCWD, (long)link, (long)path, sizeof path - 1);
  return strstr(path, "/builds/") != NULL;
}

/* A file whose fsync failed must not be fsynced again as if nothing had happened: the kernel has dropped what it could not write. */
static int sync_fault(int fd) {
  if (!plan || !plan->armed || !inside_fd(fd)) return 0;
  struct stat stat;
  int kept = errno;
  int regular = !fstat(fd, &stat) && S_ISREG(stat.st_mode);
  errno = kept;
  int number = decide(SYNC);
  // What the engine does while it builds is its own business.
  if (regular && is_build(fd)) return number;
  if (regular && failed_sync[0] == stat.st_dev && failed_sync[1] == stat.st_ino) plan->synced_again++;
  if (regular && number > 0) { failed_sync[0] = stat.st_dev; failed_sync[1] = stat.st_ino; }
  return number;
}
int fsync(int fd) { FAULT(sync_fault(fd)); return REAL(fsync)(fd); }
int fdatasync(int fd) { FAULT(sync_fault(fd)); return REAL(fdatasync)(fd); }

int rename(const char *source, const char *target) { FAULT(at_path(RENAME, target)); return REAL(rename)(source, target); }
int unlink(const char *path) { FAULT(at_path(UNLINK, path)); return REAL(unlink)(path); }
int remove(const char *path) { FAULT(at_path(UNLINK, path)); return REAL(remove)(path); }
int mkdir(const char *path, mode_t mode) { FAULT(at_path(MKDIR, path)); return REAL(mkdir)(path, mode); }
int rmdir(const char *path) { FAULT(at_path(RMDIR, path)); return REAL(rmdir)(path); }
int ftruncate(int fd, off_t bytes) { FAULT(at_fd(TRUNCATE, fd)); return REAL(ftruncate)(fd, bytes); }
int ftruncate64(int fd, off64_t bytes) { FAULT(at_fd(TRUNCATE, fd)); return REAL(ftruncate64)(fd, bytes); }
int fchmod(int fd, mode_t mode) { FAULT(at_fd(MODE, fd)); return REAL(fchmod)(fd, mode); }
int fchown(int fd, uid_t owner, gid_t group) { FAULT(at_fd(MODE, fd)); return REAL(fchown)(fd, owner, group); }
ssize_t sendfile64(int out, int in, off64_t *at, size_t count) {
  FAULT(at_fd(COPY, out));
  ssize_t (*real)(int, int, off64_t *, size_t) = dlsym(RTLD_NEXT, "sendfile64");
  return real(out, in, at, count);
}
int scandir64(const char *path, struct dirent64 ***names, int (*filter)(const struct dirent64 *),
              int (*order)(const struct dirent64 **, const struct dirent64 **)) {
  FAULT(at_path(LIST, path));
  return REAL(scandir64)(path, names, filter, order);
}

/* As Linux does it: a close that fails has closed the descriptor all the same. */
int close(int fd) {
  int number = at_fd(CLOSE, fd);
  int result = REAL(close)(fd);
  return number > 0 ? (int)failing(number) : result;
}

static int locking(int command) {
  return command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW;
}
#define CONTROL(name) \
  int name(int fd, int command, ...) { \
    va_list rest; va_start(rest, command); long argument = va_arg(rest, long); va_end(rest); \
    if (locking(command)) FAULT(at_fd(LOCK, fd)); \
    return REAL(name)(fd, command, argument); \
  }
CONTROL(fcntl)
CONTROL(fcntl64)

/* Calls that have no function in older C libraries come this way. */
long syscall(long number, ...) {
  long (*real)(long, long, long, long, long, long, long) = dlsym(RTLD_NEXT, "syscall");
  va_list rest;
  long given[6];
  va_start(rest, number);
  for (int index = 0; index < 6; index++) given[index] = va_arg(rest, long);
  va_end(rest);
  if (number == SYS_statx) {
    const char *path = (const char *)given[1];
    FAULT(path && *path ? at_path(STAT, path) : at_fd(STAT, (int)given[0]));
  }
  if (number == SYS_close) return close((int)given[0]);
  if (number == SYS_copy_file_range) FAULT(at_fd(COPY, (int)given[2]));
  return real(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}
