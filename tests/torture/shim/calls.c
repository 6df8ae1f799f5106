/* The calls of the C library by which files are opened, read, changed and synced. */

#include "real.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define ALSO_CALLED(type, name, other, parameters) \
    type name parameters __attribute__((alias(#other)))

ssize_t sendfile64(int to, int from, off64_t *offset, size_t length);

STANDS_BEFORE(openat64)
STANDS_BEFORE(close)
STANDS_BEFORE(write)
STANDS_BEFORE(pwrite64)
STANDS_BEFORE(read)
STANDS_BEFORE(pread64)
STANDS_BEFORE(preadv64v2)
STANDS_BEFORE(fsync)
STANDS_BEFORE(fdatasync)
STANDS_BEFORE(ftruncate64)
STANDS_BEFORE(posix_fallocate64)
STANDS_BEFORE(copy_file_range)
STANDS_BEFORE(sendfile64)

__attribute__((constructor)) static void begin(void)
{
    plan_open();
}

/* -- opening --------------------------------------------------------------------------------- */

static int open_watched(int folder, const char *path, int flags, mode_t mode)
{
    char full[PATH_MAX];
    plan_open();
    int place = place_of(folder, path, full);
    if (place < 0) {
        int fd = REAL(openat64)(folder, path, flags, mode);
        watch_fd(fd, -1);
        return fd;
    }
    struct verdict verdict = judge(OPEN, place);
    if (verdict.error)
        return -1;
    struct stat state;
    journal_lock();
    int fresh = (flags & O_CREAT) && fstatat(folder, path, &state, AT_SYMLINK_NOFOLLOW);
    int fd = REAL(openat64)(folder, path, flags & ~O_TRUNC, mode);
    if (fd >= 0 && journaling() && fresh)
        journal_created(place, full);
    if (fd >= 0 && (flags & O_TRUNC) && !fstat(fd, &state) && state.st_size) {
        if (journaling())
            journal_size(fd, place, 0);
        REAL(ftruncate64)(fd, 0);
    }
    watch_fd(fd, place);
    journal_unlock();
    end_if(verdict);
    return fd;
}

static mode_t mode_in(int flags, va_list more)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
}

int openat64(int folder, const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = mode_in(flags, more);
    va_end(more);
    return open_watched(folder, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = mode_in(flags, more);
    va_end(more);
    return open_watched(AT_FDCWD, path, flags, mode);
}

ALSO_CALLED(int, openat, openat64, (int folder, const char *path, int flags, ...));
ALSO_CALLED(int, open, open64, (const char *path, int flags, ...));

int close(int fd)
{
    watch_fd(fd, -1);
    return REAL(close)(fd);
}

/* -- reading --------------------------------------------------------------------------------- */

/* How many bytes to ask for; -1 when the disk refuses. */
static ssize_t readable(int fd, size_t length)
{
    int place = place_of_fd(fd);
    if (place < 0)
        return length;
    struct verdict verdict = judge(READ, place);
    if (verdict.error)
        return -1;
    return verdict.shortened && length > 1 ? length / 2 : length;
}

ssize_t read(int fd, void *data, size_t length)
{
    ssize_t most = readable(fd, length);
    return most < 0 ? -1 : REAL(read)(fd, data, most);
}

ssize_t pread64(int fd, void *data, size_t length, off64_t offset)
{
    ssize_t most = readable(fd, length);
    return most < 0 ? -1 : REAL(pread64)(fd, data, most, offset);
}

ssize_t preadv64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags)
{
    ssize_t most = readable(fd, count == 1 ? parts->iov_len : 1);
    if (most < 0)
        return -1;
    if (count != 1)
        return REAL(preadv64v2)(fd, parts, count, offset, flags);
    struct iovec part = {parts->iov_base, most};
    return REAL(preadv64v2)(fd, &part, 1, offset, flags);
}

ssize_t preadv64(int fd, const struct iovec *parts, int count, off64_t offset)
{
    return preadv64v2(fd, parts, count, offset, 0);
}

ALSO_CALLED(ssize_t, pread, pread64, (int fd, void *data, size_t length, off64_t offset));
ALSO_CALLED(ssize_t, preadv, preadv64,
            (int fd, const struct iovec *parts, int count, off64_t offset));
ALSO_CALLED(ssize_t, preadv2, preadv64v2,
            (int fd, const struct iovec *parts, int count, off64_t offset, int flags));

/* -- changing -------------------------------------------------------------------------------- */

/* A write of a watched file; `offset` is -1 for one at its position. */
static ssize_t write_watched(int fd, const void *data, size_t length, off64_t offset)
{
    int place = place_of_fd(fd);
    struct verdict verdict = judge(WRITE, place);
    if (verdict.error)
        return -1;
    if (verdict.shortened && length > 1)
        length /= 2;
    journal_lock();
    if (journaling()) {
        off64_t at = offset;
        struct stat state;
        if (at < 0 && fcntl(fd, F_GETFL) & O_APPEND && !fstat(fd, &state))
            at = state.st_size;
        else if (at < 0)
            at = lseek64(fd, 0, SEEK_CUR);
        journal_write(fd, place, at, length);
    }
    ssize_t written = offset < 0 ? REAL(write)(fd, data, length)
                                 : REAL(pwrite64)(fd, data, length, offset);
    int problem = errno;
    journal_unlock();
    end_if(verdict);
    errno = problem;
    return written;
}

ssize_t write(int fd, const void *data, size_t length)
{
    return place_of_fd(fd) < 0 ? REAL(write)(fd, data, length)
                               : write_watched(fd, data, length, -1);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset)
{
    return place_of_fd(fd) < 0 ? REAL(pwrite64)(fd, data, length, offset)
                               : write_watched(fd, data, length, offset);
}

ALSO_CALLED(ssize_t, pwrite, pwrite64, (int fd, const void *data, size_t length, off64_t offset));

int ftruncate64(int fd, off64_t size)
{
    int place = place_of_fd(fd);
    if (place < 0)
        return REAL(ftruncate64)(fd, size);
    struct verdict verdict = judge(WRITE, place);
    if (verdict.error)
        return -1;
    journal_lock();
    if (journaling())
        journal_size(fd, place, size);
    int done = REAL(ftruncate64)(fd, size);
    journal_unlock();
    end_if(verdict);
    return done;
}

int posix_fallocate64(int fd, off64_t offset, off64_t length)
{
    int place = place_of_fd(fd);
    if (place < 0)
        return REAL(posix_fallocate64)(fd, offset, length);
    struct verdict verdict = judge(WRITE, place);
    if (verdict.error)
        return verdict.error;
    struct stat state;
    journal_lock();
    if (journaling() && !fstat(fd, &state) && offset + length > state.st_size)
        journal_size(fd, place, offset + length);
    int done = REAL(posix_fallocate64)(fd, offset, length);
    journal_unlock();
    end_if(verdict);
    return done;
}

ALSO_CALLED(int, ftruncate, ftruncate64, (int fd, off64_t size));
ALSO_CALLED(int, posix_fallocate, posix_fallocate64, (int fd, off64_t offset, off64_t length));

/* Copies within the kernel are refused where they would pass the journal by. */

ssize_t copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t length,
                        unsigned flags)
{
    if (place_of_fd(to) < 0)
        return REAL(copy_file_range)(from, from_offset, to, to_offset, length, flags);
    errno = EXDEV;
    return -1;
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t length)
{
    if (place_of_fd(to) < 0)
        return REAL(sendfile64)(to, from, offset, length);
    errno = EINVAL;
    return -1;
}

ALSO_CALLED(ssize_t, sendfile, sendfile64, (int to, int from, off64_t *offset, size_t length));

/* -- syncing --------------------------------------------------------------------------------- */

static int sync_watched(int fd)
{
    int place = place_of_fd(fd);
    uint64_t up_to = journal_now();
    struct verdict verdict = judge(SYNC, place);
    if (verdict.error)
        return -1;
    journal_lock();
    if (journaling())
        journal_synced(fd, place, up_to);
    journal_unlock();
    end_if(verdict);
    return 0;
}

int fsync(int fd)
{
    return place_of_fd(fd) < 0 ? REAL(fsync)(fd) : sync_watched(fd);
}

int fdatasync(int fd)
{
    return place_of_fd(fd) < 0 ? REAL(fdatasync)(fd) : sync_watched(fd);
}
