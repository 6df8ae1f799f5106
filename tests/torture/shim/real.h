/* The functions of the C library that ours stand before. */

#ifndef P2PD_TORTURE_REAL_H
#define P2PD_TORTURE_REAL_H

#include "shim.h"

#include <dlfcn.h>

/* REAL(name) is the function of this name that we stand before. */
#define REAL(name) real_##name()
#define STANDS_BEFORE(name) \
    static __typeof__(name) *real_##name(void) \
    { \
        static __typeof__(name) *found; \
        if (!found) \
            found = (__typeof__(name) *)dlsym(RTLD_NEXT, #name); \
        return found; \
    }

static inline void end_if(struct verdict verdict)
{
    if (verdict.kill_after)
        end_here();
}

#endif
