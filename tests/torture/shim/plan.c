/* What is to fail: rules in shared memory, which the driver turns on and off while we run. */

#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MOST_FDS 65536
#define HANG_MICROS 5000

struct plan *plan;

static char roots[PLACES][PATH_MAX];
static int places;
static signed char watched[MOST_FDS]; /* place + 1 of each descriptor */

void plan_open(void)
{
    const char *path = getenv("P2PD_TORTURE_PLAN"), *list = getenv("P2PD_TORTURE_PLACES");
    if (!path || !list || plan)
        return;
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    void *mapped = mmap(NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (mapped == MAP_FAILED)
        abort();
    while (*list && places < PLACES) {
        size_t length = strcspn(list, ":");
        memcpy(roots[places++], list, length);
        list += length + (list[length] == ':');
    }
    plan = mapped;
}

static int within(const char *path, const char *root)
{
    size_t length = strlen(root);
    return !strncmp(path, root, length) && (path[length] == '/' || !path[length]);
}

static int ends_with(const char *path, const char *end)
{
    size_t length = strlen(path), tail = strlen(end);
    return length >= tail && !strcmp(path + length - tail, end);
}

int place_of(int folder, const char *path, char full[PATH_MAX])
{
    if (!plan || !path)
        return -1;
    size_t begin = 0;
    if (*path != '/') {
        if (folder == AT_FDCWD || place_of_fd(folder) < 0)
            return -1;
        char link[64];
        strcpy(link, "/proc/self/fd/");
        char digits[16];
        int at = 0, number = folder;
        do
            digits[at++] = '0' + number % 10;
        while (number /= 10);
        size_t end = strlen(link);
        while (at)
            link[end++] = digits[--at];
        link[end] = 0;
        ssize_t length = readlink(link, full, PATH_MAX - 2);
        if (length < 0)
            return -1;
        begin = length;
        full[begin++] = '/';
    }
    size_t length = strlen(path);
    if (begin + length >= PATH_MAX)
        return -1;
    memcpy(full + begin, path, length + 1);
    if (ends_with(full, "-shm")) /* SQLite's shared memory is made anew after a crash */
        return -1;
    /* The first folder is that of the state, where the database and what is beside it differ. */
    for (int place = 1; place < places; place++)
        if (within(full, roots[place])) {
            if (place == 1 && !strncmp(full + strlen(roots[1]), "/state.db", 9))
                return 0;
            return place;
        }
    return -1;
}

int place_of_fd(int fd)
{
    return fd >= 0 && fd < MOST_FDS ? watched[fd] - 1 : -1;
}

void watch_fd(int fd, int place)
{
    if (fd >= 0 && fd < MOST_FDS)
        watched[fd] = place + 1;
}

const char *root_of(int place)
{
    return roots[place ? place : 1];
}

static uint32_t draw(void)
{
    uint64_t z = plan->seed + 0x9E3779B97F4A7C15u * __atomic_add_fetch(&plan->draws, 1, 5);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (z ^ (z >> 31)) >> 32;
}

static void wait_micros(uint64_t micros)
{
    struct timespec rest = {micros / 1000000, micros % 1000000 * 1000};
    nanosleep(&rest, NULL);
}

void end_here(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static int applies(struct rule *rule, enum kind kind, int place)
{
    if (!__atomic_load_n(&rule->on, 5) || !(rule->kinds >> kind & 1) ||
        !(rule->places >> place & 1))
        return 0;
    if (__atomic_fetch_sub(&rule->skip, 1, 5) > 0)
        return 0;
    return rule->chance == UINT32_MAX || draw() < rule->chance;
}

struct verdict judge(enum kind kind, int place)
{
    struct verdict verdict = {0, 0, 0};
    __atomic_add_fetch(&plan->seen[kind][place], 1, 5);
    for (int number = 0; number < RULES; number++) {
        struct rule *rule = &plan->rules[number];
        if (!applies(rule, kind, place))
            continue;
        __atomic_add_fetch(&rule->done, 1, 5);
        if (rule->action == FAIL)
            verdict.error = rule->error;
        else if (rule->action == SHORT)
            verdict.shortened = 1;
        else if (rule->action == DELAY)
            wait_micros(rule->micros);
        else if (rule->action == HANG)
            while (__atomic_load_n(&rule->on, 5))
                wait_micros(HANG_MICROS);
        else if (rule->action == KILL_BEFORE)
            end_here();
        else
            verdict.kill_after = 1;
    }
    if (verdict.error)
        errno = verdict.error;
    return verdict;
}
