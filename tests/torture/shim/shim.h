/* A disk that fails on demand: what is put between the daemon (with its SQLite) and the C library.

   plan.c     what is to fail, read from a file that the driver of the tests has mapped, too
   journal.c  what every change took the place of, so that a power cut can be played afterwards
   calls.c    the calls of the C library that are watched, but for
   names.c    those by which names are made, changed and removed

   Only files below the folders named in P2PD_TORTURE_PLACES are watched. Their syncs reach no real
   disk: what a power cut may take is decided by the journal alone, and the tests are quick. */

#ifndef P2PD_TORTURE_SHIM_H
#define P2PD_TORTURE_SHIM_H

#define _GNU_SOURCE
#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

enum kind { READ, WRITE, SYNC, OPEN, NAMES, KINDS };
enum action { FAIL = 1, SHORT, DELAY, HANG, KILL_BEFORE, KILL_AFTER };

#define PLACES 8
#define RULES 16

/* The layout of both structures is known to shim.py. */
struct rule {
    uint32_t on, kinds, places, action, error, chance;
    int64_t skip;
    uint64_t micros;
    uint64_t done;
    uint64_t spare[2];
};

struct plan {
    uint64_t seed, draws, sequence, journal_on, spare[4];
    struct rule rules[RULES];
    uint64_t seen[KINDS][PLACES];
};

struct verdict {
    int error, shortened, kill_after;
};

extern struct plan *plan;

void plan_open(void);
struct verdict judge(enum kind kind, int place);
void end_here(void);

/* The watched folder that a path is in, or -1; `full` becomes the absolute path. */
int place_of(int folder, const char *path, char full[PATH_MAX]);
int place_of_fd(int fd);
void watch_fd(int fd, int place);
const char *root_of(int place);

/* All of these are called with the lock held, before the change but for `created`. */
void journal_lock(void);
void journal_unlock(void);
void journal_write(int fd, int place, uint64_t offset, uint64_t length);
void journal_size(int fd, int place, uint64_t size);
void journal_created(int place, const char *path);
void journal_renamed(int place, const char *from, const char *to);
void journal_linked(int place, const char *path);
void journal_removed(int place, const char *path, int folder);
void journal_synced(int fd, int place, uint64_t up_to);
uint64_t journal_now(void);
int journaling(void);

#endif
