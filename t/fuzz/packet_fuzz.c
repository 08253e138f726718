
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What was parsed, when written, is parsed as the same.
 */


#include "fuzz.h"
#include "../../src/wire/sio_packet.h"
#include "../../src/wire/sio_utf8.h"


#define MAX_ARGS  5


static const sio_packet_limits_t  limits = { 10, 32, 40 };


static int
same(const sio_str_t *a, const sio_str_t *b)
{
    return fuzz_same(a->data, a->len, b->data, b->len);
}


static void
check_again(const sio_packet_t *pkt)
{
    size_t         n, head;
    uint8_t       *p;
    sio_packet_t   again;

    head = sio_packet_write_head(NULL, pkt->type, pkt->nattachments, &pkt->nsp,
                                 &pkt->id);

    n = pkt->json.type ? pkt->json.value.len : 0;
    p = fuzz_alloc(head + n);

    fuzz_check(sio_packet_write_head(p, pkt->type, pkt->nattachments,
                                     &pkt->nsp, &pkt->id) == head);

    if (n) {
        memcpy(p + head, pkt->json.value.data, n);
    }

    fuzz_check(sio_packet_parse(p, head + n, &limits, &again, NULL, 0)
               == SIO_OK);

    fuzz_check(again.type == pkt->type
               && again.nattachments == pkt->nattachments
               && again.json.type == pkt->json.type
               && again.json.nelts == pkt->json.nelts);
    fuzz_check(same(&again.nsp, &pkt->nsp) && same(&again.id, &pkt->id)
               && same(&again.json.value, &pkt->json.value));

    free(p);
}


/* any bytes: a result of no use, but nothing outside, and an end */

static void
check_garbage(uint8_t *p, size_t size)
{
    int         rc;
    size_t      i;
    uint8_t    *pos, *before;
    uint32_t    num;
    sio_str_t   value, out;

    value.data = pos = p;
    value.len = size;
    i = 0;

    do {
        before = pos;
        rc = sio_packet_next_placeholder(&value, &pos, &out, &num);

        fuzz_check(pos >= before && pos <= p + size);
        fuzz_check(i++ <= size);

        if (rc == SIO_OK) {
            fuzz_check(fuzz_inside(out.data, out.len, p, size));
        }

    } while (rc == SIO_OK);
}


static void
check_placeholders(const sio_packet_t *pkt)
{
    int         rc;
    uint8_t    *pos, *before, buf[SIO_PLACEHOLDER_MAX];
    size_t      n;
    uint32_t    num, back;
    sio_str_t   out, str;

    pos = pkt->json.value.data;

    for ( ;; ) {
        before = pos;
        rc = sio_packet_next_placeholder(&pkt->json.value, &pos, &out, &num);

        fuzz_check(pos >= before);
        fuzz_check(pos <= pkt->json.value.data + pkt->json.value.len);

        if (rc != SIO_OK) {
            break;
        }

        fuzz_check(pkt->json.placeholder);
        fuzz_check(out.data >= before && out.data + out.len == pos);
        fuzz_check(out.len >= 2 && out.data[0] == '{'
                   && out.data[out.len - 1] == '}');

        if (pkt->type >= SIO_BINARY_EVENT) {
            fuzz_check(num < pkt->nattachments);
        }

        n = sio_packet_write_placeholder(buf, num);
        fuzz_check(n <= SIO_PLACEHOLDER_MAX);

        str.data = before = buf;
        str.len = n;

        fuzz_check(sio_packet_next_placeholder(&str, &before, &out, &back)
                   == SIO_OK);
        fuzz_check(back == num && out.data == buf && out.len == n);
    }

    fuzz_check(rc == SIO_DONE || rc == SIO_ERROR);

    if (rc == SIO_ERROR) {
        fuzz_check(pkt->type < SIO_BINARY_EVENT);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int            rc;
    size_t         i;
    uint8_t       *p;
    sio_str_t      args[MAX_ARGS + 1];
    sio_packet_t   pkt, other;

    memset(args, 0, sizeof(args));

    p = fuzz_copy(data, size);
    rc = sio_packet_parse(p, size, &limits, &pkt, args, MAX_ARGS);

    fuzz_check(args[MAX_ARGS].data == NULL);
    fuzz_check(sio_packet_parse(p, size, &limits, &other, NULL, 0) == rc);

    check_garbage(p, size);

    if (rc != SIO_OK) {
        fuzz_check(rc == SIO_ERROR);
        free(p);
        return 0;
    }

    fuzz_check(pkt.type <= SIO_BINARY_ACK);
    fuzz_check(pkt.nsp.len >= 1 && pkt.nsp.len <= limits.max_nsp);
    fuzz_check(pkt.nsp.data[0] == '/');
    fuzz_check(sio_utf8_valid(p, size) == SIO_OK);
    fuzz_check(pkt.id.len <= 20);
    fuzz_check(memchr(p, 0x1e, size) == NULL);

    if (pkt.id.len) {
        fuzz_check(fuzz_inside(pkt.id.data, pkt.id.len, p, size));
    }

    for (i = 0; i < pkt.json.nelts && i < MAX_ARGS; i++) {
        fuzz_check(fuzz_inside(args[i].data, args[i].len, p, size));
    }

    if ((pkt.type == SIO_EVENT || pkt.type == SIO_BINARY_EVENT)
        && pkt.json.type)
    {
        fuzz_check(pkt.json.type == SIO_JSON_ARRAY && pkt.json.nelts >= 1);
    }

    check_again(&pkt);

    if (pkt.json.type) {
        fuzz_check(fuzz_inside(pkt.json.value.data, pkt.json.value.len, p,
                               size));
        check_placeholders(&pkt);
    }

    free(p);

    return 0;
}
