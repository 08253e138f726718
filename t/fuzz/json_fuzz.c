
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The first byte chooses the limits, the rest is the text.  Whatever was
 * accepted can be taken apart, and every part is accepted again.
 */


#include "fuzz.h"
#include "../../src/wire/sio_json.h"
#include "../../src/wire/sio_utf8.h"


#define MAX_ELTS   7
#define MAX_DEPTH  80


static int
parse(const sio_str_t *s, sio_json_info_t *info)
{
    return sio_json_parse(s->data, s->len, SIO_JSON_MAX_DEPTH, info, NULL, 0);
}


static void
check_string(const sio_str_t *value)
{
    size_t           n, len;
    uint8_t         *plain, *text, *back;
    sio_str_t        str;
    sio_json_info_t  info;

    plain = fuzz_alloc(value->len);
    n = sio_json_string_read(plain, value);

    fuzz_check(n + 2 <= value->len);
    fuzz_check(sio_json_string_read(NULL, value) == n);
    fuzz_check(sio_utf8_valid(plain, n) == SIO_OK);
    fuzz_check(sio_json_string_eq(value, plain, n) == SIO_OK);
    fuzz_check(n == 0 || sio_json_string_eq(value, plain, n - 1) == SIO_ERROR);

    len = sio_json_string_len(plain, n);
    text = fuzz_alloc(len);
    fuzz_check(sio_json_string_write(text, plain, n) == len);
    fuzz_check(sio_json_escape_len(plain, n) == len - 2);

    str.data = text;
    str.len = len;

    fuzz_check(parse(&str, &info) == SIO_OK);
    fuzz_check(info.type == SIO_JSON_STRING && info.value.len == len);

    back = fuzz_alloc(len);
    fuzz_check(fuzz_same(back, sio_json_string_read(back, &str), plain, n));

    /* in place */

    fuzz_check(fuzz_same(text, sio_json_string_read(text, &str), plain, n));

    free(plain);
    free(text);
    free(back);
}


static void
check_number(const sio_str_t *value)
{
    double           d;
    uint8_t          dst[SIO_JSON_NUMBER_MAX], again[SIO_JSON_NUMBER_MAX];
    size_t           n;
    sio_str_t        str;
    sio_json_info_t  info;

    n = sio_json_number_write(dst, value);
    fuzz_check(n > 0 && n <= SIO_JSON_NUMBER_MAX);

    d = sio_json_number_read(value);

    str.data = dst;
    str.len = n;

    fuzz_check(parse(&str, &info) == SIO_OK);
    fuzz_check(sio_json_truthy(value) == (d != 0));

    if (info.type == SIO_JSON_NULL) {
        fuzz_check(d - d != 0);
        return;
    }

    fuzz_check(info.type == SIO_JSON_NUMBER);
    fuzz_check(sio_json_number_read(&str) == d);
    fuzz_check(fuzz_same(again, sio_json_number_write(again, &str), dst, n));
}


static void
check_value(const sio_str_t *value, unsigned depth)
{
    size_t            n;
    sio_str_t         key, elt;
    sio_json_info_t   info;
    sio_json_iter_t   it;
    sio_json_type_e   type;

    fuzz_check(parse(value, &info) == SIO_OK);
    fuzz_check(fuzz_same(info.value.data, info.value.len, value->data,
                         value->len));

    type = sio_json_type(value);
    fuzz_check(info.type == type);

    if (type == SIO_JSON_STRING) {
        check_string(value);

    } else if (type == SIO_JSON_NUMBER) {
        check_number(value);
    }

    n = 0;
    sio_json_iter_init(&it, value);

    while (sio_json_iter_next(&it, &key, &elt) == SIO_OK) {

        fuzz_check(fuzz_inside(elt.data, elt.len, value->data, value->len));
        fuzz_check(elt.len > 0);
        fuzz_check((key.len != 0) == (type == SIO_JSON_OBJECT));

        if (key.len) {
            fuzz_check(fuzz_inside(key.data, key.len, value->data,
                                   value->len));
            fuzz_check(key.data + key.len < elt.data);
            check_string(&key);
        }

        if (depth) {
            check_value(&elt, depth - 1);
        }

        n++;
    }

    fuzz_check(sio_json_iter_next(&it, &key, &elt) == SIO_DONE);
    fuzz_check(type == SIO_JSON_ARRAY ? n == info.nelts : info.nelts == 0);
}


static void
check_elts(const sio_json_info_t *info, const sio_str_t *elts, size_t max)
{
    char              text[16];
    size_t            i;
    sio_str_t         ptr, out, key, elt;
    sio_json_iter_t   it;

    sio_json_iter_init(&it, &info->value);

    for (i = 0; i < info->nelts && i < max; i++) {

        fuzz_check(sio_json_iter_next(&it, &key, &elt) == SIO_OK);
        fuzz_check(elt.data == elts[i].data && elt.len == elts[i].len);

        ptr.len = sprintf(text, "/%u", (unsigned) i);
        ptr.data = (uint8_t *) text;

        fuzz_check(sio_json_get(&info->value, &ptr, &out) == SIO_OK);
        fuzz_check(out.data == elt.data && out.len == elt.len);
    }

    if (info->type == SIO_JSON_ARRAY) {
        ptr.len = sprintf(text, "/%u", (unsigned) info->nelts);
        ptr.data = (uint8_t *) text;

        fuzz_check(sio_json_get(&info->value, &ptr, &out) == SIO_DECLINED);
    }
}


/* the last member of a name is found by it */

static void
check_members(const sio_json_info_t *info)
{
    size_t            i, n;
    uint8_t          *plain, *text;
    sio_str_t         ptr, out, key, elt, last_key, last;
    sio_json_iter_t   it;

    memset(&last, 0, sizeof(last));
    memset(&last_key, 0, sizeof(last_key));
    sio_json_iter_init(&it, &info->value);

    while (sio_json_iter_next(&it, &key, &elt) == SIO_OK) {
        last_key = key;
        last = elt;
    }

    if (info->type != SIO_JSON_OBJECT || last.len == 0) {
        return;
    }

    plain = fuzz_alloc(last_key.len);
    n = sio_json_string_read(plain, &last_key);

    text = fuzz_alloc(2 * n + 1);
    text[0] = '/';
    ptr.data = text;
    ptr.len = 1;

    for (i = 0; i < n; i++) {
        if (plain[i] == '~' || plain[i] == '/') {
            text[ptr.len++] = '~';
            text[ptr.len++] = (plain[i] == '~') ? '0' : '1';

        } else {
            text[ptr.len++] = plain[i];
        }
    }

    fuzz_check(sio_json_pointer_valid(&ptr) == SIO_OK);
    fuzz_check(sio_json_get(&info->value, &ptr, &out) == SIO_OK);
    fuzz_check(out.data == last.data && out.len == last.len);

    free(plain);
    free(text);
}


static void
check_compact(const sio_json_info_t *info)
{
    size_t           n;
    uint8_t         *dst, *again;
    sio_str_t        str;
    sio_json_info_t  compact;

    dst = fuzz_alloc(info->value.len);
    n = sio_json_compact(dst, &info->value);

    fuzz_check(n <= info->value.len);

    str.data = dst;
    str.len = n;

    fuzz_check(parse(&str, &compact) == SIO_OK);
    fuzz_check(compact.type == info->type && compact.nelts == info->nelts
               && compact.placeholder == info->placeholder
               && compact.value.len == n);

    again = fuzz_copy(dst, n);
    str.data = again;

    fuzz_check(fuzz_same(again, sio_json_compact(again, &str), dst, n));

    free(dst);
    free(again);
}


/* any bytes: a result of no use, but nothing outside the slice */

static void
check_garbage(uint8_t *p, size_t size)
{
    size_t            i;
    uint8_t          *dst;
    sio_str_t         value, key, elt, ptr;
    sio_json_iter_t   it;

    value.data = p;
    value.len = size;

    sio_json_iter_init(&it, &value);

    for (i = 0; sio_json_iter_next(&it, &key, &elt) == SIO_OK; i++) {
        fuzz_check(i <= size);
        fuzz_check(fuzz_inside(elt.data, elt.len, p, size));
        fuzz_check(fuzz_inside(key.data, key.len, p, size));
    }

    ptr.data = p;
    ptr.len = size < 8 ? size : 8;

    if (sio_json_pointer_valid(&ptr) == SIO_OK
        && sio_json_get(&value, &ptr, &elt) == SIO_OK)
    {
        fuzz_check(fuzz_inside(elt.data, elt.len, p, size));
    }

    dst = fuzz_alloc(size + SIO_JSON_NUMBER_MAX);

    fuzz_check(sio_json_string_read(dst, &value) <= size);
    fuzz_check(sio_json_compact(dst, &value) <= size);
    fuzz_check(sio_json_number_write(dst, &value) <= SIO_JSON_NUMBER_MAX);
    (void) sio_json_truthy(&value);

    free(dst);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int              rc;
    size_t           max_elts;
    unsigned         max_depth;
    uint8_t         *p, *shifted;
    sio_str_t        elts[MAX_ELTS + 1];
    sio_json_info_t  info, other;

    if (size == 0) {
        return 0;
    }

    max_elts = data[0] & 7;
    max_depth = (data[0] & 0x80) ? MAX_DEPTH : data[0] >> 3;

    data++;
    size--;

    memset(elts, 0, sizeof(elts));

    p = fuzz_copy(data, size);
    rc = sio_json_parse(p, size, max_depth, &info, elts, max_elts);

    fuzz_check(elts[max_elts].data == NULL);

    /* the same at another alignment, and without room for elements */

    shifted = fuzz_alloc(size + 3);
    memcpy(shifted + 3, p, size);
    fuzz_check(sio_json_parse(shifted + 3, size, max_depth, &other, NULL, 0)
               == rc);

    if (rc == SIO_OK) {
        fuzz_check(fuzz_inside(info.value.data, info.value.len, p, size));
        fuzz_check(sio_utf8_valid(p, size) == SIO_OK);
        fuzz_check(other.type == info.type && other.nelts == info.nelts
                   && other.placeholder == info.placeholder);

        check_value(&info.value, MAX_DEPTH);
        check_elts(&info, elts, max_elts);
        check_members(&info);
        check_compact(&info);

    } else {
        fuzz_check(rc == SIO_ERROR);
        check_garbage(p, size);
    }

    free(p);
    free(shifted);

    return 0;
}
