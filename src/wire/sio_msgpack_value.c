
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "sio_msgpack_value.h"


static int sio_msgpack_bytes(const uint8_t **pos, const uint8_t *last,
    sio_msgpack_value_t *v, sio_msgpack_kind_e kind, uint64_t n);
static int sio_msgpack_ext(const uint8_t **pos, const uint8_t *last,
    sio_msgpack_value_t *v, uint64_t n, unsigned fix);


int
sio_msgpack_next(const uint8_t **pos, const uint8_t *last,
    sio_msgpack_value_t *v)
{
    float           f;
    size_t          i, size;
    double          d;
    uint8_t         c;
    uint32_t        w;
    uint64_t        n;
    const uint8_t  *p;

    /* bytes of the number behind c0..df: a length, or a value */

    static const uint8_t  sizes[] = {
        0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8,
        1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4
    };

    v->p = NULL;
    v->n = 0;

    p = *pos;

    if (p == last) {
        return SIO_ERROR;
    }

    c = *p++;
    size = (c >= 0xc0 && c <= 0xdf) ? sizes[c - 0xc0] : 0;

    if ((size_t) (last - p) < size) {
        return SIO_ERROR;
    }

    for (n = 0, i = 0; i < size; i++) {
        n = n << 8 | *p++;
    }

    *pos = p;

    if (c < 0x80 || c >= 0xe0) {
        v->kind = SIO_MSGPACK_NUMBER;
        v->number = (int8_t) c;
        return SIO_OK;
    }

    if (c < 0xa0) {
        v->kind = c < 0x90 ? SIO_MSGPACK_MAP : SIO_MSGPACK_ARRAY;
        v->n = c & 0x0f;
        return SIO_OK;
    }

    if (c < 0xc0) {
        return sio_msgpack_bytes(pos, last, v, SIO_MSGPACK_STR, c & 0x1f);
    }

    v->kind = SIO_MSGPACK_NUMBER;

    switch (c) {

    case 0xc0:
        v->kind = SIO_MSGPACK_NIL;
        return SIO_OK;

    case 0xc1:
        return SIO_ERROR;

    case 0xc2:
        v->kind = SIO_MSGPACK_FALSE;
        return SIO_OK;

    case 0xc3:
        v->kind = SIO_MSGPACK_TRUE;
        return SIO_OK;

    case 0xc4:
    case 0xc5:
    case 0xc6:
        return sio_msgpack_bytes(pos, last, v, SIO_MSGPACK_BIN, n);

    case 0xc7:
    case 0xc8:
    case 0xc9:
        return sio_msgpack_ext(pos, last, v, n, 0);

    case 0xca:
        w = (uint32_t) n;
        memcpy(&f, &w, 4);
        v->number = f;
        return SIO_OK;

    case 0xcb:
        memcpy(&d, &n, 8);
        v->number = d;
        return SIO_OK;

    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        v->number = (double) n;
        return SIO_OK;

    case 0xd0:
        v->number = (int8_t) n;
        return SIO_OK;

    case 0xd1:
        v->number = (int16_t) n;
        return SIO_OK;

    case 0xd2:
        v->number = (int32_t) n;
        return SIO_OK;

    case 0xd3:
        v->number = (double) (int64_t) n;
        return SIO_OK;

    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
        return sio_msgpack_ext(pos, last, v, 1 << (c - 0xd4), 1);

    case 0xd9:
    case 0xda:
    case 0xdb:
        return sio_msgpack_bytes(pos, last, v, SIO_MSGPACK_STR, n);

    default:
        v->kind = c < 0xde ? SIO_MSGPACK_ARRAY : SIO_MSGPACK_MAP;
        v->n = (size_t) n;
        return SIO_OK;
    }
}


static int
sio_msgpack_bytes(const uint8_t **pos, const uint8_t *last,
    sio_msgpack_value_t *v, sio_msgpack_kind_e kind, uint64_t n)
{
    if (n > (size_t) (last - *pos)) {
        return SIO_ERROR;
    }

    v->kind = kind;
    v->p = *pos;
    v->n = (size_t) n;

    *pos += n;

    return SIO_OK;
}


/*
 * The type stands in front of the bytes.  Type 0 is notepack's own: undefined
 * with 1 byte, a Date with 8 (both in the fixed form only), an ArrayBuffer
 * with a length.
 */

static int
sio_msgpack_ext(const uint8_t **pos, const uint8_t *last,
    sio_msgpack_value_t *v, uint64_t n, unsigned fix)
{
    int8_t    type;
    size_t    i;
    uint64_t  ms;

    if (*pos == last) {
        return SIO_ERROR;
    }

    type = (int8_t) *(*pos)++;

    if (sio_msgpack_bytes(pos, last, v, SIO_MSGPACK_EXT, n) != SIO_OK) {
        return SIO_ERROR;
    }

    v->number = type;

    if (type != 0) {
        return SIO_OK;
    }

    if (!fix) {
        v->kind = SIO_MSGPACK_BIN;

    } else if (n == 1) {
        v->kind = SIO_MSGPACK_UNDEFINED;

    } else if (n == 8) {

        for (ms = 0, i = 0; i < 8; i++) {
            ms = ms << 8 | v->p[i];
        }

        v->kind = SIO_MSGPACK_DATE;
        v->number = (double) (int64_t) ms;
    }

    return SIO_OK;
}
