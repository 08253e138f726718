
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What the files of src/wire share among themselves: tests of eight bytes at
 * once, and the steps over JSON text that has been validated already.  Not for
 * other layers.
 */


#ifndef _SIO_SCAN_H_INCLUDED_
#define _SIO_SCAN_H_INCLUDED_


#include "sio_wire.h"


#define SIO_ONES            0x0101010101010101ULL
#define SIO_HIGHS           0x8080808080808080ULL

/*
 * Not zero if a byte of the word is 0, or below n (n <= 128).  A borrow may
 * mark bytes above a match too, thus good for "is there any" only, which does
 * not depend on the byte order.
 */
#define sio_word_zero(w)      (((w) - SIO_ONES) & ~(w) & SIO_HIGHS)
#define sio_word_below(w, n)  (((w) - SIO_ONES * (n)) & ~(w) & SIO_HIGHS)
#define sio_word_has(w, c)    sio_word_zero((w) ^ (SIO_ONES * (c)))

#define sio_is_digit(c)       ((c) >= '0' && (c) <= '9')


static inline uint64_t
sio_load64(const uint8_t *p)
{
    uint64_t  w;

    memcpy(&w, p, 8);

    return w;
}


/* the first byte in p..last that is not ASCII */

static inline const uint8_t *
sio_skip_ascii(const uint8_t *p, const uint8_t *last)
{
    while (last - p >= 16) {
        if ((sio_load64(p) | sio_load64(p + 8)) & SIO_HIGHS) {
            break;
        }

        p += 16;
    }

    while (last - p >= 8 && !(sio_load64(p) & SIO_HIGHS)) {
        p += 8;
    }

    while (p < last && *p < 0x80) {
        p++;
    }

    return p;
}


/*
 * Length of the character of two to four bytes that begins at p (p < last and
 * *p >= 0x80), 0 if it is not valid or not whole.  Unicode, table 3-7.
 */

static inline size_t
sio_utf8_char(const uint8_t *p, const uint8_t *last)
{
    size_t  left;

    left = last - p;

    if (p[0] < 0xc2) {
        return 0;
    }

    if (p[0] < 0xe0) {
        return (left >= 2 && (p[1] & 0xc0) == 0x80) ? 2 : 0;
    }

    if (p[0] < 0xf0) {
        if (left < 3
            || (p[1] & 0xc0) != 0x80
            || (p[2] & 0xc0) != 0x80
            || (p[0] == 0xe0 && p[1] < 0xa0)
            || (p[0] == 0xed && p[1] > 0x9f))
        {
            return 0;
        }

        return 3;
    }

    if (p[0] > 0xf4
        || left < 4
        || (p[1] & 0xc0) != 0x80
        || (p[2] & 0xc0) != 0x80
        || (p[3] & 0xc0) != 0x80
        || (p[0] == 0xf0 && p[1] < 0x90)
        || (p[0] == 0xf4 && p[1] > 0x8f))
    {
        return 0;
    }

    return 4;
}


/* decimal, at most 20 digits; returns their number */

static inline size_t
sio_uint_write(uint8_t *dst, uint64_t v)
{
    size_t   n;
    uint8_t  digits[20], *p;

    p = digits + sizeof(digits);

    do {
        *--p = (uint8_t) ('0' + v % 10);
        v /= 10;
    } while (v);

    n = digits + sizeof(digits) - p;
    memcpy(dst, p, n);

    return n;
}


/* RFC 8259, 2: space, \t, \n, \r */

static inline int
sio_json_is_ws(uint8_t c)
{
    return c <= ' ' && ((0x100002600ULL >> c) & 1);
}


static inline const uint8_t *
sio_json_skip_ws(const uint8_t *p, const uint8_t *last)
{
    while (p < last && sio_json_is_ws(*p)) {
        p++;
    }

    return p;
}


/*
 * Steps over validated text.  p stands at the first byte of a string or of a
 * value, p < last; the result is behind it.  On other text the result is of
 * no use, but it is above p and not above last.
 */
const uint8_t *sio_json_skip_string(const uint8_t *p, const uint8_t *last);
const uint8_t *sio_json_skip_value(const uint8_t *p, const uint8_t *last);

/*
 * The next character of a string's inside (p < last, p moves): its UTF-8 is
 * written to dst.  An unescaped character comes byte by byte.  Returns the
 * number of bytes, 1 to 4, or 0 if an escape is broken.
 */
size_t sio_json_string_next(const uint8_t **p, const uint8_t *last,
    uint8_t dst[4]);

/* is the string slice p..last (quotes included) the text "_placeholder" */
int sio_json_is_placeholder(const uint8_t *p, const uint8_t *last);


#endif /* _SIO_SCAN_H_INCLUDED_ */
