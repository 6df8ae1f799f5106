/* The calls of the C library by which names are made, changed and removed. */

#include "real.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

STANDS_BEFORE(renameat2)
STANDS_BEFORE(linkat)
STANDS_BEFORE(unlinkat)
STANDS_BEFORE(mkdirat)

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    char full_from[PATH_MAX], full_to[PATH_MAX];
    int place = place_of(to_folder, to, full_to);
    if (place < 0 || place_of(from_folder, from, full_from) < 0)
        return REAL(renameat2)(from_folder, from, to_folder, to, flags);
    struct verdict verdict = judge(NAMES, place);
    if (verdict.error)
        return -1;
    journal_lock();
    if (journaling())
        journal_renamed(place, full_from, full_to);
    int done = REAL(renameat2)(from_folder, from, to_folder, to, flags);
    int problem = errno;
    journal_unlock();
    end_if(verdict);
    errno = problem;
    return done;
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return renameat2(from_folder, from, to_folder, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    char full[PATH_MAX];
    int place = place_of(to_folder, to, full);
    if (place < 0)
        return REAL(linkat)(from_folder, from, to_folder, to, flags);
    struct verdict verdict = judge(NAMES, place);
    if (verdict.error)
        return -1;
    journal_lock();
    int done = REAL(linkat)(from_folder, from, to_folder, to, flags);
    int problem = errno;
    if (!done && journaling())
        journal_linked(place, full);
    journal_unlock();
    end_if(verdict);
    errno = problem;
    return done;
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int folder, const char *path, int flags)
{
    char full[PATH_MAX];
    int place = place_of(folder, path, full);
    if (place < 0)
        return REAL(unlinkat)(folder, path, flags);
    struct verdict verdict = judge(NAMES, place);
    if (verdict.error)
        return -1;
    journal_lock();
    if (journaling())
        journal_removed(place, full, flags & AT_REMOVEDIR);
    int done = REAL(unlinkat)(folder, path, flags);
    int problem = errno;
    journal_unlock();
    end_if(verdict);
    errno = problem;
    return done;
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdirat(int folder, const char *path, mode_t mode)
{
    char full[PATH_MAX];
    int place = place_of(folder, path, full);
    if (place < 0)
        return REAL(mkdirat)(folder, path, mode);
    struct verdict verdict = judge(NAMES, place);
    if (verdict.error)
        return -1;
    journal_lock();
    int done = REAL(mkdirat)(folder, path, mode);
    int problem = errno;
    if (!done && journaling())
        journal_created(place, full);
    journal_unlock();
    end_if(verdict);
    errno = problem;
    return done;
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}
