
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "sio_packet.h"
#include "sio_utf8.h"
#include "sio_scan.h"


#define SIO_PACKET_ID_DIGITS  20


static int sio_packet_attachments(const uint8_t **pos, const uint8_t *last,
    uint32_t max, uint32_t *n);
static int sio_packet_nsp(const uint8_t *p, const uint8_t *last);
static int sio_packet_payload(const sio_packet_t *pkt, const sio_str_t *first);
static int sio_packet_event_name(const sio_str_t *name);
static int sio_packet_placeholders(const sio_packet_t *pkt);
static int sio_packet_object(const uint8_t **pos, const uint8_t *last,
    sio_str_t *num);
static int sio_packet_number(const sio_str_t *value, uint32_t *num);


/* names a client must not send; Node emits them itself */

static const sio_str_t  sio_packet_reserved_names[] = {
    sio_string("connect"),
    sio_string("connect_error"),
    sio_string("disconnect"),
    sio_string("disconnecting"),
    sio_string("newListener"),
    sio_string("removeListener")
};

#define SIO_PACKET_NRESERVED                                                  \
    (sizeof(sio_packet_reserved_names) / sizeof(sio_packet_reserved_names[0]))


/* Socket.IO protocol v5, Packet encoding */

int
sio_packet_parse(uint8_t *text, size_t len, const sio_packet_limits_t *limits,
    sio_packet_t *pkt, sio_str_t *args, size_t max_args)
{
    sio_str_t       first;
    const uint8_t  *p, *last, *start;

    memset(pkt, 0, sizeof(sio_packet_t));

    if (len == 0 || *text < '0' || *text > '6') {
        return SIO_ERROR;
    }

    p = text + 1;
    last = text + len;

    pkt->type = *text - '0';

    if (pkt->type >= SIO_BINARY_EVENT
        && sio_packet_attachments(&p, last, limits->max_attachments,
                                  &pkt->nattachments)
           != SIO_OK)
    {
        return SIO_ERROR;
    }

    if (p < last && *p == '/') {

        start = p;
        p = memchr(start, ',', last - start);

        if (p == NULL) {
            p = last;
        }

        if ((size_t) (p - start) > limits->max_nsp
            || sio_packet_nsp(start, p) != SIO_OK)
        {
            return SIO_ERROR;
        }

        pkt->nsp.data = text + (start - text);
        pkt->nsp.len = p - start;

        if (p < last) {
            p++;
        }

    } else {
        pkt->nsp.data = (uint8_t *) "/";
        pkt->nsp.len = 1;
    }

    start = p;

    while (p < last && sio_is_digit(*p)) {
        p++;
    }

    if (p > start) {

        while (p - start > 1 && *start == '0') {
            start++;
        }

        if (p - start > SIO_PACKET_ID_DIGITS) {
            return SIO_ERROR;
        }

        pkt->id.data = text + (start - text);
        pkt->id.len = p - start;
    }

    if (p == last) {

        /* Node takes every type without a payload, protocol.md 3.2 */

        return SIO_OK;
    }

    first.len = 0;
    first.data = NULL;

    if (max_args == 0) {
        args = &first;
        max_args = 1;
    }

    if (sio_json_parse(text + (p - text), last - p, limits->max_depth,
                       &pkt->json, args, max_args)
        != SIO_OK)
    {
        return SIO_ERROR;
    }

    if (pkt->json.nelts) {
        first = args[0];
    }

    if (sio_packet_payload(pkt, &first) != SIO_OK) {
        return SIO_ERROR;
    }

    if (pkt->type >= SIO_BINARY_EVENT && pkt->json.placeholder) {
        return sio_packet_placeholders(pkt);
    }

    return SIO_OK;
}


/* "<n>-"; Node takes all that Number() makes a whole number, we take digits */

static int
sio_packet_attachments(const uint8_t **pos, const uint8_t *last, uint32_t max,
    uint32_t *n)
{
    uint64_t        v;
    const uint8_t  *p;

    v = 0;

    for (p = *pos; p < last && sio_is_digit(*p); p++) {
        v = v * 10 + (*p - '0');

        if (v > max) {
            return SIO_ERROR;
        }
    }

    if (v == 0 || p == last || *p != '-') {
        return SIO_ERROR;
    }

    *n = (uint32_t) v;
    *pos = p + 1;

    return SIO_OK;
}


/*
 * Node takes any characters.  Control characters are refused here: names go to
 * logs and, on the way back, into polling payloads, where 0x1e separates.
 */

static int
sio_packet_nsp(const uint8_t *p, const uint8_t *last)
{
    const uint8_t  *start;

    for (start = p; p < last; p++) {
        if (*p < 0x20 || *p == 0x7f) {
            return SIO_ERROR;
        }
    }

    return sio_utf8_valid(start, last - start);
}


/* does the payload suit the type; first is the first element, if any */

static int
sio_packet_payload(const sio_packet_t *pkt, const sio_str_t *first)
{
    switch (pkt->type) {

    case SIO_CONNECT:
        return pkt->json.type == SIO_JSON_OBJECT ? SIO_OK : SIO_ERROR;

    case SIO_CONNECT_ERROR:
        return (pkt->json.type == SIO_JSON_OBJECT
                || pkt->json.type == SIO_JSON_STRING)
               ? SIO_OK : SIO_ERROR;

    case SIO_EVENT:
    case SIO_BINARY_EVENT:

        /* an array without elements has no name either */

        return sio_packet_event_name(first);

    case SIO_ACK:
    case SIO_BINARY_ACK:
        return pkt->json.type == SIO_JSON_ARRAY ? SIO_OK : SIO_ERROR;

    default: /* SIO_DISCONNECT */
        return SIO_ERROR;
    }
}


static int
sio_packet_event_name(const sio_str_t *name)
{
    size_t            i;
    sio_json_type_e   type;
    const sio_str_t  *reserved;

    type = sio_json_type(name);

    if (type == SIO_JSON_NUMBER) {
        return SIO_OK;
    }

    if (type != SIO_JSON_STRING) {
        return SIO_ERROR;
    }

    for (i = 0; i < SIO_PACKET_NRESERVED; i++) {
        reserved = &sio_packet_reserved_names[i];

        if (sio_json_string_eq(name, reserved->data, reserved->len)
            == SIO_OK)
        {
            return SIO_ERROR;
        }
    }

    return SIO_OK;
}


int
sio_packet_reserved(const uint8_t *name, size_t len)
{
    size_t            i;
    const sio_str_t  *reserved;

    for (i = 0; i < SIO_PACKET_NRESERVED; i++) {
        reserved = &sio_packet_reserved_names[i];

        if (reserved->len == len && memcmp(reserved->data, name, len) == 0) {
            return 1;
        }
    }

    return 0;
}


size_t
sio_packet_write_head(uint8_t *dst, unsigned type, uint32_t nattachments,
    const sio_str_t *nsp, const sio_str_t *id)
{
    size_t   n, len;
    uint8_t  digits[20];

    if (dst) {
        dst[0] = (uint8_t) ('0' + type);
    }

    n = 1;

    if (type == SIO_BINARY_EVENT || type == SIO_BINARY_ACK) {
        len = sio_uint_write(digits, nattachments);

        if (dst) {
            memcpy(dst + n, digits, len);
            dst[n + len] = '-';
        }

        n += len + 1;
    }

    if (nsp->len > 1 || (nsp->len == 1 && nsp->data[0] != '/')) {

        if (dst) {
            memcpy(dst + n, nsp->data, nsp->len);
            dst[n + nsp->len] = ',';
        }

        n += nsp->len + 1;
    }

    if (id && id->len) {

        if (dst) {
            memcpy(dst + n, id->data, id->len);
        }

        n += id->len;
    }

    return n;
}


/* all numbers within the attachments that were announced */

static int
sio_packet_placeholders(const sio_packet_t *pkt)
{
    int         rc;
    uint8_t    *pos;
    uint32_t    num;
    sio_str_t   out;

    pos = pkt->json.value.data;

    do {
        rc = sio_packet_next_placeholder(&pkt->json.value, &pos, &out, &num);

        if (rc == SIO_OK && num >= pkt->nattachments) {
            return SIO_ERROR;
        }

    } while (rc == SIO_OK);

    return rc == SIO_DONE ? SIO_OK : SIO_ERROR;
}


/*
 * One walk, without a stack and without looking at a byte more than twice:
 * at each "{" the members up to the first array or object are read ahead, and
 * they decide.  A "_placeholder":true that is met later, behind such a member,
 * is an error, as is such a member behind a "_placeholder":true; Node ignores
 * other keys of a placeholder, but no client sends any.
 */

int
sio_packet_next_placeholder(const sio_str_t *value, uint8_t **pos,
    sio_str_t *out, uint32_t *num)
{
    int             rc;
    sio_str_t       slice;
    const uint8_t  *p, *last, *start;

    p = *pos;
    last = value->len ? value->data + value->len : value->data;

    while (p < last) {

        start = p;

        if (*p == '{') {
            rc = sio_packet_object(&p, last, &slice);

            if (rc == SIO_ERROR) {
                return SIO_ERROR;
            }

            if (rc == SIO_OK) {
                out->data = *pos + (start - *pos);
                out->len = p - start;
                *pos += p - *pos;

                return sio_packet_number(&slice, num);
            }

            continue;
        }

        if (*p != '"') {
            p++;
            continue;
        }

        p = sio_json_skip_string(p, last);

        if (sio_json_is_placeholder(start, p)) {

            start = sio_json_skip_ws(p, last);

            if (start < last && *start == ':') {

                start = sio_json_skip_ws(start + 1, last);

                if (start < last && *start == 't') {
                    return SIO_ERROR;
                }
            }
        }
    }

    *pos += last - *pos;

    return SIO_DONE;
}


/*
 * The object at *pos, up to its first member that is an array or an object.
 *
 * SIO_OK        a placeholder; *pos is behind it, num is its number's slice
 * SIO_DECLINED  none; *pos is behind it or at the value of that member
 * SIO_ERROR     it has both
 */

static int
sio_packet_object(const uint8_t **pos, const uint8_t *last, sio_str_t *num)
{
    int             placeholder;
    sio_str_t       key;
    const uint8_t  *p, *value;

    p = *pos + 1;
    placeholder = 0;
    num->len = 0;
    num->data = NULL;

    for ( ;; ) {

        while (p < last && (sio_json_is_ws(*p) || *p == ',')) {
            p++;
        }

        if (p == last || *p != '"') {

            /* "}", in a valid text */

            *pos = p < last ? p + 1 : last;

            return placeholder ? SIO_OK : SIO_DECLINED;
        }

        key.data = (uint8_t *) p;
        p = sio_json_skip_string(p, last);
        key.len = p - key.data;

        p = sio_json_skip_ws(p, last);

        if (p < last && *p == ':') {
            p = sio_json_skip_ws(p + 1, last);
        }

        if (p == last) {
            continue;
        }

        if (*p == '{' || *p == '[') {
            *pos = p;
            return placeholder ? SIO_ERROR : SIO_DECLINED;
        }

        value = p;
        p = sio_json_skip_value(p, last);

        /* of equal keys the last one counts, as in JSON.parse() */

        if (sio_json_is_placeholder(key.data, key.data + key.len)) {
            placeholder = (*value == 't');

        } else if (sio_json_string_eq(&key, (const uint8_t *) "num", 3)
                   == SIO_OK)
        {
            num->data = (uint8_t *) value;
            num->len = p - value;
        }
    }
}


static int
sio_packet_number(const sio_str_t *value, uint32_t *num)
{
    double  d;

    if (sio_json_type(value) != SIO_JSON_NUMBER) {
        return SIO_ERROR;
    }

    d = sio_json_number_read(value);

    if (!(d >= 0 && d <= 4294967295.0) || d != (double) (uint32_t) d) {
        return SIO_ERROR;
    }

    *num = (uint32_t) d;

    return SIO_OK;
}


size_t
sio_packet_write_placeholder(uint8_t *dst, uint32_t num)
{
    static const char  head[] = "{\"_placeholder\":true,\"num\":";

    size_t  n;

    n = sizeof(head) - 1;
    memcpy(dst, head, n);

    n += sio_uint_write(dst + n, num);
    dst[n] = '}';

    return n + 1;
}
