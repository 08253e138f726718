
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "sio_json.h"
#include "sio_scan.h"


#define SIO_JSON_STACK_WORDS  ((SIO_JSON_MAX_DEPTH + 63) / 64)


/* which bracket each open level has: a bit that is set is an object */

typedef struct {
    unsigned   depth;
    unsigned   max_depth;
    unsigned   in_object;
    uint64_t   bits[SIO_JSON_STACK_WORDS];
} sio_json_stack_t;


static int sio_json_push(sio_json_stack_t *st, unsigned object);
static void sio_json_pop(sio_json_stack_t *st);
static const uint8_t *sio_json_key(const uint8_t *p, const uint8_t *last,
    sio_json_info_t *info);
static const uint8_t *sio_json_scalar(const uint8_t *p, const uint8_t *last,
    sio_json_type_e *type);
static const uint8_t *sio_json_string(const uint8_t *p, const uint8_t *last);
static const uint8_t *sio_json_escape(const uint8_t *p, const uint8_t *last);
static const uint8_t *sio_json_number(const uint8_t *p, const uint8_t *last);
static const uint8_t *sio_json_digits(const uint8_t *p, const uint8_t *last);
static const uint8_t *sio_json_word(const uint8_t *p, const uint8_t *last,
    const char *word, size_t len);


int
sio_json_parse(uint8_t *text, size_t len, unsigned max_depth,
    sio_json_info_t *info, sio_str_t *elts, size_t max_elts)
{
    const uint8_t     *p, *last, *start;
    sio_json_type_e    type;
    sio_json_stack_t   st;

    memset(info, 0, sizeof(sio_json_info_t));

    if (len == 0) {
        return SIO_ERROR;
    }

    st.depth = 0;
    st.max_depth = max_depth < SIO_JSON_MAX_DEPTH ? max_depth
                                                  : SIO_JSON_MAX_DEPTH;
    st.in_object = 0;

    p = sio_json_skip_ws(text, text + len);
    last = text + len;

    /* start: where the current element of a top-level array begins */

    info->value.data = text + (p - text);
    start = p;

value:

    p = sio_json_skip_ws(p, last);

    if (p == last) {
        return SIO_ERROR;
    }

    if (st.depth == 1) {
        start = p;
    }

    if (*p == '{' || *p == '[') {

        type = (*p == '{') ? SIO_JSON_OBJECT : SIO_JSON_ARRAY;

        if (st.depth == 0) {
            info->type = type;
        }

        if (sio_json_push(&st, type == SIO_JSON_OBJECT) != SIO_OK) {
            return SIO_ERROR;
        }

        p = sio_json_skip_ws(p + 1, last);

        if (p == last) {
            return SIO_ERROR;
        }

        if (*p == (st.in_object ? '}' : ']')) {
            sio_json_pop(&st);
            p++;

        } else if (st.in_object) {
            goto key;

        } else {
            goto value;
        }

    } else {

        p = sio_json_scalar(p, last, &type);

        if (p == NULL) {
            return SIO_ERROR;
        }

        if (st.depth == 0) {
            info->type = type;
        }
    }

    /* a value ended at p, and others may now */

    while (st.depth) {

        if (st.depth == 1 && info->type == SIO_JSON_ARRAY) {

            if (info->nelts < max_elts) {
                elts[info->nelts].data = text + (start - text);
                elts[info->nelts].len = p - start;
            }

            if (info->nelts != UINT32_MAX) {
                info->nelts++;
            }
        }

        p = sio_json_skip_ws(p, last);

        if (p == last) {
            return SIO_ERROR;
        }

        if (*p == ',') {
            p++;

            if (st.in_object) {
                p = sio_json_skip_ws(p, last);
                goto key;
            }

            goto value;
        }

        if (*p != (st.in_object ? '}' : ']')) {
            return SIO_ERROR;
        }

        sio_json_pop(&st);
        p++;
    }

    info->value.len = p - info->value.data;

    return sio_json_skip_ws(p, last) == last ? SIO_OK : SIO_ERROR;

key:

    p = sio_json_key(p, last, info);

    if (p == NULL) {
        return SIO_ERROR;
    }

    goto value;
}


static int
sio_json_push(sio_json_stack_t *st, unsigned object)
{
    uint64_t  bit, *word;

    if (st->depth == st->max_depth) {
        return SIO_ERROR;
    }

    word = &st->bits[st->depth / 64];
    bit = (uint64_t) 1 << st->depth % 64;

    if (st->depth % 64 == 0) {
        *word = 0;
    }

    *word = object ? *word | bit : *word & ~bit;

    st->in_object = object;
    st->depth++;

    return SIO_OK;
}


static void
sio_json_pop(sio_json_stack_t *st)
{
    unsigned  top;

    st->depth--;

    if (st->depth) {
        top = st->depth - 1;
        st->in_object = st->bits[top / 64] >> top % 64 & 1;
    }
}


/*
 * The functions below return where the thing that begins at p ends, NULL if
 * it is not one.
 */

static const uint8_t *
sio_json_key(const uint8_t *p, const uint8_t *last, sio_json_info_t *info)
{
    const uint8_t  *key;

    if (p == last || *p != '"') {
        return NULL;
    }

    key = p;
    p = sio_json_string(p, last);

    if (p == NULL) {
        return NULL;
    }

    if (sio_json_is_placeholder(key, p)) {
        info->placeholder = 1;
    }

    p = sio_json_skip_ws(p, last);

    if (p == last || *p != ':') {
        return NULL;
    }

    return p + 1;
}


/* p < last */

static const uint8_t *
sio_json_scalar(const uint8_t *p, const uint8_t *last, sio_json_type_e *type)
{
    switch (*p) {

    case '"':
        *type = SIO_JSON_STRING;
        return sio_json_string(p, last);

    case 't':
        *type = SIO_JSON_TRUE;
        return sio_json_word(p, last, "true", 4);

    case 'f':
        *type = SIO_JSON_FALSE;
        return sio_json_word(p, last, "false", 5);

    case 'n':
        *type = SIO_JSON_NULL;
        return sio_json_word(p, last, "null", 4);

    default:
        *type = SIO_JSON_NUMBER;
        return sio_json_number(p, last);
    }
}


/* RFC 8259, 7; *p is the quote that opens it */

static const uint8_t *
sio_json_string(const uint8_t *p, const uint8_t *last)
{
    size_t    n;
    uint8_t   c;
    uint64_t  w;

    p++;

    for ( ;; ) {

        while (last - p >= 8) {
            w = sio_load64(p);

            if (sio_word_has(w, '"') | sio_word_has(w, '\\')
                | sio_word_below(w, 0x20) | (w & SIO_HIGHS))
            {
                break;
            }

            p += 8;
        }

        while (p < last && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
        {
            p++;
        }

        if (p == last) {
            return NULL;
        }

        c = *p;

        if (c == '"') {
            return p + 1;
        }

        if (c == '\\') {
            p = sio_json_escape(p, last);
            if (p == NULL) {
                return NULL;
            }

            continue;
        }

        if (c < 0x20) {
            return NULL;
        }

        do {
            n = sio_utf8_char(p, last);
            if (n == 0) {
                return NULL;
            }

            p += n;
        } while (p < last && *p >= 0x80);
    }
}


static const uint8_t *
sio_json_escape(const uint8_t *p, const uint8_t *last)
{
    unsigned  i;
    uint8_t   c;

    if (last - p < 2) {
        return NULL;
    }

    switch (p[1]) {

    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p + 2;

    case 'u':
        break;

    default:
        return NULL;
    }

    if (last - p < 6) {
        return NULL;
    }

    for (i = 2; i < 6; i++) {
        c = p[i] | 0x20;

        if (!sio_is_digit(p[i]) && !(c >= 'a' && c <= 'f')) {
            return NULL;
        }
    }

    return p + 6;
}


/* RFC 8259, 6 */

static const uint8_t *
sio_json_number(const uint8_t *p, const uint8_t *last)
{
    if (*p == '-') {
        p++;

        if (p == last) {
            return NULL;
        }
    }

    if (*p == '0') {
        p++;

    } else {
        p = sio_json_digits(p, last);
        if (p == NULL) {
            return NULL;
        }
    }

    if (p < last && *p == '.') {
        p = sio_json_digits(p + 1, last);
        if (p == NULL) {
            return NULL;
        }
    }

    if (p < last && (*p == 'e' || *p == 'E')) {
        p++;

        if (p < last && (*p == '+' || *p == '-')) {
            p++;
        }

        p = sio_json_digits(p, last);
    }

    return p;
}


/* one at least */

static const uint8_t *
sio_json_digits(const uint8_t *p, const uint8_t *last)
{
    const uint8_t  *start;

    start = p;

    while (p < last && sio_is_digit(*p)) {
        p++;
    }

    return p > start ? p : NULL;
}


static const uint8_t *
sio_json_word(const uint8_t *p, const uint8_t *last, const char *word,
    size_t len)
{
    if ((size_t) (last - p) < len || memcmp(p, word, len) != 0) {
        return NULL;
    }

    return p + len;
}
