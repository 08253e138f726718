
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The packets of a payload, joined again, are the payload up to the first bad
 * packet.
 */


#include "fuzz.h"
#include "../../src/wire/sio_eio.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                rc;
    size_t             n;
    uint8_t           *p, *out, sid[SIO_EIO_SID_LEN];
    sio_eio_packet_t   pkt, one;
    sio_eio_payload_t  pl;

    p = fuzz_copy(data, size);
    out = fuzz_alloc(size + 1);
    n = 0;

    sio_eio_payload_init(&pl, p, size);

    while ((rc = sio_eio_payload_next(&pl, &pkt)) == SIO_OK) {

        fuzz_check(fuzz_inside(pkt.data.data, pkt.data.len, p, size));
        fuzz_check(pkt.data.data > p);
        fuzz_check(pkt.has_data || pkt.data.len == 0);
        fuzz_check(pkt.binary == pkt.base64);
        fuzz_check(pkt.data.len == 0
                   || memchr(pkt.data.data, SIO_EIO_SEPARATOR, pkt.data.len)
                      == NULL);

        /* alone, as in a WebSocket message, it is the same */

        fuzz_check(sio_eio_parse(pkt.data.data - 1, pkt.data.len + 1, &one)
                   == SIO_OK);
        fuzz_check(one.type == pkt.type && one.binary == pkt.binary
                   && one.has_data == pkt.has_data
                   && one.data.data == pkt.data.data
                   && one.data.len == pkt.data.len);

        if (n) {
            out[n++] = SIO_EIO_SEPARATOR;
        }

        out[n++] = pkt.binary ? 'b' : pkt.type;
        memcpy(out + n, pkt.data.data, pkt.data.len);
        n += pkt.data.len;
    }

    fuzz_check(n <= size && (n == 0 || memcmp(out, p, n) == 0));

    if (rc == SIO_DONE) {
        fuzz_check(n == size && n > 0);

    } else {
        fuzz_check(rc == SIO_ERROR);
        fuzz_check(n == size ? n == 0 : n == 0 || p[n] == SIO_EIO_SEPARATOR);
        fuzz_check(sio_eio_payload_next(&pl, &pkt) == SIO_DONE);
    }

    if (size >= 15) {
        sio_eio_write_sid(sid, p);
        fuzz_check(sio_eio_check_sid(sid, SIO_EIO_SID_LEN) == SIO_OK);
    }

    (void) sio_eio_check_sid(p, size);

    free(p);
    free(out);

    return 0;
}
