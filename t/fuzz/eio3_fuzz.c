
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Payloads of Engine.IO v3, binary when the first byte is odd: the packets
 * lie in order in the payload, behind a head that says their length; written
 * again they are read as the same.
 */


#include "fuzz.h"
#include "../../src/wire/sio_eio3.h"
#include "../../src/wire/sio_utf8.h"


static size_t
again(uint8_t *dst, const uint8_t *p, size_t len, unsigned binary,
    unsigned bytes)
{
    size_t  n;

    n = binary ? sio_eio3_write_binary_head(dst, bytes, len)
               : sio_eio3_write_text_head(dst, sio_eio3_units(p, len));

    memcpy(dst + n, p, len);

    return n + len;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                 rc;
    size_t              n, len;
    uint8_t            *p, *out, *start, *from;
    unsigned            binary, bytes;
    sio_eio_packet_t    pkt, one;
    sio_eio3_payload_t  pl, copy;

    if (size == 0) {
        return 0;
    }

    binary = *data++ & 1;
    size--;

    if (!binary && sio_utf8_valid(data, size) != SIO_OK) {
        return 0;
    }

    p = fuzz_copy(data, size);
    from = p;

    sio_eio3_payload_init(&pl, p, size, binary);

    while ((rc = sio_eio3_payload_next(&pl, &pkt)) == SIO_OK) {

        fuzz_check(fuzz_inside(pkt.data.data, pkt.data.len, p, size));
        fuzz_check(pkt.has_data || pkt.data.len == 0);
        fuzz_check(pkt.type >= SIO_EIO_OPEN && pkt.type <= SIO_EIO_NOOP);
        fuzz_check(binary || pkt.binary == pkt.base64);
        fuzz_check(pkt.data.data >= from && pl.pos > from);
        fuzz_check(pkt.data.data + pkt.data.len == pl.pos);

        from = pl.pos;

        if (pkt.binary && pkt.type == SIO_EIO_NOOP) {
            /* perhaps there is no type, or an unknown one */
            continue;
        }

        bytes = pkt.binary && !pkt.base64;
        start = pkt.data.data - (pkt.base64 ? 2 : 1);

        len = pl.pos - start;
        out = fuzz_alloc(len + SIO_EIO3_HEAD_MAX);
        n = again(out, start, len, binary, bytes);

        sio_eio3_payload_init(&copy, out, n, binary);

        fuzz_check(sio_eio3_payload_next(&copy, &one) == SIO_OK);
        fuzz_check(one.type == pkt.type && one.binary == pkt.binary
                   && one.base64 == pkt.base64
                   && one.has_data == pkt.has_data);
        fuzz_check(fuzz_same(one.data.data, one.data.len, pkt.data.data,
                             pkt.data.len));
        fuzz_check(sio_eio3_payload_next(&copy, &one) == SIO_DONE);

        free(out);
    }

    if (rc == SIO_DONE) {
        fuzz_check(pl.pos <= p + size);

    } else {
        fuzz_check(rc == SIO_ERROR);
        fuzz_check(sio_eio3_payload_next(&pl, &pkt) == SIO_DONE);
    }

    for (bytes = 0; bytes < 2; bytes++) {
        rc = sio_eio3_parse(p, size, bytes, &pkt);

        fuzz_check(rc == SIO_OK || (!bytes && rc == SIO_ERROR));
        fuzz_check(rc != SIO_OK
                   || fuzz_inside(pkt.data.data, pkt.data.len, p, size));
    }

    free(p);

    return 0;
}
