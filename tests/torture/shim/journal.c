/* What every change took the place of. A record is written before its change is made, by one call,
   so that a kill leaves at most a record without its change, which undoes nothing.

   Files that are removed or replaced get a second name in the folder beside their place
   ("<place>.attic"), under the number of the record. */

#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FIRST_FD 900 /* out of the way of those that the daemon counts */

/* The layout is known to power_cut.py. */
struct record {
    uint32_t size;
    char type, place;
    uint16_t path_length, second_length, spare;
    uint32_t holes; /* the old bytes were zeros, and are left out */
    uint64_t number, inode, folder, second_folder;
    uint64_t offset, length, old_size;
    int64_t old_time;
} __attribute__((packed));

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;

void journal_lock(void)
{
    pthread_mutex_lock(&lock);
}

void journal_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

int journaling(void)
{
    return plan && plan->journal_on;
}

uint64_t journal_now(void)
{
    return plan->sequence;
}

static void append(struct record *record, const char *path, const char *second, void *data,
                   size_t length)
{
    if (journal < 0) {
        const char *name = getenv("P2PD_TORTURE_JOURNAL");
        int fd = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND, 0600);
        journal = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
        if (journal < 0)
            journal = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        syscall(SYS_close, fd);
        if (journal < 0)
            abort();
    }
    record->path_length = path ? strlen(path) : 0;
    record->second_length = second ? strlen(second) : 0;
    struct iovec parts[4] = {{record, sizeof *record},
                             {(void *)path, record->path_length},
                             {(void *)second, record->second_length},
                             {data, length}};
    record->size = sizeof *record + record->path_length + record->second_length + length;
    if (syscall(SYS_writev, journal, parts, 4) != record->size)
        abort();
}

static struct record numbered(char type, int place)
{
    struct record record = {.type = type, .place = place, .number = ++plan->sequence};
    return record;
}

static int all_zeros(const char *data, size_t length)
{
    return !length || (!data[0] && !memcmp(data, data + 1, length - 1));
}

/* Read what is there, also of a file that is open for writing only. One that can be read is not
   opened again: to close it would give up the locks that SQLite holds. */
static void read_old(int fd, char *data, uint64_t length, uint64_t offset)
{
    char link[32];
    int own = -1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    for (uint64_t got = 0; got < length;) {
        ssize_t part = syscall(SYS_pread64, own < 0 ? fd : own, data + got, length - got, offset + got);
        if (part <= 0 && own >= 0)
            abort();
        if (part <= 0)
            own = syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
        else
            got += part;
    }
    if (own >= 0)
        syscall(SYS_close, own);
}

/* The bytes from offset on that are there now. */
static void keep_bytes(struct record *record, int fd, uint64_t offset, uint64_t length)
{
    struct stat state;
    if (fstat(fd, &state))
        return;
    record->inode = state.st_ino;
    record->offset = offset;
    record->length = length;
    record->old_size = state.st_size;
    record->old_time = state.st_mtim.tv_sec * 1000000000ll + state.st_mtim.tv_nsec;
    uint64_t there = offset < (uint64_t)state.st_size ? state.st_size - offset : 0;
    if (there > length)
        there = length;
    char *data = malloc(there + 1);
    read_old(fd, data, there, offset);
    record->holes = all_zeros(data, there);
    append(record, NULL, NULL, data, record->holes ? 0 : there);
    free(data);
}

void journal_write(int fd, int place, uint64_t offset, uint64_t length)
{
    struct record record = numbered('w', place);
    keep_bytes(&record, fd, offset, length);
}

void journal_size(int fd, int place, uint64_t size)
{
    struct stat state;
    if (fstat(fd, &state) || (uint64_t)state.st_size == size)
        return;
    struct record record = numbered('t', place);
    uint64_t old = state.st_size;
    keep_bytes(&record, fd, size, old > size ? old - size : 0);
}

static uint64_t inode_of(const char *path)
{
    struct stat state;
    return lstat(path, &state) ? 0 : state.st_ino;
}

static uint64_t folder_inode(const char *path)
{
    char folder[PATH_MAX];
    strcpy(folder, path);
    char *end = strrchr(folder, '/');
    *(end > folder ? end : end + 1) = 0;
    return inode_of(folder);
}

static void to_attic(int place, const char *path, uint64_t number)
{
    char kept[PATH_MAX + 32];
    snprintf(kept, sizeof kept, "%s.attic/%llu", root_of(place), (unsigned long long)number);
    syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, kept, 0);
}

static void append_name(struct record *record, const char *path, const char *second)
{
    record->folder = folder_inode(path);
    record->second_folder = second ? folder_inode(second) : 0;
    append(record, path, second, NULL, 0);
}

void journal_created(int place, const char *path)
{
    struct record record = numbered('c', place);
    record.inode = inode_of(path);
    append_name(&record, path, NULL);
}

void journal_linked(int place, const char *path)
{
    struct record record = numbered('l', place);
    append_name(&record, path, NULL);
}

void journal_renamed(int place, const char *from, const char *to)
{
    struct record record = numbered('r', place);
    record.inode = inode_of(from);
    if (inode_of(to))
        to_attic(place, to, record.number);
    append_name(&record, from, to);
}

void journal_removed(int place, const char *path, int folder)
{
    struct record record = numbered(folder ? 'd' : 'u', place);
    record.inode = inode_of(path);
    if (!folder)
        to_attic(place, path, record.number);
    append_name(&record, path, NULL);
}

void journal_synced(int fd, int place, uint64_t up_to)
{
    struct stat state;
    if (fstat(fd, &state))
        return;
    struct record record = numbered('s', place);
    record.inode = state.st_ino;
    record.offset = up_to;
    append(&record, NULL, NULL, NULL, 0);
}
