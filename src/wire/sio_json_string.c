
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "sio_json.h"
#include "sio_scan.h"


#define SIO_JSON_PLACEHOLDER  "\"_placeholder\""


static uint32_t sio_json_hex4(const uint8_t *p, const uint8_t *last);
static const uint8_t *sio_json_skip_plain(const uint8_t *p,
    const uint8_t *last);
static size_t sio_json_escape_char(uint8_t dst[6], uint8_t c);


size_t
sio_json_string_next(const uint8_t **pos, const uint8_t *last, uint8_t dst[4])
{
    uint32_t        c, low;
    const uint8_t  *p;

    p = *pos;

    if (*p != '\\') {
        dst[0] = *p;
        *pos = p + 1;
        return 1;
    }

    if (last - p < 2) {
        *pos = last;
        return 0;
    }

    *pos = p + 2;

    switch (p[1]) {

    case 'b':
        dst[0] = '\b';
        return 1;

    case 'f':
        dst[0] = '\f';
        return 1;

    case 'n':
        dst[0] = '\n';
        return 1;

    case 'r':
        dst[0] = '\r';
        return 1;

    case 't':
        dst[0] = '\t';
        return 1;

    case 'u':
        break;

    default:
        dst[0] = p[1];
        return 1;
    }

    c = sio_json_hex4(p + 2, last);

    if (c > 0xffff) {
        *pos = last;
        return 0;
    }

    p += 6;

    if (c >= 0xd800 && c <= 0xdfff) {

        /* RFC 8259, 7; half a pair alone has no UTF-8 */

        low = (c < 0xdc00 && last - p >= 6 && p[0] == '\\' && p[1] == 'u')
              ? sio_json_hex4(p + 2, last) : 0;

        if (low >= 0xdc00 && low <= 0xdfff) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            p += 6;

        } else {
            c = 0xfffd;
        }
    }

    *pos = p;

    if (c < 0x80) {
        dst[0] = (uint8_t) c;
        return 1;
    }

    if (c < 0x800) {
        dst[0] = (uint8_t) (0xc0 | c >> 6);
        dst[1] = (uint8_t) (0x80 | (c & 0x3f));
        return 2;
    }

    if (c < 0x10000) {
        dst[0] = (uint8_t) (0xe0 | c >> 12);
        dst[1] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
        dst[2] = (uint8_t) (0x80 | (c & 0x3f));
        return 3;
    }

    dst[0] = (uint8_t) (0xf0 | c >> 18);
    dst[1] = (uint8_t) (0x80 | (c >> 12 & 0x3f));
    dst[2] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
    dst[3] = (uint8_t) (0x80 | (c & 0x3f));

    return 4;
}


/* four hexadecimal digits, more than 0xffff if there are none */

static uint32_t
sio_json_hex4(const uint8_t *p, const uint8_t *last)
{
    uint8_t   c;
    uint32_t  v;
    unsigned  i;

    if (last - p < 4) {
        return 0x10000;
    }

    v = 0;

    for (i = 0; i < 4; i++) {

        if (sio_is_digit(p[i])) {
            c = p[i] - '0';

        } else {
            c = p[i] | 0x20;

            if (c < 'a' || c > 'f') {
                return 0x10000;
            }

            c -= 'a' - 10;
        }

        v = v << 4 | c;
    }

    return v;
}


size_t
sio_json_string_read(uint8_t *dst, const sio_str_t *value)
{
    size_t          i, n, size;
    uint8_t         buf[4];
    const uint8_t  *p, *last, *esc;

    if (value->len < 2) {
        return 0;
    }

    p = value->data + 1;
    last = value->data + value->len - 1;
    size = 0;

    while (p < last) {

        esc = memchr(p, '\\', last - p);

        if (esc == NULL) {
            esc = last;
        }

        n = esc - p;

        if (dst) {
            memmove(dst + size, p, n);
        }

        size += n;
        p = esc;

        /* no escape is shorter than what it spells: dst may be the text */

        while (p < last && *p == '\\') {
            n = sio_json_string_next(&p, last, buf);

            if (dst) {
                for (i = 0; i < n; i++) {
                    dst[size + i] = buf[i];
                }
            }

            size += n;
        }
    }

    return size;
}


int
sio_json_string_eq(const sio_str_t *value, const uint8_t *text, size_t len)
{
    size_t          n;
    uint8_t         buf[4];
    const uint8_t  *p, *last;

    /* a byte of the text takes six at most, as \u00xx */

    if (value->len < 2 || value->len - 2 < len || (value->len - 2) / 6 > len) {
        return SIO_ERROR;
    }

    p = value->data + 1;
    last = value->data + value->len - 1;

    while (p < last) {

        n = sio_json_string_next(&p, last, buf);

        if (n == 0 || n > len || memcmp(buf, text, n) != 0) {
            return SIO_ERROR;
        }

        text += n;
        len -= n;
    }

    return len == 0 ? SIO_OK : SIO_ERROR;
}


int
sio_json_is_placeholder(const uint8_t *p, const uint8_t *last)
{
    size_t     len;
    sio_str_t  value;

    len = last - p;

    if (len < sizeof(SIO_JSON_PLACEHOLDER) - 1) {
        return 0;
    }

    if (len == sizeof(SIO_JSON_PLACEHOLDER) - 1) {
        return memcmp(p, SIO_JSON_PLACEHOLDER, len) == 0;
    }

    value.data = (uint8_t *) p;
    value.len = len;

    return sio_json_string_eq(&value,
                              (const uint8_t *) SIO_JSON_PLACEHOLDER + 1,
                              sizeof(SIO_JSON_PLACEHOLDER) - 3)
           == SIO_OK;
}


size_t
sio_json_string_len(const uint8_t *src, size_t len)
{
    return sio_json_escape_len(src, len) + 2;
}


size_t
sio_json_string_write(uint8_t *dst, const uint8_t *src, size_t len)
{
    size_t  n;

    dst[0] = '"';
    n = sio_json_escape_write(dst + 1, src, len);
    dst[n + 1] = '"';

    return n + 2;
}


size_t
sio_json_escape_len(const uint8_t *src, size_t len)
{
    size_t          size;
    uint8_t         buf[6];
    const uint8_t  *p, *last;

    if (len == 0) {
        return 0;
    }

    last = src + len;
    size = len;

    for (p = sio_json_skip_plain(src, last);
         p < last;
         p = sio_json_skip_plain(p + 1, last))
    {
        size += sio_json_escape_char(buf, *p) - 1;
    }

    return size;
}


size_t
sio_json_escape_write(uint8_t *dst, const uint8_t *src, size_t len)
{
    size_t          n, size;
    const uint8_t  *p, *last;

    if (len == 0) {
        return 0;
    }

    last = src + len;
    size = 0;

    for ( ;; ) {
        p = sio_json_skip_plain(src, last);
        n = p - src;

        memcpy(dst + size, src, n);
        size += n;

        if (p == last) {
            return size;
        }

        size += sio_json_escape_char(dst + size, *p);
        src = p + 1;
    }
}


/* the first byte that JSON.stringify() escapes */

static const uint8_t *
sio_json_skip_plain(const uint8_t *p, const uint8_t *last)
{
    uint64_t  w;

    while (last - p >= 8) {
        w = sio_load64(p);

        if (sio_word_has(w, '"') | sio_word_has(w, '\\')
            | sio_word_below(w, 0x20))
        {
            break;
        }

        p += 8;
    }

    while (p < last && *p >= 0x20 && *p != '"' && *p != '\\') {
        p++;
    }

    return p;
}


/* ECMA-262, QuoteJSONString */

static size_t
sio_json_escape_char(uint8_t dst[6], uint8_t c)
{
    static const uint8_t  hex[] = "0123456789abcdef";

    dst[0] = '\\';

    switch (c) {

    case '"':
    case '\\':
        dst[1] = c;
        return 2;

    case '\b':
        dst[1] = 'b';
        return 2;

    case '\f':
        dst[1] = 'f';
        return 2;

    case '\n':
        dst[1] = 'n';
        return 2;

    case '\r':
        dst[1] = 'r';
        return 2;

    case '\t':
        dst[1] = 't';
        return 2;

    default:
        dst[1] = 'u';
        dst[2] = '0';
        dst[3] = '0';
        dst[4] = hex[c >> 4];
        dst[5] = hex[c & 0xf];
        return 6;
    }
}
