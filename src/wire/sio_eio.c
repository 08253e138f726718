
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "sio_eio.h"
#include "sio_scan.h"


static size_t sio_eio_write_text(uint8_t *dst, size_t size, const char *text);
static size_t sio_eio_write_number(uint8_t *dst, size_t size, uint64_t n);


/* RFC 4648, 5 */

static const uint8_t  sio_eio_sid_chars[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


int
sio_eio_parse(uint8_t *p, size_t len, sio_eio_packet_t *pkt)
{
    memset(pkt, 0, sizeof(sio_eio_packet_t));

    if (len == 0) {
        return SIO_ERROR;
    }

    pkt->data.data = p + 1;
    pkt->data.len = len - 1;

    if (*p == 'b') {

        /* Engine.IO v4: "b" is always a message, "b" alone an empty one */

        pkt->type = SIO_EIO_MESSAGE;
        pkt->binary = 1;
        pkt->base64 = 1;
        pkt->has_data = 1;

        return SIO_OK;
    }

    if (*p < SIO_EIO_OPEN || *p > SIO_EIO_NOOP) {
        return SIO_ERROR;
    }

    pkt->type = *p;
    pkt->has_data = (len > 1);

    return SIO_OK;
}


void
sio_eio_payload_init(sio_eio_payload_t *pl, uint8_t *p, size_t len)
{
    pl->pos = p;
    pl->last = len ? p + len : p;
    pl->end = 0;
}


int
sio_eio_payload_next(sio_eio_payload_t *pl, sio_eio_packet_t *pkt)
{
    size_t    len;
    uint8_t  *p, *sep;

    if (pl->end) {
        return SIO_DONE;
    }

    p = pl->pos;
    len = pl->last - p;

    sep = len ? memchr(p, SIO_EIO_SEPARATOR, len) : NULL;

    if (sep) {
        len = sep - p;
        pl->pos = sep + 1;

    } else {
        pl->pos = pl->last;
        pl->end = 1;
    }

    if (sio_eio_parse(p, len, pkt) != SIO_OK) {
        pl->pos = pl->last;
        pl->end = 1;
        return SIO_ERROR;
    }

    return SIO_OK;
}


size_t
sio_eio_write_open(uint8_t *dst, const uint8_t sid[SIO_EIO_SID_LEN],
    unsigned upgrades, uint64_t ping_interval, uint64_t ping_timeout,
    uint64_t max_payload)
{
    size_t  n;

    /* the order of keys is Node's */

    n = sio_eio_write_text(dst, 0, "0{\"sid\":\"");

    if (dst) {
        memcpy(dst + n, sid, SIO_EIO_SID_LEN);
    }

    n += SIO_EIO_SID_LEN;

    n = sio_eio_write_text(dst, n, upgrades ? "\",\"upgrades\":[\"websocket\"]"
                                            : "\",\"upgrades\":[]");

    n = sio_eio_write_text(dst, n, ",\"pingInterval\":");
    n = sio_eio_write_number(dst, n, ping_interval);

    n = sio_eio_write_text(dst, n, ",\"pingTimeout\":");
    n = sio_eio_write_number(dst, n, ping_timeout);

    n = sio_eio_write_text(dst, n, ",\"maxPayload\":");
    n = sio_eio_write_number(dst, n, max_payload);

    return sio_eio_write_text(dst, n, "}");
}


void
sio_eio_write_sid(uint8_t dst[SIO_EIO_SID_LEN], const uint8_t raw[15])
{
    unsigned  i;
    uint32_t  v;

    for (i = 0; i < 5; i++) {
        v = (uint32_t) raw[0] << 16 | (uint32_t) raw[1] << 8 | raw[2];

        dst[0] = sio_eio_sid_chars[v >> 18];
        dst[1] = sio_eio_sid_chars[v >> 12 & 0x3f];
        dst[2] = sio_eio_sid_chars[v >> 6 & 0x3f];
        dst[3] = sio_eio_sid_chars[v & 0x3f];

        raw += 3;
        dst += 4;
    }
}


int
sio_eio_check_sid(const uint8_t *p, size_t len)
{
    size_t   i;
    uint8_t  c;

    if (len != SIO_EIO_SID_LEN) {
        return SIO_ERROR;
    }

    for (i = 0; i < len; i++) {
        c = p[i];

        if ((c >= 'A' && c <= 'Z')
            || (c >= 'a' && c <= 'z')
            || (c >= '0' && c <= '9')
            || c == '-' || c == '_')
        {
            continue;
        }

        return SIO_ERROR;
    }

    return SIO_OK;
}


/* both write at dst + size (dst NULL: nothing), and return the new size */

static size_t
sio_eio_write_text(uint8_t *dst, size_t size, const char *text)
{
    size_t  len;

    len = strlen(text);

    if (dst) {
        memcpy(dst + size, text, len);
    }

    return size + len;
}


static size_t
sio_eio_write_number(uint8_t *dst, size_t size, uint64_t n)
{
    size_t   len;
    uint8_t  digits[20];

    len = sio_uint_write(digits, n);

    if (dst) {
        memcpy(dst + size, digits, len);
    }

    return size + len;
}
