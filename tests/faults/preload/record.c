/* Records, for every file below CE_RECORD_DIR, what a process asks the disk to do, in order, into CE_RECORD_LOG.
 *
 * One record: u8 op, u32 path length, u64 inode, u64 offset, u64 data length, path, data (little endian, packed).
 *   C create (path)      W write (offset, data)     T truncate (offset = new size)     S fsync or fdatasync returned
 *   D fsync of a directory (path)                   R rename (path, data = new path)   L link (path, data = new path)
 *   U unlink (path)      K mkdir (path)             M shared writable mapping (path)   ! mark by the program (data)
 * sync_file_range promises nothing across a power cut and is not recorded. Names that end in -shm are left out: SQLite rebuilds them.
 * Operation and record happen under one lock over all processes, so the record's order is the disk's.
 * CE_RECORD_KILL_AT=n ends the process by SIGKILL in place of the n-th change it would have made.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(result, name, ...) static result (*name)(__VA_ARGS__)
#define FIND(pointer, name) (*(void **)&(pointer) = dlsym(RTLD_NEXT, name))

static char folder[PATH_MAX];
static size_t folder_length;
static char log_path[PATH_MAX];
static int log_fd = -1;
static pid_t log_owner;
static long kill_at = -1, changes;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
#define DESCRIPTORS 65536
static unsigned char watched[DESCRIPTORS]; /* 0 unknown, 1 no, 2 file, 3 directory */
static ino_t watched_inode[DESCRIPTORS];

REAL(int, real_open, const char *, int, ...);
REAL(int, real_openat, int, const char *, int, ...);
REAL(int, real_close, int);
REAL(ssize_t, real_write, int, const void *, size_t);
REAL(ssize_t, real_pwrite, int, const void *, size_t, off_t);
REAL(ssize_t, real_writev, int, const struct iovec *, int);
REAL(ssize_t, real_pwritev, int, const struct iovec *, int, off_t);
REAL(int, real_ftruncate, int, off_t);
REAL(int, real_fallocate, int, off_t, off_t);
REAL(int, real_fsync, int);
REAL(int, real_fdatasync, int);
REAL(int, real_renameat, int, const char *, int, const char *);
REAL(int, real_linkat, int, const char *, int, const char *, int);
REAL(int, real_unlinkat, int, const char *, int);
REAL(int, real_mkdirat, int, const char *, mode_t);
REAL(void *, real_mmap, void *, size_t, int, int, int, off_t);

__attribute__((constructor)) static void begin(void)
{
    if (real_open) return;
    FIND(real_open, "open64"); FIND(real_openat, "openat64"); FIND(real_close, "close"); FIND(real_write, "write"); FIND(real_pwrite, "pwrite64");
    FIND(real_writev, "writev"); FIND(real_pwritev, "pwritev64"); FIND(real_ftruncate, "ftruncate64"); FIND(real_fallocate, "posix_fallocate64");
    FIND(real_fsync, "fsync"); FIND(real_fdatasync, "fdatasync"); FIND(real_renameat, "renameat"); FIND(real_linkat, "linkat");
    FIND(real_unlinkat, "unlinkat"); FIND(real_mkdirat, "mkdirat"); FIND(real_mmap, "mmap64");
    const char *dir = getenv("CE_RECORD_DIR"), *log = getenv("CE_RECORD_LOG"), *at = getenv("CE_RECORD_KILL_AT");
    if (dir && log && realpath(dir, folder)) {
        folder_length = strlen(folder);
        snprintf(log_path, sizeof log_path, "%s", log);
    }
    if (at) kill_at = atol(at);
}

static int is_inside(const char *path)
{
    size_t length = strlen(path);
    return folder_length && !strncmp(path, folder, folder_length) && (path[folder_length] == '/' || !path[folder_length]) &&
           !(length > 4 && !strcmp(path + length - 4, "-shm"));
}

/* Absolute path of a name; the last part need not exist. */
static int resolve(int at, const char *name, char *out)
{
    char whole[PATH_MAX], *slash;
    if (name[0] == '/') snprintf(whole, sizeof whole, "%s", name);
    else {
        char link[64], base[PATH_MAX];
        ssize_t length;
        if (at == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
        else snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        if ((length = readlink(link, base, sizeof base - 1)) < 0) return 0;
        base[length] = 0;
        if (snprintf(whole, sizeof whole, "%s/%s", base, name) >= (int)sizeof whole) return 0;
    }
    slash = strrchr(whole, '/');
    if (!slash) return 0;
    char last[NAME_MAX + 1], parent[PATH_MAX];
    snprintf(last, sizeof last, "%s", slash + 1);
    if (!*last || !strcmp(last, ".") || !strcmp(last, "..")) return realpath(whole, out) && is_inside(out);
    *slash = 0;
    if (!realpath(*whole ? whole : "/", parent)) return 0;
    return snprintf(out, PATH_MAX, "%s/%s", parent, last) < PATH_MAX && is_inside(out);
}

static int kind_of(int fd)
{
    struct stat info;
    if (!folder_length || fd < 0 || fd >= DESCRIPTORS || fstat(fd, &info) || !(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))) return 1;
    if (!watched[fd] || watched_inode[fd] != info.st_ino) { /* descriptors are also reused by calls that are not caught here */
        char link[64], path[PATH_MAX];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        watched[fd] = 1;
        watched_inode[fd] = info.st_ino;
        if (length > 0) {
            path[length] = 0;
            char *gone = strstr(path, " (deleted)");
            if (gone) *gone = 0;
            if (is_inside(path)) watched[fd] = S_ISDIR(info.st_mode) ? 3 : 2;
        }
    }
    return watched[fd];
}

static uint64_t inode(int fd)
{
    struct stat info;
    return fstat(fd, &info) ? 0 : info.st_ino;
}

static uint64_t inode_at(const char *path)
{
    struct stat info;
    return lstat(path, &info) ? 0 : info.st_ino;
}

static void enter(void)
{
    pthread_mutex_lock(&gate);
    if (log_owner != getpid()) { /* a lock belongs to an open file description, so a forked child needs its own */
        if (log_fd >= 0) real_close(log_fd);
        log_fd = real_open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
        log_owner = getpid();
    }
    flock(log_fd, LOCK_EX);
}

static void leave(void)
{
    int kept = errno;
    flock(log_fd, LOCK_UN);
    pthread_mutex_unlock(&gate);
    errno = kept;
}

/* The process may be due to die instead of making this change. */
static void enter_change(void)
{
    enter();
    if (kill_at >= 0 && ++changes > kill_at) raise(SIGKILL);
}

static void put(char op, uint64_t ino, uint64_t offset, const char *path, const void *data, uint64_t length)
{
    int kept = errno;
    unsigned char head[29];
    uint32_t path_length = path ? strlen(path) : 0;
    head[0] = op;
    memcpy(head + 1, &path_length, 4); memcpy(head + 5, &ino, 8); memcpy(head + 13, &offset, 8); memcpy(head + 21, &length, 8);
    struct iovec parts[3] = {{head, sizeof head}, {(void *)(path ? path : ""), path_length}, {(void *)(data ? data : ""), length}};
    if (real_writev(log_fd, parts, 3) != (ssize_t)(sizeof head + path_length + length)) {
        static const char failed[] = "record.so: the log cannot be written\n";
        real_write(2, failed, sizeof failed - 1);
        _exit(99);
    }
    errno = kept;
}

void ce_mark(const char *text)
{
    if (!folder_length) return;
    enter();
    put('!', 0, 0, NULL, text, strlen(text));
    leave();
}

static int opened(int at, const char *name, int flags, mode_t mode, int relative)
{
    char path[PATH_MAX];
    begin();
    int inside = folder_length && (flags & (O_CREAT | O_TRUNC)) && resolve(at, name, path);
    if (!inside) {
        int fd = relative ? real_openat(at, name, flags, mode) : real_open(name, flags, mode);
        if (fd >= 0 && fd < DESCRIPTORS) watched[fd] = 0;
        return fd;
    }
    int was_there = inode_at(path) != 0;
    if (was_there && !(flags & O_TRUNC)) enter(); else enter_change();
    int fd = relative ? real_openat(at, name, flags, mode) : real_open(name, flags, mode);
    if (fd >= 0) {
        if (fd < DESCRIPTORS) watched[fd] = 0;
        if (!was_there) put('C', inode(fd), 0, path, NULL, 0);
        else if (flags & O_TRUNC) put('T', inode(fd), 0, NULL, NULL, 0);
    }
    leave();
    return fd;
}

#define MODE(flags) mode_t mode = 0; if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, int); va_end(more); }
int open(const char *name, int flags, ...) { MODE(flags) return opened(AT_FDCWD, name, flags, mode, 0); }
int open64(const char *name, int flags, ...) { MODE(flags) return opened(AT_FDCWD, name, flags, mode, 0); }
int openat(int at, const char *name, int flags, ...) { MODE(flags) return opened(at, name, flags, mode, 1); }
int openat64(int at, const char *name, int flags, ...) { MODE(flags) return opened(at, name, flags, mode, 1); }
int __open_2(const char *name, int flags) { return opened(AT_FDCWD, name, flags, 0, 0); }
int __open64_2(const char *name, int flags) { return opened(AT_FDCWD, name, flags, 0, 0); }
int creat(const char *name, mode_t mode) { return opened(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode, 0); }
int creat64(const char *name, mode_t mode) { return opened(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode, 0); }

/* Streams open their files inside the C library, past the names above. */
static FILE *stream(const char *name, const char *how)
{
    int flags = strchr(how, '+') ? O_RDWR : *how == 'r' ? O_RDONLY : O_WRONLY;
    flags |= *how == 'w' ? O_CREAT | O_TRUNC : *how == 'a' ? O_CREAT | O_APPEND : 0;
    int fd = opened(AT_FDCWD, name, flags | (strchr(how, 'e') ? O_CLOEXEC : 0), 0666, 0);
    return fd < 0 ? NULL : fdopen(fd, how);
}

FILE *fopen(const char *name, const char *how) { return stream(name, how); }
FILE *fopen64(const char *name, const char *how) { return stream(name, how); }

int close(int fd)
{
    begin();
    if (fd >= 0 && fd < DESCRIPTORS) watched[fd] = 0;
    return real_close(fd);
}

static uint64_t place(int fd)
{
    struct stat info;
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && flags & O_APPEND) return fstat(fd, &info) ? 0 : info.st_size;
    return lseek(fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void *data, size_t length)
{
    begin();
    if (kind_of(fd) != 2) return real_write(fd, data, length);
    enter_change();
    uint64_t at = place(fd);
    ssize_t done = real_write(fd, data, length);
    if (done > 0) put('W', inode(fd), at, NULL, data, done);
    leave();
    return done;
}

static ssize_t written_at(int fd, const void *data, size_t length, off_t at)
{
    begin();
    if (kind_of(fd) != 2) return real_pwrite(fd, data, length, at);
    enter_change();
    ssize_t done = real_pwrite(fd, data, length, at);
    if (done > 0) put('W', inode(fd), at, NULL, data, done);
    leave();
    return done;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return written_at(fd, data, length, at); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) { return written_at(fd, data, length, at); }

static ssize_t gathered(int fd, const struct iovec *parts, int count, off_t at)
{
    begin();
    if (kind_of(fd) != 2) return at < 0 ? real_writev(fd, parts, count) : real_pwritev(fd, parts, count, at);
    enter_change();
    uint64_t from = at < 0 ? place(fd) : (uint64_t)at;
    ssize_t done = at < 0 ? real_writev(fd, parts, count) : real_pwritev(fd, parts, count, at), left = done;
    for (int part = 0; part < count && left > 0; part++) {
        ssize_t size = (ssize_t)parts[part].iov_len < left ? (ssize_t)parts[part].iov_len : left;
        put('W', inode(fd), from, NULL, parts[part].iov_base, size);
        from += size;
        left -= size;
    }
    leave();
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) { return gathered(fd, parts, count, -1); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return gathered(fd, parts, count, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { return gathered(fd, parts, count, at); }

static int cut(int fd, off_t size)
{
    begin();
    if (kind_of(fd) != 2) return real_ftruncate(fd, size);
    enter_change();
    int done = real_ftruncate(fd, size);
    if (!done) put('T', inode(fd), size, NULL, NULL, 0);
    leave();
    return done;
}

int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off64_t size) { return cut(fd, size); }

static int cut_name(const char *name, off_t size)
{
    int fd = open(name, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    int done = cut(fd, size), kept = errno;
    close(fd);
    errno = kept;
    return done;
}

int truncate(const char *name, off_t size) { return cut_name(name, size); }
int truncate64(const char *name, off64_t size) { return cut_name(name, size); }

/* Preallocation only grows the file with zeros. */
static int grown(int fd, off_t at, off_t length)
{
    struct stat info;
    begin();
    if (kind_of(fd) != 2) return real_fallocate(fd, at, length);
    enter_change();
    int done = real_fallocate(fd, at, length);
    if (!done && !fstat(fd, &info)) put('T', info.st_ino, info.st_size, NULL, NULL, 0);
    leave();
    return done;
}

int posix_fallocate(int fd, off_t at, off_t length) { return grown(fd, at, length); }
int posix_fallocate64(int fd, off64_t at, off64_t length) { return grown(fd, at, length); }

int fallocate(int fd, int mode, off_t at, off_t length)
{
    begin();
    if (kind_of(fd) == 2) { errno = EOPNOTSUPP; return -1; } /* callers fall back to writing zeros, which is recorded */
    return syscall(SYS_fallocate, fd, mode, at, length);
}

int fallocate64(int fd, int mode, off64_t at, off64_t length) { return fallocate(fd, mode, at, length); }

ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t length, unsigned flags)
{
    begin();
    if (kind_of(out) == 2) { errno = EXDEV; return -1; }
    return syscall(SYS_copy_file_range, in, in_at, out, out_at, length, flags);
}

static int synced(int fd, int (*really)(int))
{
    int kind = kind_of(fd);
    if (kind == 1) return really(fd);
    enter();
    int done = really(fd);
    if (!done && kind == 3) {
        char link[64], path[PATH_MAX];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        if (length > 0) { path[length] = 0; put('D', 0, 0, path, NULL, 0); }
    } else if (!done) put('S', inode(fd), 0, NULL, NULL, 0);
    leave();
    return done;
}

int fsync(int fd) { begin(); return synced(fd, real_fsync); }
int fdatasync(int fd) { begin(); return synced(fd, real_fdatasync); }

int renameat(int from_at, const char *from, int to_at, const char *to)
{
    char old[PATH_MAX], new[PATH_MAX];
    begin();
    int inside = folder_length && resolve(from_at, from, old) && resolve(to_at, to, new);
    if (!inside) return real_renameat(from_at, from, to_at, to);
    enter_change();
    int done = real_renameat(from_at, from, to_at, to);
    if (!done) put('R', inode_at(new), 0, old, new, strlen(new));
    leave();
    return done;
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
    if (!flags) return renameat(from_at, from, to_at, to);
    return syscall(SYS_renameat2, from_at, from, to_at, to, flags);
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
    char old[PATH_MAX], new[PATH_MAX];
    begin();
    int inside = folder_length && resolve(from_at, from, old) && resolve(to_at, to, new);
    if (!inside) return real_linkat(from_at, from, to_at, to, flags);
    enter_change();
    int done = real_linkat(from_at, from, to_at, to, flags);
    if (!done) put('L', inode_at(new), 0, old, new, strlen(new));
    leave();
    return done;
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int unlinkat(int at, const char *name, int flags)
{
    char path[PATH_MAX];
    begin();
    int inside = folder_length && resolve(at, name, path);
    if (!inside) return real_unlinkat(at, name, flags);
    enter_change();
    int done = real_unlinkat(at, name, flags);
    if (!done) put('U', 0, 0, path, NULL, 0);
    leave();
    return done;
}

int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
int remove(const char *name) { return unlinkat(AT_FDCWD, name, 0) && errno == EISDIR ? rmdir(name) : 0; }

int mkdirat(int at, const char *name, mode_t mode)
{
    char path[PATH_MAX];
    begin();
    int inside = folder_length && resolve(at, name, path);
    if (!inside) return real_mkdirat(at, name, mode);
    enter_change();
    int done = real_mkdirat(at, name, mode);
    if (!done) put('K', inode_at(path), 0, path, NULL, 0);
    leave();
    return done;
}

int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

static void *mapped(void *address, size_t length, int protection, int flags, int fd, off_t at)
{
    begin();
    void *done = real_mmap(address, length, protection, flags, fd, at);
    if (done != MAP_FAILED && fd >= 0 && flags & MAP_SHARED && protection & PROT_WRITE && kind_of(fd) == 2) {
        enter();
        put('M', inode(fd), 0, NULL, NULL, 0);
        leave();
    }
    return done;
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t at) { return mapped(address, length, protection, flags, fd, at); }
void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t at) { return mapped(address, length, protection, flags, fd, at); }
