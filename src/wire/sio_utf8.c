
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "sio_utf8.h"
#include "sio_scan.h"


static int sio_utf8_lead(sio_utf8_t *u, uint8_t c);


int
sio_utf8_check(sio_utf8_t *u, const uint8_t *p, size_t len)
{
    size_t          n;
    const uint8_t  *last;

    if (len == 0) {
        return SIO_OK;
    }

    last = p + len;

    for ( ;; ) {

        while (u->need) {
            if (p == last) {
                return SIO_OK;
            }

            if (*p < u->low || *p > u->high) {
                return SIO_ERROR;
            }

            p++;
            u->need--;
            u->low = 0x80;
            u->high = 0xbf;
        }

        p = sio_skip_ascii(p, last);

        /* texts without much ASCII stay here */

        while (last - p >= 4 && *p >= 0x80) {
            n = sio_utf8_char(p, last);
            if (n == 0) {
                return SIO_ERROR;
            }

            p += n;
        }

        if (p == last) {
            return SIO_OK;
        }

        if (*p < 0x80) {
            continue;
        }

        if (sio_utf8_lead(u, *p++) != SIO_OK) {
            return SIO_ERROR;
        }
    }
}


int
sio_utf8_done(sio_utf8_t *u)
{
    return u->need ? SIO_ERROR : SIO_OK;
}


int
sio_utf8_valid(const uint8_t *p, size_t len)
{
    sio_utf8_t  u;

    memset(&u, 0, sizeof(sio_utf8_t));

    if (sio_utf8_check(&u, p, len) != SIO_OK) {
        return SIO_ERROR;
    }

    return sio_utf8_done(&u);
}


/*
 * WHATWG Encoding, "UTF-8 decoder": the bytes before the one that breaks a
 * character become one U+FFFD, and the breaking byte is looked at again.
 */

size_t
sio_utf8_repair(uint8_t *dst, const uint8_t *src, size_t len)
{
    size_t          n, size;
    sio_utf8_t      u;
    const uint8_t  *p, *last;

    if (len == 0) {
        return 0;
    }

    p = src;
    last = src + len;
    size = 0;

    for ( ;; ) {

        /* the longest valid run */

        while (p < last) {
            p = sio_skip_ascii(p, last);
            if (p == last) {
                break;
            }

            n = sio_utf8_char(p, last);
            if (n == 0) {
                break;
            }

            p += n;
        }

        n = p - src;

        if (dst) {
            memcpy(dst + size, src, n);
        }

        size += n;

        if (p == last) {
            return size;
        }

        /* the invalid part */

        if (sio_utf8_lead(&u, *p++) == SIO_OK) {
            while (p < last && *p >= u.low && *p <= u.high) {
                p++;
                u.low = 0x80;
                u.high = 0xbf;
            }
        }

        if (dst) {
            dst[size] = 0xef;
            dst[size + 1] = 0xbf;
            dst[size + 2] = 0xbd;
        }

        size += 3;
        src = p;
    }
}


/* c >= 0x80 begins a character; Unicode, table 3-7 */

static int
sio_utf8_lead(sio_utf8_t *u, uint8_t c)
{
    if (c < 0xc2 || c > 0xf4) {
        return SIO_ERROR;
    }

    u->low = 0x80;
    u->high = 0xbf;

    if (c < 0xe0) {
        u->need = 1;
        return SIO_OK;
    }

    if (c < 0xf0) {
        u->need = 2;

        if (c == 0xe0) {
            u->low = 0xa0;

        } else if (c == 0xed) {
            u->high = 0x9f;
        }

        return SIO_OK;
    }

    u->need = 3;

    if (c == 0xf0) {
        u->low = 0x90;

    } else if (c == 0xf4) {
        u->high = 0x8f;
    }

    return SIO_OK;
}
