
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What the unit tests share.  A test is a main() that runs groups and returns
 * unit_result(); a group prints one line.
 *
 * Bytes under test go through unit_copy(): exactly as long as they are, so
 * that the address sanitizer sees a read beyond them.
 */


#ifndef _UNIT_H_INCLUDED_
#define _UNIT_H_INCLUDED_


#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define UNIT_MAX_REPORTS  20


static unsigned long  unit_checks;
static unsigned long  unit_failed;
static unsigned long  unit_all_failed;


#define group(fn)         unit_group(#fn, fn)

#define check(cond)                                                           \
    unit_check((cond) ? 1 : 0, __FILE__, __LINE__, #cond)

#define check_int(got, want)                                                  \
    unit_check_int((long long) (got), (long long) (want), __FILE__, __LINE__, \
                   #got)

/* got: pointer and length; want: a string literal or variable */

#define check_text(got, len, want)                                            \
    unit_check_text(got, len, want, strlen(want), __FILE__, __LINE__, #got)

#define check_bytes(got, len, want, want_len)                                 \
    unit_check_text(got, len, want, want_len, __FILE__, __LINE__, #got)

/* the same for a sio_str_t */

#define check_str(got, want)  check_text((got).data, (got).len, want)


static inline int
unit_check(int ok, const char *file, int line, const char *what)
{
    unit_checks++;

    if (ok) {
        return 1;
    }

    if (unit_failed++ < UNIT_MAX_REPORTS) {
        fprintf(stderr, "%s:%d: %s\n", file, line, what);
    }

    return 0;
}


static inline void
unit_check_int(long long got, long long want, const char *file, int line,
    const char *what)
{
    if (!unit_check(got == want, file, line, what)
        && unit_failed <= UNIT_MAX_REPORTS)
    {
        fprintf(stderr, "    is %lld, not %lld\n", got, want);
    }
}


static inline void
unit_print(const char *name, const void *p, size_t len)
{
    size_t          i;
    const uint8_t  *b;

    b = p;

    fprintf(stderr, "    %s %zu \"", name, len);

    for (i = 0; i < len && i < 200; i++) {
        if (b[i] >= 0x20 && b[i] < 0x7f) {
            fputc(b[i], stderr);

        } else {
            fprintf(stderr, "\\x%02x", b[i]);
        }
    }

    fprintf(stderr, "\"\n");
}


static inline void
unit_check_text(const void *got, size_t len, const void *want,
    size_t want_len, const char *file, int line, const char *what)
{
    int  ok;

    ok = (len == want_len && (len == 0 || memcmp(got, want, len) == 0));

    if (!unit_check(ok, file, line, what)
        && unit_failed <= UNIT_MAX_REPORTS)
    {
        unit_print("is ", got, len);
        unit_print("not", want, want_len);
    }
}


/* the caller frees it */

static inline uint8_t *
unit_copy(const void *p, size_t len)
{
    uint8_t  *b;

    /* malloc(0) too is an address of which no byte may be read */

    b = malloc(len);

    if (b == NULL && len) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }

    if (len) {
        memcpy(b, p, len);
    }

    return b;
}


static inline void
unit_group(const char *name, void (*fn)(void))
{
    unit_checks = 0;
    unit_failed = 0;

    fn();

    printf("%s %s (%lu checks)\n", unit_failed ? "not ok" : "ok", name,
           unit_checks);

    unit_all_failed += unit_failed;
}


static inline int
unit_result(void)
{
    return unit_all_failed ? 1 : 0;
}


/* xorshift64*: the same numbers in every run */

static inline uint32_t
unit_random(uint64_t *state)
{
    uint64_t  x;

    x = *state ? *state : 0x9e3779b97f4a7c15ULL;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;

    *state = x;

    return (uint32_t) ((x * 0x2545f4914f6cdd1dULL) >> 32);
}


#endif /* _UNIT_H_INCLUDED_ */
