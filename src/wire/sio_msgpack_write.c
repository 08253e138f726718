
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * JSON to MessagePack.  A container's head says how many elements follow, so
 * the text is read, and the packet written, from the end: one pass and no
 * memory but a counter for each open bracket.
 */


#include "sio_msgpack.h"
#include "sio_date.h"
#include "sio_scan.h"


#define SIO_TWO_TO_63  9223372036854775808.0
#define SIO_TWO_TO_64  18446744073709551616.0


typedef struct {
    uint8_t            *last;         /* NULL: only count */
    size_t              len;          /* bytes in front of last */

    const sio_str_t    *attachments;
    uint32_t            nattachments;
} sio_msgpack_out_t;


static size_t sio_msgpack_json(sio_msgpack_out_t *out, const sio_str_t *json);
static const uint8_t *sio_msgpack_back(const uint8_t *first,
    const uint8_t *end);
static const uint8_t *sio_msgpack_binary(sio_msgpack_out_t *out,
    const sio_str_t *json, const uint8_t *end);
static void sio_msgpack_atom(sio_msgpack_out_t *out, const sio_str_t *value);
static int sio_msgpack_date(sio_msgpack_out_t *out, const sio_str_t *value);
static void sio_msgpack_number(sio_msgpack_out_t *out, double d);
static void sio_msgpack_string(sio_msgpack_out_t *out,
    const sio_str_t *value);
static void sio_msgpack_text(sio_msgpack_out_t *out, const char *text);
static void sio_msgpack_head(sio_msgpack_out_t *out, size_t n, unsigned fix,
    unsigned nfix, unsigned code);
static void sio_msgpack_uint(sio_msgpack_out_t *out, uint64_t v, unsigned n,
    unsigned code);
static void sio_msgpack_put(sio_msgpack_out_t *out, const void *p, size_t n);


#define sio_msgpack_str_head(out, n)   sio_msgpack_head(out, n, 0xa0, 32, 0xd9)
#define sio_msgpack_bin_head(out, n)   sio_msgpack_head(out, n, 0, 0, 0xc4)
#define sio_msgpack_array_head(out, n)                                        \
    sio_msgpack_head(out, n, 0x90, 16, 0xdb)
#define sio_msgpack_map_head(out, n)   sio_msgpack_head(out, n, 0x80, 16, 0xdd)


size_t
sio_msgpack_write(uint8_t *last, const sio_str_t *text,
    const sio_str_t *attachments, uint32_t nattachments)
{
    uint8_t             type, *p, *end;
    unsigned            nsp_last;
    sio_str_t           nsp, id, json;
    sio_msgpack_out_t   out;

    static const char  invalid[] = "{\"message\":\"Invalid namespace\"}";

    if (text->len == 0) {
        return 0;
    }

    memset(&out, 0, sizeof(sio_msgpack_out_t));
    out.last = last;

    p = text->data;
    end = p + text->len;
    type = *p++ - '0';

    if (type >= SIO_BINARY_EVENT) {

        while (p < end && *p++ != '-') { /* void */ }

        type = (type == SIO_BINARY_EVENT) ? SIO_EVENT : SIO_ACK;

        out.attachments = attachments;
        out.nattachments = nattachments;
    }

    nsp.data = (uint8_t *) "/";
    nsp.len = 1;

    if (p < end && *p == '/') {
        nsp.data = p;

        while (p < end && *p != ',') {
            p++;
        }

        nsp.len = p - nsp.data;
        p += (p < end);
    }

    id.data = p;

    while (p < end && (sio_is_digit(*p) || *p == '-')) {
        p++;
    }

    id.len = p - id.data;

    json.data = p;
    json.len = end - p;

    /*
     * The keys as Node's server makes them: {type,data,[id],nsp}, but an ACK
     * begins with its id, and {type,nsp,data} where the namespace is unknown
     */

    nsp_last = !(type == SIO_CONNECT_ERROR && json.len == sizeof(invalid) - 1
                 && memcmp(p, invalid, json.len) == 0);

    if (nsp_last) {
        sio_msgpack_put(&out, nsp.data, nsp.len);
        sio_msgpack_str_head(&out, nsp.len);
        sio_msgpack_text(&out, "nsp");
    }

    if (id.len && type != SIO_ACK) {
        sio_msgpack_number(&out, sio_json_number_read(&id));
        sio_msgpack_text(&out, "id");
    }

    if (json.len) {

        if (sio_msgpack_json(&out, &json) == 0) {
            return 0;
        }

        sio_msgpack_text(&out, "data");
    }

    if (!nsp_last) {
        sio_msgpack_put(&out, nsp.data, nsp.len);
        sio_msgpack_str_head(&out, nsp.len);
        sio_msgpack_text(&out, "nsp");
    }

    sio_msgpack_uint(&out, type, 0, type);
    sio_msgpack_text(&out, "type");

    if (id.len && type == SIO_ACK) {
        sio_msgpack_number(&out, sio_json_number_read(&id));
        sio_msgpack_text(&out, "id");
    }

    sio_msgpack_map_head(&out, 2 + (id.len != 0) + (json.len != 0));

    return out.len;
}


/* returns 0 when it is too deep, or not one whole value */

static size_t
sio_msgpack_json(sio_msgpack_out_t *out, const sio_str_t *json)
{
    unsigned        depth, key;
    uint32_t        n[SIO_MSGPACK_MAX_DEPTH];
    sio_str_t       value;
    const uint8_t  *p, *first, *start;

    /* n: values so far of what is open, of an object keys too */

    first = json->data;
    p = first + json->len;

    depth = 0;
    key = 0;

    for ( ;; ) {

        if (p == first) {
            return 0;
        }

        switch (p[-1]) {

        case ' ':
        case '\t':
        case '\n':
        case '\r':
        case ',':
            p--;
            continue;

        case ':':
            key = 1;
            p--;
            continue;

        case ']':
        case '}':

            if (out->nattachments && p[-1] == '}') {
                start = sio_msgpack_binary(out, json, p);

                if (start) {
                    p = start;
                    break;
                }
            }

            if (depth == SIO_MSGPACK_MAX_DEPTH) {
                return 0;
            }

            n[depth++] = 0;
            p--;
            continue;

        case '[':
        case '{':

            if (depth == 0) {
                return 0;
            }

            depth--;

            if (*--p == '[') {
                sio_msgpack_array_head(out, n[depth]);

            } else {
                sio_msgpack_map_head(out, n[depth] / 2);
            }

            break;

        default:
            start = sio_msgpack_back(first, p);

            value.data = json->data + (start - first);
            value.len = p - start;

            if (key) {

                /* the name of a property is never a Date */

                key = 0;
                sio_msgpack_string(out, &value);

            } else {
                sio_msgpack_atom(out, &value);
            }

            p = start;
        }

        if (depth == 0) {
            return out->len;
        }

        n[depth - 1]++;
    }
}


/* where a string, number or literal begins that ends at end, end > first */

static const uint8_t *
sio_msgpack_back(const uint8_t *first, const uint8_t *end)
{
    const uint8_t  *p, *q;

    p = end - 1;

    if (*p == '"') {

        /* the quote before, without a backslash of its own */

        while (p > first) {

            if (*--p != '"') {
                continue;
            }

            for (q = p; q > first && q[-1] == '\\'; q--) { /* void */ }

            if (((p - q) & 1) == 0) {
                return p;
            }

            p = q;
        }

        return first;
    }

    while (p > first && p[-1] != ',' && p[-1] != ':' && p[-1] != '['
           && !sio_json_is_ws(p[-1]))
    {
        p--;
    }

    return p;
}


/*
 * The object that ends at end, if it is a placeholder, is written as bin;
 * returns where it begins, or NULL.  Each byte is looked at once here, as the
 * search ends at an object's last array or object: a placeholder has none.
 */

static const uint8_t *
sio_msgpack_binary(sio_msgpack_out_t *out, const sio_str_t *json,
    const uint8_t *end)
{
    uint8_t          *pos;
    uint32_t          num;
    sio_str_t         slice, found;
    const uint8_t    *p;
    const sio_str_t  *attachment;

    for (p = end - 1; p > json->data && p[-1] != '{'; /* void */ ) {

        if (p[-1] == ']' || p[-1] == '}') {
            return NULL;
        }

        if (p[-1] == ',' || p[-1] == ':' || sio_json_is_ws(p[-1])) {
            p--;
            continue;
        }

        p = sio_msgpack_back(json->data, p);
    }

    if (p == json->data) {
        return NULL;
    }

    p--;

    slice.data = json->data + (p - json->data);
    slice.len = end - p;
    pos = slice.data;

    if (sio_packet_next_placeholder(&slice, &pos, &found, &num) != SIO_OK
        || num >= out->nattachments)
    {
        return NULL;
    }

    attachment = &out->attachments[num];

    sio_msgpack_put(out, attachment->data, attachment->len);
    sio_msgpack_bin_head(out, attachment->len);

    return p;
}


static void
sio_msgpack_atom(sio_msgpack_out_t *out, const sio_str_t *value)
{
    size_t   i;
    int64_t  v;

    static const uint8_t  nil = 0xc0, no = 0xc2, yes = 0xc3;

    switch (*value->data) {

    case '"':

        if (sio_msgpack_date(out, value) != SIO_OK) {
            sio_msgpack_string(out, value);
        }

        return;

    case 'n':
        sio_msgpack_put(out, &nil, 1);
        return;

    case 'f':
        sio_msgpack_put(out, &no, 1);
        return;

    case 't':
        sio_msgpack_put(out, &yes, 1);
        return;
    }

    /* whole and short is how nearly all numbers are */

    v = 0;

    for (i = 0; i < value->len && i < 15; i++) {

        if (!sio_is_digit(value->data[i])) {
            break;
        }

        v = v * 10 + (value->data[i] - '0');
    }

    sio_msgpack_number(out, i == value->len ? (double) v
                                            : sio_json_number_read(value));
}


/* a string whose first character is escaped without need: sio_msgpack.h */

static int
sio_msgpack_date(sio_msgpack_out_t *out, const sio_str_t *value)
{
    size_t          len;
    uint8_t         buf[SIO_DATE_LEN];
    int64_t         ms;
    const uint8_t  *p;

    static const uint8_t  ext = 0xd7;

    /* two quotes, and five characters more for the first one */

    p = value->data;

    if (value->len < 8 || value->len - 7 > SIO_DATE_LEN
        || memcmp(p, "\"\\u00", 5) != 0)
    {
        return SIO_DECLINED;
    }

    if (p[5] == '3' && sio_is_digit(p[6])) {
        buf[0] = p[6];

    } else if (p[5] == '2' && (p[6] == 'b' || p[6] == 'd')) {
        buf[0] = p[6] == 'b' ? '+' : '-';

    } else {
        return SIO_DECLINED;
    }

    len = value->len - 7;
    memcpy(buf + 1, p + 7, len - 1);

    if (sio_date_read(buf, len, &ms) != SIO_OK) {
        return SIO_DECLINED;
    }

    /* fixext 8, type 0 */

    sio_msgpack_uint(out, (uint64_t) ms, 8, 0);
    sio_msgpack_put(out, &ext, 1);

    return SIO_OK;
}


static void
sio_msgpack_number(sio_msgpack_out_t *out, double d)
{
    int64_t   v;
    unsigned  n;
    uint64_t  u;

    if (d >= 0 && d < SIO_TWO_TO_64 && (double) (uint64_t) d == d) {

        u = (uint64_t) d;

        if (u < 0x80) {
            sio_msgpack_uint(out, u, 0, (unsigned) u);
            return;
        }

        n = u < 0x100 ? 0 : u < 0x10000 ? 1 : u < 0x100000000 ? 2 : 3;
        sio_msgpack_uint(out, u, 1 << n, 0xcc + n);
        return;
    }

    if (d < 0 && d >= -SIO_TWO_TO_63 && (double) (int64_t) d == d) {

        v = (int64_t) d;

        if (v >= -32) {
            sio_msgpack_uint(out, 0, 0, (uint8_t) v);
            return;
        }

        n = v >= -128 ? 0 : v >= -32768 ? 1 : v >= -2147483648LL ? 2 : 3;
        sio_msgpack_uint(out, (uint64_t) v, 1 << n, 0xd0 + n);
        return;
    }

    memcpy(&u, &d, 8);
    sio_msgpack_uint(out, u, 8, 0xcb);
}


static void
sio_msgpack_string(sio_msgpack_out_t *out, const sio_str_t *value)
{
    size_t  len;

    len = sio_json_string_read(NULL, value);
    out->len += len;

    if (out->last) {
        (void) sio_json_string_read(out->last - out->len, value);
    }

    sio_msgpack_str_head(out, len);
}


/* a key of the packet */

static void
sio_msgpack_text(sio_msgpack_out_t *out, const char *text)
{
    size_t  len;

    len = strlen(text);

    sio_msgpack_put(out, text, len);
    sio_msgpack_str_head(out, len);
}


/*
 * The head of what has n bytes or elements: in the byte itself below nfix,
 * else code and a byte, code + 1 and two, code + 2 and four.  Arrays and maps
 * have no form of one byte; those below nfix never need it.
 */

static void
sio_msgpack_head(sio_msgpack_out_t *out, size_t n, unsigned fix,
    unsigned nfix, unsigned code)
{
    if (n < nfix) {
        sio_msgpack_uint(out, 0, 0, fix | (unsigned) n);

    } else if (n < 0x100 && nfix != 16) {
        sio_msgpack_uint(out, n, 1, code);

    } else if (n < 0x10000) {
        sio_msgpack_uint(out, n, 2, code + 1);

    } else {
        sio_msgpack_uint(out, n, 4, code + 2);
    }
}


/* code, then the last n bytes of v */

static void
sio_msgpack_uint(sio_msgpack_out_t *out, uint64_t v, unsigned n, unsigned code)
{
    uint8_t   buf[9];
    unsigned  i;

    buf[0] = (uint8_t) code;

    for (i = n; i; i--) {
        buf[i] = (uint8_t) v;
        v >>= 8;
    }

    sio_msgpack_put(out, buf, n + 1);
}


static void
sio_msgpack_put(sio_msgpack_out_t *out, const void *p, size_t n)
{
    out->len += n;

    if (out->last && n) {
        memcpy(out->last - out->len, p, n);
    }
}
