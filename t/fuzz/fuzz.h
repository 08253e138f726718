
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What the fuzz targets share.
 */


#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define fuzz_check(cond)                                                      \
    do {                                                                      \
        if (!(cond)) {                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);        \
            abort();                                                          \
        }                                                                     \
    } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* len bytes and not one more; the caller frees them */

static inline uint8_t *
fuzz_alloc(size_t len)
{
    uint8_t  *p;

    p = calloc(1, len);
    fuzz_check(p || len == 0);

    return p;
}


static inline uint8_t *
fuzz_copy(const void *data, size_t len)
{
    uint8_t  *p;

    p = fuzz_alloc(len);

    if (len) {
        memcpy(p, data, len);
    }

    return p;
}


static inline int
fuzz_same(const void *a, size_t alen, const void *b, size_t blen)
{
    return alen == blen && (alen == 0 || memcmp(a, b, alen) == 0);
}


/* is the slice p, len within data, size */

static inline int
fuzz_inside(const uint8_t *p, size_t len, const uint8_t *data, size_t size)
{
    return p >= data && len <= size && (size_t) (p - data) <= size - len;
}


#endif /* _FUZZ_H_INCLUDED_ */
