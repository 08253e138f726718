
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Steps over JSON text that has been validated.  Nothing here relies on that
 * for memory safety: every loop is bounded by the slice.
 */


#include "sio_json.h"
#include "sio_scan.h"


#define SIO_JSON_INDEX_DIGITS  9


static int sio_json_token_eq(const sio_str_t *key, const uint8_t *p,
    const uint8_t *last);
static int sio_json_token_index(const uint8_t *p, const uint8_t *last,
    size_t *index);


sio_json_type_e
sio_json_type(const sio_str_t *value)
{
    if (value->len == 0) {
        return SIO_JSON_NONE;
    }

    switch (value->data[0]) {

    case '{':
        return SIO_JSON_OBJECT;

    case '[':
        return SIO_JSON_ARRAY;

    case '"':
        return SIO_JSON_STRING;

    case 't':
        return SIO_JSON_TRUE;

    case 'f':
        return SIO_JSON_FALSE;

    case 'n':
        return SIO_JSON_NULL;

    default:
        return SIO_JSON_NUMBER;
    }
}


const uint8_t *
sio_json_skip_string(const uint8_t *p, const uint8_t *last)
{
    uint64_t  w;

    p++;

    for ( ;; ) {

        while (last - p >= 8) {
            w = sio_load64(p);

            if (sio_word_has(w, '"') | sio_word_has(w, '\\')) {
                break;
            }

            p += 8;
        }

        while (p < last && *p != '"' && *p != '\\') {
            p++;
        }

        if (p == last) {
            return last;
        }

        if (*p == '"') {
            return p + 1;
        }

        if (last - p < 2) {
            return last;
        }

        p += 2;
    }
}


const uint8_t *
sio_json_skip_value(const uint8_t *p, const uint8_t *last)
{
    size_t  depth;

    if (*p == '"') {
        return sio_json_skip_string(p, last);
    }

    if (*p != '{' && *p != '[') {

        do {
            p++;
        } while (p < last && *p > ' ' && *p != ',' && *p != ']' && *p != '}');

        return p;
    }

    depth = 0;

    do {
        switch (*p) {

        case '"':
            p = sio_json_skip_string(p, last);
            continue;

        case '{':
        case '[':
            depth++;
            break;

        case '}':
        case ']':
            depth--;
            break;

        default:
            break;
        }

        p++;

    } while (depth && p < last);

    return p;
}


void
sio_json_iter_init(sio_json_iter_t *it, const sio_str_t *value)
{
    const uint8_t  *p, *last;

    it->pos = value->data;
    it->last = value->data;

    if (value->len == 0) {
        return;
    }

    last = value->data + value->len;
    p = sio_json_skip_ws(value->data, last);

    while (p < last && sio_json_is_ws(last[-1])) {
        last--;
    }

    /* the inside of the brackets; nothing for other values */

    if (last - p >= 2 && (*p == '{' || *p == '[')) {
        it->pos += p + 1 - value->data;
        it->last += last - 1 - value->data;
    }
}


int
sio_json_iter_next(sio_json_iter_t *it, sio_str_t *key, sio_str_t *value)
{
    const uint8_t  *p, *last, *start;

    p = it->pos;
    last = it->last;

    while (p < last && (sio_json_is_ws(*p) || *p == ',')) {
        p++;
    }

    if (p == last) {
        it->pos = it->last;
        return SIO_DONE;
    }

    start = p;
    p = sio_json_skip_value(p, last);

    value->data = it->pos + (start - it->pos);
    value->len = p - start;

    key->data = value->data;
    key->len = 0;

    if (*start == '"') {
        start = sio_json_skip_ws(p, last);

        if (start < last && *start == ':') {

            /* it was a member's name */

            *key = *value;

            start = sio_json_skip_ws(start + 1, last);
            p = start < last ? sio_json_skip_value(start, last) : last;

            value->data = it->pos + (start - it->pos);
            value->len = p - start;
        }
    }

    it->pos += p - it->pos;

    return SIO_OK;
}


/* RFC 6901 */

int
sio_json_get(const sio_str_t *value, const sio_str_t *pointer, sio_str_t *out)
{
    int               found;
    size_t            i, index;
    sio_str_t         at, key, elt;
    const uint8_t    *p, *last, *token;
    sio_json_iter_t   it;
    sio_json_type_e   type;

    if (value->len == 0) {
        return SIO_DECLINED;
    }

    at = *value;
    p = pointer->data;
    last = pointer->len ? p + pointer->len : p;

    while (p < last) {

        /* behind the "/" */

        token = ++p;

        while (p < last && *p != '/') {
            p++;
        }

        type = sio_json_type(&at);
        index = 0;

        if (type == SIO_JSON_ARRAY) {
            if (sio_json_token_index(token, p, &index) != SIO_OK) {
                return SIO_DECLINED;
            }

        } else if (type != SIO_JSON_OBJECT) {
            return SIO_DECLINED;
        }

        found = 0;

        sio_json_iter_init(&it, &at);

        for (i = 0; sio_json_iter_next(&it, &key, &elt) == SIO_OK; i++) {

            if (type == SIO_JSON_ARRAY) {
                if (i == index) {
                    at = elt;
                    found = 1;
                    break;
                }

                continue;
            }

            /* to the end: the last of equal names wins */

            if (sio_json_token_eq(&key, token, p) == SIO_OK) {
                at = elt;
                found = 1;
            }
        }

        if (!found) {
            return SIO_DECLINED;
        }
    }

    *out = at;

    return SIO_OK;
}


int
sio_json_pointer_valid(const sio_str_t *pointer)
{
    size_t  i;

    if (pointer->len == 0) {
        return SIO_OK;
    }

    if (pointer->data[0] != '/') {
        return SIO_ERROR;
    }

    for (i = 0; i < pointer->len; i++) {

        if (pointer->data[i] != '~') {
            continue;
        }

        i++;

        if (i == pointer->len
            || (pointer->data[i] != '0' && pointer->data[i] != '1'))
        {
            return SIO_ERROR;
        }
    }

    return SIO_OK;
}


/* is the text of the string slice key the reference token p..last */

static int
sio_json_token_eq(const sio_str_t *key, const uint8_t *p, const uint8_t *last)
{
    size_t          i, n;
    uint8_t         c, buf[4];
    const uint8_t  *k, *end;

    if (key->len < 2) {
        return SIO_ERROR;
    }

    if (p == last || memchr(p, '~', last - p) == NULL) {
        return sio_json_string_eq(key, p, last - p);
    }

    k = key->data + 1;
    end = key->data + key->len - 1;

    while (k < end) {
        n = sio_json_string_next(&k, end, buf);

        if (n == 0) {
            return SIO_ERROR;
        }

        for (i = 0; i < n; i++) {

            if (p == last) {
                return SIO_ERROR;
            }

            c = *p++;

            if (c == '~') {
                if (p == last) {
                    return SIO_ERROR;
                }

                c = (*p++ == '0') ? '~' : '/';
            }

            if (c != buf[i]) {
                return SIO_ERROR;
            }
        }
    }

    return p == last ? SIO_OK : SIO_ERROR;
}


/* RFC 6901, 4: no leading zeros; "-" is never there */

static int
sio_json_token_index(const uint8_t *p, const uint8_t *last, size_t *index)
{
    size_t  len, n;

    len = last - p;

    if (len == 0 || len > SIO_JSON_INDEX_DIGITS || (*p == '0' && len > 1)) {
        return SIO_ERROR;
    }

    n = 0;

    while (p < last) {
        if (!sio_is_digit(*p)) {
            return SIO_ERROR;
        }

        n = n * 10 + (*p++ - '0');
    }

    *index = n;

    return SIO_OK;
}


int
sio_json_truthy(const sio_str_t *value)
{
    switch (sio_json_type(value)) {

    case SIO_JSON_NONE:
    case SIO_JSON_NULL:
    case SIO_JSON_FALSE:
        return 0;

    case SIO_JSON_STRING:
        return value->len > 2;

    case SIO_JSON_NUMBER:

        /* also 1e-999 is 0 */

        return sio_json_number_read(value) != 0;

    default:
        return 1;
    }
}


size_t
sio_json_compact(uint8_t *dst, const sio_str_t *value)
{
    size_t          size;
    const uint8_t  *p, *last, *start;

    if (value->len == 0) {
        return 0;
    }

    p = value->data;
    last = p + value->len;
    size = 0;

    while (p < last) {

        if (sio_json_is_ws(*p)) {
            p++;
            continue;
        }

        start = p;

        do {
            p = (*p == '"') ? sio_json_skip_string(p, last) : p + 1;
        } while (p < last && !sio_json_is_ws(*p));

        memmove(dst + size, start, p - start);
        size += p - start;
    }

    return size;
}
