
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The first byte chooses the limits, the second how the rest, a stream of
 * frames, is cut.  In pieces it gives the same messages as whole.  Then the
 * rest is sent as one message, which must come back.
 */


#include "fuzz.h"
#include "../../src/wire/sio_ws.h"


typedef struct {
    uint8_t  *text;         /* whole messages and control frames */
    size_t    len;
    uint8_t  *message;      /* in progress */
    size_t    nmessage;
    int       rc;
    unsigned  code;
    unsigned  in_message;
} log_t;


static void
put(log_t *log, unsigned type, unsigned code, const uint8_t *p, size_t len)
{
    log->text[log->len++] = type;
    log->text[log->len++] = code >> 8;
    log->text[log->len++] = code & 0xff;
    memcpy(log->text + log->len, &len, sizeof(len));
    log->len += sizeof(len);

    if (len) {
        memcpy(log->text + log->len, p, len);
        log->len += len;
    }
}


static void
put_event(log_t *log, sio_ws_event_t *ev, uint64_t max_message)
{
    switch (ev->type) {

    case SIO_WS_TEXT:
    case SIO_WS_BINARY:

        fuzz_check(ev->first == !log->in_message);
        fuzz_check(ev->len || ev->last);
        fuzz_check(ev->code == 0);

        if (ev->first) {
            log->nmessage = 0;
        }

        memcpy(log->message + log->nmessage, ev->data, ev->len);
        log->nmessage += ev->len;
        fuzz_check(log->nmessage <= max_message);

        log->in_message = !ev->last;

        if (ev->last) {
            if (ev->type == SIO_WS_TEXT) {
                fuzz_check(sio_utf8_valid(log->message, log->nmessage)
                           == SIO_OK);
            }

            put(log, ev->type, 0, log->message, log->nmessage);
        }

        return;

    case SIO_WS_CLOSE:
        fuzz_check(ev->code >= 1000 && ev->code <= 4999);
        fuzz_check(sio_utf8_valid(ev->data, ev->len) == SIO_OK);
        fuzz_check(ev->len <= 123);
        break;

    case SIO_WS_PING:
    case SIO_WS_PONG:
        fuzz_check(ev->len <= 125);
        break;

    default:
        fuzz_check(0);
    }

    put(log, ev->type, ev->code, ev->data, ev->len);
}


static void
run(log_t *log, const uint8_t *data, size_t size, size_t step, uint64_t max,
    uint32_t fragments)
{
    size_t           at, n, nrest;
    uint8_t         *b, *pos, *last, rest[SIO_WS_MAX_REST];
    sio_ws_t         ws;
    sio_ws_event_t   ev;

    memset(log, 0, sizeof(log_t));

    /* an empty frame of six bytes is an entry of eleven */

    log->text = fuzz_alloc(4 * size + 16);
    log->message = fuzz_alloc(size + 1);
    log->rc = SIO_AGAIN;

    sio_ws_init(&ws, max, fragments);
    nrest = 0;

    for (at = 0; at < size && log->rc == SIO_AGAIN; at += n) {

        n = size - at < step ? size - at : step;

        b = fuzz_alloc(nrest + n);
        memcpy(b, rest, nrest);
        memcpy(b + nrest, data + at, n);

        pos = b;
        last = b + nrest + n;

        while ((log->rc = sio_ws_parse(&ws, &pos, last, &ev)) == SIO_OK) {
            fuzz_check(fuzz_inside(ev.data, ev.len, b, last - b));
            fuzz_check(ev.data + ev.len <= pos && pos <= last);
            put_event(log, &ev, max);
        }

        nrest = 0;

        if (log->rc == SIO_AGAIN) {
            nrest = last - pos;
            fuzz_check(nrest <= SIO_WS_MAX_REST);
            memcpy(rest, pos, nrest);

        } else {
            fuzz_check(log->rc == SIO_ERROR);
            fuzz_check(ev.code == 1002
                       || (ev.code >= 1007 && ev.code <= 1009));
            log->code = ev.code;
        }

        free(b);
    }
}


static void
check_same(log_t *a, log_t *b)
{
    fuzz_check(a->rc == b->rc && a->code == b->code);
    fuzz_check(fuzz_same(a->text, a->len, b->text, b->len));

    free(b->text);
    free(b->message);
}


static void
check_round_trip(const uint8_t *data, size_t size)
{
    size_t    n;
    uint8_t  *p;
    log_t     log;

    static const uint8_t  mask[4] = { 0x12, 0xff, 0x00, 0x80 };

    p = fuzz_alloc(SIO_WS_MAX_HEADER + 4 + size);

    n = sio_ws_write_header(p, SIO_WS_BINARY, size);
    fuzz_check(n == sio_ws_header_len(size));

    p[1] |= 0x80;
    memcpy(p + n, mask, 4);
    n += 4;

    if (size) {
        memcpy(p + n, data, size);
    }

    (void) sio_ws_mask(p + n, size, mask, 0);

    run(&log, p, n + size, size < 64 ? 1 : 7, size, 1);

    fuzz_check(log.rc == SIO_AGAIN && !log.in_message);
    fuzz_check(fuzz_same(log.message, log.nmessage, data, size));

    free(log.text);
    free(log.message);
    free(p);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    step;
    log_t     whole, parts;
    uint64_t  max;
    uint32_t  fragments;

    if (size < 2) {
        return 0;
    }

    max = (data[0] & 0x80) ? UINT64_MAX : (uint64_t) (data[0] & 0x78) << 2;
    fragments = (data[0] & 7) ? data[0] & 7 : UINT32_MAX;
    step = data[1] ? data[1] : 256;

    data += 2;
    size -= 2;

    run(&whole, data, size, size, max, fragments);

    run(&parts, data, size, 1, max, fragments);
    check_same(&whole, &parts);

    run(&parts, data, size, step, max, fragments);
    check_same(&whole, &parts);

    free(whole.text);
    free(whole.message);

    check_round_trip(data, size);

    return 0;
}
