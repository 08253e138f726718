
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What is written is read again; reading in place is as reading elsewhere.
 */


#include "fuzz.h"
#include "../../src/wire/sio_base64.h"


static void
check_write(const uint8_t *data, size_t size)
{
    size_t    n, len;
    uint8_t  *text, *back;

    n = sio_base64_len(size);
    text = fuzz_alloc(n);
    fuzz_check(sio_base64_write(text, data, size) == n);

    back = fuzz_alloc(sio_base64_max_read(n));
    len = sio_base64_read(back, text, n);
    fuzz_check(fuzz_same(back, len, data, size));

    free(text);
    free(back);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    n;
    uint8_t  *src, *dst;

    src = fuzz_copy(data, size);
    dst = fuzz_alloc(sio_base64_max_read(size));

    check_write(src, size);

    n = sio_base64_read(dst, src, size);
    fuzz_check(n <= sio_base64_max_read(size));

    check_write(dst, n);

    fuzz_check(fuzz_same(src, sio_base64_read(src, src, size), dst, n));

    free(src);
    free(dst);

    return 0;
}
