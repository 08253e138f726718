
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * In two pieces is as whole; what was repaired is valid, what was valid stays.
 */


#include "fuzz.h"
#include "../../src/wire/sio_utf8.h"


static int
check_split(const uint8_t *data, size_t size, size_t at)
{
    int         rc;
    uint8_t    *a, *b;
    sio_utf8_t  u;

    a = fuzz_copy(data, at);
    b = fuzz_copy(data + at, size - at);

    memset(&u, 0, sizeof(sio_utf8_t));

    rc = sio_utf8_check(&u, a, at);

    if (rc == SIO_OK) {
        rc = sio_utf8_check(&u, b, size - at);
    }

    if (rc == SIO_OK) {
        rc = sio_utf8_done(&u);
    }

    free(a);
    free(b);

    return rc;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int       rc;
    size_t    n, at;
    uint8_t  *src, *dst, *again;

    src = fuzz_copy(data, size);
    rc = sio_utf8_valid(src, size);

    fuzz_check(rc == SIO_OK || rc == SIO_ERROR);

    for (at = 0; at < size; at += (size < 128) ? 1 : size / 128) {
        fuzz_check(check_split(src, size, at) == rc);
    }

    dst = fuzz_alloc(3 * size);
    n = sio_utf8_repair(dst, src, size);

    fuzz_check(n <= 3 * size);
    fuzz_check(sio_utf8_repair(NULL, src, size) == n);
    fuzz_check(sio_utf8_valid(dst, n) == SIO_OK);
    fuzz_check((rc == SIO_OK) == fuzz_same(dst, n, src, size));

    again = fuzz_alloc(3 * n);
    fuzz_check(fuzz_same(again, sio_utf8_repair(again, dst, n), dst, n));

    free(src);
    free(dst);
    free(again);

    return 0;
}
