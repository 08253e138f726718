
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "sio_base64.h"


#define SIO_BASE64_END   64      /* "=" */
#define SIO_BASE64_SKIP  65


static const uint8_t  sio_base64_chars[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";


/* both alphabets, RFC 4648, 4 and 5 */

static const uint8_t  sio_base64_values[256] = {
    65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65,
    65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65,
    65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 62, 65, 62, 65, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 65, 65, 65, 64, 65, 65,
    65,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 65, 65, 65, 65, 63,
    65, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 65, 65, 65, 65, 65,
    65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65,
    65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65,
    65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65,
    65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65,
    65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65,
    65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65,
    65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65,
    65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65, 65
};


size_t
sio_base64_write(uint8_t *dst, const uint8_t *src, size_t len)
{
    uint32_t  v;
    uint8_t  *p;

    p = dst;

    while (len >= 3) {
        v = (uint32_t) src[0] << 16 | (uint32_t) src[1] << 8 | src[2];

        *p++ = sio_base64_chars[v >> 18];
        *p++ = sio_base64_chars[v >> 12 & 0x3f];
        *p++ = sio_base64_chars[v >> 6 & 0x3f];
        *p++ = sio_base64_chars[v & 0x3f];

        src += 3;
        len -= 3;
    }

    if (len) {
        v = (uint32_t) src[0] << 16;

        if (len == 2) {
            v |= (uint32_t) src[1] << 8;
        }

        *p++ = sio_base64_chars[v >> 18];
        *p++ = sio_base64_chars[v >> 12 & 0x3f];
        *p++ = (len == 2) ? sio_base64_chars[v >> 6 & 0x3f] : '=';
        *p++ = '=';
    }

    return p - dst;
}


size_t
sio_base64_read(uint8_t *dst, const uint8_t *src, size_t len)
{
    size_t          i;
    uint8_t         a, b, c, d, *p;
    uint32_t        v;
    unsigned        bits;

    p = dst;
    i = 0;

    /* groups of four without anything strange, nearly all there is */

    while (len - i >= 4) {
        a = sio_base64_values[src[i]];
        b = sio_base64_values[src[i + 1]];
        c = sio_base64_values[src[i + 2]];
        d = sio_base64_values[src[i + 3]];

        if ((a | b | c | d) >= SIO_BASE64_END) {
            break;
        }

        *p++ = a << 2 | b >> 4;
        *p++ = (b << 4 | c >> 2) & 0xff;
        *p++ = (c << 6 | d) & 0xff;

        i += 4;
    }

    /* a byte is written eight bits after it was read: dst may be src */

    v = 0;
    bits = 0;

    while (i < len) {
        a = sio_base64_values[src[i++]];

        if (a == SIO_BASE64_END) {
            break;
        }

        if (a == SIO_BASE64_SKIP) {
            continue;
        }

        v = (v << 6 | a) & 0xffff;
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            *p++ = (v >> bits) & 0xff;
        }
    }

    return p - dst;
}
