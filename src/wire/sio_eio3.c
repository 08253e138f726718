
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "sio_eio3.h"
#include "sio_scan.h"
#include "sio_utf8.h"


#define SIO_EIO3_LENGTH_END  0xff
#define SIO_EIO3_DIGITS      310    /* of a length, at most */


static int sio_eio3_text_next(sio_eio3_payload_t *pl, sio_eio_packet_t *pkt);
static int sio_eio3_binary_next(sio_eio3_payload_t *pl,
    sio_eio_packet_t *pkt);
static uint8_t *sio_eio3_binary_head(uint8_t *p, uint8_t *last, size_t *len);
static uint8_t *sio_eio3_skip(uint8_t *p, uint8_t *last, size_t units);
static int sio_eio3_fail(sio_eio3_payload_t *pl);


int
sio_eio3_parse(uint8_t *p, size_t len, unsigned binary, sio_eio_packet_t *pkt)
{
    uint8_t  type;

    memset(pkt, 0, sizeof(sio_eio_packet_t));

    if (!binary && (len == 0 || *p != 'b')) {
        return sio_eio_parse(p, len, pkt);
    }

    pkt->type = SIO_EIO_NOOP;
    pkt->binary = 1;
    pkt->base64 = !binary;
    pkt->has_data = 1;

    if (!binary) {
        p++;
        len--;
    }

    pkt->data.data = p;

    if (len == 0) {
        return SIO_OK;
    }

    type = binary ? *p + SIO_EIO_OPEN : *p;

    if (type >= SIO_EIO_OPEN && type <= SIO_EIO_NOOP) {
        pkt->type = type;
    }

    pkt->data.data = p + 1;
    pkt->data.len = len - 1;

    return SIO_OK;
}


void
sio_eio3_payload_init(sio_eio3_payload_t *pl, uint8_t *p, size_t len,
    unsigned binary)
{
    size_t    n;
    uint8_t  *last;

    last = len ? p + len : p;

    pl->pos = p;
    pl->last = last;
    pl->binary = binary ? 1 : 0;
    pl->bad = 0;
    pl->end = 0;

    if (!binary) {
        pl->bad = (len == 0);
        return;
    }

    pl->end = (len == 0);

    while (p < last) {
        p = sio_eio3_binary_head(p, last, &n);

        if (p == NULL) {
            pl->bad = 1;
            return;
        }

        p += n;
    }
}


int
sio_eio3_payload_next(sio_eio3_payload_t *pl, sio_eio_packet_t *pkt)
{
    if (pl->bad) {
        return sio_eio3_fail(pl);
    }

    if (pl->end) {
        return SIO_DONE;
    }

    return pl->binary ? sio_eio3_binary_next(pl, pkt)
                      : sio_eio3_text_next(pl, pkt);
}


static int
sio_eio3_fail(sio_eio3_payload_t *pl)
{
    pl->pos = pl->last;
    pl->bad = 0;
    pl->end = 1;

    return SIO_ERROR;
}


static int
sio_eio3_text_next(sio_eio3_payload_t *pl, sio_eio_packet_t *pkt)
{
    size_t    n;
    uint8_t  *p, *end;

    p = pl->pos;

    for ( ;; ) {

        if (p == pl->last) {
            pl->end = 1;
            return SIO_DONE;
        }

        n = 0;
        end = p;

        while (p < pl->last && *p >= '0' && *p <= '9') {

            n = n * 10 + (*p - '0');

            if (n > (size_t) (pl->last - p)) {
                /* more than there is */
                return sio_eio3_fail(pl);
            }

            p++;
        }

        if (p == end || p == pl->last || *p != ':') {
            return sio_eio3_fail(pl);
        }

        p++;

        if (n) {
            break;
        }
    }

    end = sio_eio3_skip(p, pl->last, n);

    if (end == NULL || sio_eio3_parse(p, end - p, 0, pkt) != SIO_OK) {
        return sio_eio3_fail(pl);
    }

    pl->pos = end;

    return SIO_OK;
}


static int
sio_eio3_binary_next(sio_eio3_payload_t *pl, sio_eio_packet_t *pkt)
{
    size_t     n;
    uint8_t   *p;
    unsigned   binary;

    binary = (*pl->pos != 0);

    p = sio_eio3_binary_head(pl->pos, pl->last, &n);

    if (p == NULL
        || (!binary && sio_utf8_valid(p, n) != SIO_OK)
        || sio_eio3_parse(p, n, binary, pkt) != SIO_OK)
    {
        return sio_eio3_fail(pl);
    }

    pl->pos = p + n;
    pl->end = (pl->pos == pl->last);

    return SIO_OK;
}


/* returns where the packet begins and its length, no more than there is; NULL:
   a bad length.  p < last */

static uint8_t *
sio_eio3_binary_head(uint8_t *p, uint8_t *last, size_t *len)
{
    size_t    n;
    uint8_t  *start;

    n = 0;
    start = ++p;

    while (p < last && *p <= 9 && p - start <= SIO_EIO3_DIGITS) {

        n = n * 10 + *p;

        if (n > (size_t) (last - start)) {
            n = last - start;
        }

        p++;
    }

    if (p == start || p == last || *p != SIO_EIO3_LENGTH_END) {
        return NULL;
    }

    p++;

    *len = (n < (size_t) (last - p)) ? n : (size_t) (last - p);

    return p;
}


/* the end of so many UTF-16 units; NULL: there are less, or it is between the
   two of one character */

static uint8_t *
sio_eio3_skip(uint8_t *p, uint8_t *last, size_t units)
{
    unsigned  n;

    while (units) {

        if (p == last) {
            return NULL;
        }

        n = 1;

        if (*p >= 0xf0) {

            if (units == 1) {
                return NULL;
            }

            n = 2;
        }

        units -= n;

        /* with its continuation bytes */

        for (p++; p < last && (*p & 0xc0) == 0x80; p++) { /* void */ }
    }

    return p;
}


size_t
sio_eio3_units(const uint8_t *p, size_t len)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < len; i++) {
        n += ((p[i] & 0xc0) != 0x80) + (p[i] >= 0xf0);
    }

    return n;
}


size_t
sio_eio3_write_text_head(uint8_t *dst, size_t units)
{
    size_t  n;

    n = sio_uint_write(dst, units);
    dst[n++] = ':';

    return n;
}


size_t
sio_eio3_write_binary_head(uint8_t *dst, unsigned binary, size_t len)
{
    size_t  i, n;

    dst[0] = binary ? 1 : 0;

    n = 1 + sio_uint_write(dst + 1, len);

    for (i = 1; i < n; i++) {
        dst[i] -= '0';
    }

    dst[n++] = SIO_EIO3_LENGTH_END;

    return n;
}
