
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * MessagePack to JSON: one walk, which is done twice, first without a place to
 * write to.
 */


#include "sio_msgpack.h"
#include "sio_base64.h"
#include "sio_date.h"
#include "sio_msgpack_value.h"
#include "sio_scan.h"
#include "sio_utf8.h"


typedef struct {
    const uint8_t      *p;
    const uint8_t      *last;

    uint8_t            *dst;          /* NULL: only count */
    size_t              len;          /* of the JSON so far */
    sio_str_t          *attachments;  /* with dst */
    uint32_t            nattachments;

    uint32_t            max_attachments;
    uint32_t            max_depth;
    unsigned            skip:1;       /* not even count */
    unsigned            base64:1;     /* binaries stay in the text */
    unsigned            placeholder:1;  /* there is a look-alike */
} sio_msgpack_ctx_t;


typedef struct {
    uint32_t            left;         /* elements or pairs to come */
    uint8_t             map;
    uint8_t             some;         /* one was written */
} sio_msgpack_frame_t;


static int sio_msgpack_packet(sio_msgpack_ctx_t *ctx, sio_msgpack_t *pkt,
    sio_msgpack_value_t *type, sio_msgpack_value_t *id);
static int sio_msgpack_nsp(const sio_str_t *nsp, size_t max);
static int sio_msgpack_id(sio_msgpack_t *pkt, const sio_msgpack_value_t *id);
static void sio_msgpack_ctx(sio_msgpack_ctx_t *ctx, const uint8_t *p,
    size_t len, const sio_msgpack_t *pkt);
static int sio_msgpack_walk(sio_msgpack_ctx_t *ctx);
static int sio_msgpack_key(sio_msgpack_ctx_t *ctx, sio_msgpack_value_t *v);
static void sio_msgpack_key_write(sio_msgpack_ctx_t *ctx,
    const sio_msgpack_value_t *v);
static int sio_msgpack_scalar(sio_msgpack_ctx_t *ctx,
    const sio_msgpack_value_t *v, unsigned depth);
static void sio_msgpack_put(sio_msgpack_ctx_t *ctx, const void *p, size_t n);
static void sio_msgpack_number(sio_msgpack_ctx_t *ctx, double d);
static void sio_msgpack_date(sio_msgpack_ctx_t *ctx, double ms);
static void sio_msgpack_string(sio_msgpack_ctx_t *ctx, const uint8_t *p,
    size_t len);
static int sio_msgpack_binary(sio_msgpack_ctx_t *ctx, const uint8_t *p,
    size_t len);


#define sio_msgpack_text(ctx, s)  sio_msgpack_put(ctx, s, sizeof(s) - 1)

#define sio_msgpack_is(v, s)                                                  \
    ((v)->n == sizeof(s) - 1 && memcmp((v)->p, s, sizeof(s) - 1) == 0)


/* socket.io-msgpack-parser 3.0.2, Decoder.add() */

int
sio_msgpack_parse(uint8_t *p, size_t len, const sio_packet_limits_t *limits,
    sio_msgpack_t *pkt)
{
    sio_msgpack_ctx_t    ctx;
    sio_msgpack_value_t  type, id;

    memset(pkt, 0, sizeof(sio_msgpack_t));

    if (len == 0) {
        return SIO_ERROR;
    }

    sio_msgpack_ctx(&ctx, p, len, pkt);

    ctx.skip = 1;

    if (limits->max_depth < SIO_JSON_MAX_DEPTH) {
        ctx.max_depth = limits->max_depth;
    }

    if (sio_msgpack_packet(&ctx, pkt, &type, &id) != SIO_OK
        || ctx.p != ctx.last
        || type.kind != SIO_MSGPACK_NUMBER)
    {
        return SIO_ERROR;
    }

    /* which kind of data suits which type */

    if (type.number == SIO_CONNECT) {

        if (pkt->data.len
            && (*pkt->data.data & 0xf0) != 0x80
            && *pkt->data.data != 0xde && *pkt->data.data != 0xdf)
        {
            return SIO_ERROR;
        }

    } else if (type.number == SIO_DISCONNECT) {

        if (pkt->data.len) {
            return SIO_ERROR;
        }

    } else if (type.number == SIO_EVENT || type.number == SIO_ACK) {

        if (pkt->data.len == 0
            || ((*pkt->data.data & 0xf0) != 0x90
                && *pkt->data.data != 0xdc && *pkt->data.data != 0xdd))
        {
            return SIO_ERROR;
        }

    } else {
        return SIO_ERROR;
    }

    pkt->type = (uint8_t) type.number;

    if (sio_msgpack_nsp(&pkt->nsp, limits->max_nsp) != SIO_OK
        || sio_msgpack_id(pkt, &id) != SIO_OK)
    {
        return SIO_ERROR;
    }

    if (pkt->data.len == 0) {
        return SIO_OK;
    }

    /* it is whole and not too deep: how long will it be */

    sio_msgpack_ctx(&ctx, pkt->data.data, pkt->data.len, pkt);

    ctx.max_attachments = limits->max_attachments;

    if (sio_msgpack_walk(&ctx) != SIO_OK
        || (ctx.nattachments && ctx.placeholder))
    {
        return SIO_ERROR;
    }

    pkt->json_len = ctx.len;
    pkt->nattachments = ctx.nattachments;

    return SIO_OK;
}


/* the map: of equal keys the last one counts, as in an object */

static int
sio_msgpack_packet(sio_msgpack_ctx_t *ctx, sio_msgpack_t *pkt,
    sio_msgpack_value_t *type, sio_msgpack_value_t *id)
{
    size_t                n;
    const uint8_t        *start;
    sio_msgpack_value_t   map, key, v;

    memset(type, 0, sizeof(sio_msgpack_value_t));
    memset(id, 0, sizeof(sio_msgpack_value_t));
    id->kind = SIO_MSGPACK_UNDEFINED;

    if (sio_msgpack_next(&ctx->p, ctx->last, &map) != SIO_OK
        || map.kind != SIO_MSGPACK_MAP)
    {
        return SIO_ERROR;
    }

    for (n = map.n; n; n--) {

        if (sio_msgpack_key(ctx, &key) != SIO_OK) {
            return SIO_ERROR;
        }

        start = ctx->p;

        if (sio_msgpack_next(&ctx->p, ctx->last, &v) != SIO_OK) {
            return SIO_ERROR;
        }

        if (v.kind == SIO_MSGPACK_ARRAY || v.kind == SIO_MSGPACK_MAP) {
            ctx->p = start;

            if (sio_msgpack_walk(ctx) != SIO_OK) {
                return SIO_ERROR;
            }
        }

        if (key.kind != SIO_MSGPACK_STR) {
            continue;
        }

        if (sio_msgpack_is(&key, "type")) {
            *type = v;

        } else if (sio_msgpack_is(&key, "id")) {
            *id = v;

        } else if (sio_msgpack_is(&key, "nsp")) {
            pkt->nsp.data = (uint8_t *) v.p;
            pkt->nsp.len = v.kind == SIO_MSGPACK_STR ? v.n : 0;

        } else if (sio_msgpack_is(&key, "data")) {
            pkt->data.data = (uint8_t *) start;
            pkt->data.len = v.kind == SIO_MSGPACK_UNDEFINED
                            ? 0 : ctx->p - start;
        }
    }

    return SIO_OK;
}


/* a name that "<type><nsp>,<id>[...]" can hold, as sio_packet_parse() has it */

static int
sio_msgpack_nsp(const sio_str_t *nsp, size_t max)
{
    size_t  i;

    if (nsp->len == 0 || nsp->len > max || nsp->data[0] != '/') {
        return SIO_ERROR;
    }

    for (i = 0; i < nsp->len; i++) {
        if (nsp->data[i] < 0x20 || nsp->data[i] == 0x7f
            || nsp->data[i] == ',')
        {
            return SIO_ERROR;
        }
    }

    return sio_utf8_valid(nsp->data, nsp->len);
}


static int
sio_msgpack_id(sio_msgpack_t *pkt, const sio_msgpack_value_t *id)
{
    uint8_t  buf[SIO_JSON_NUMBER_MAX];

    if (id->kind == SIO_MSGPACK_UNDEFINED) {
        return SIO_OK;
    }

    if (id->kind != SIO_MSGPACK_NUMBER
        || !(id->number > -1e20 && id->number < 1e20))
    {
        return SIO_ERROR;
    }

    /* beyond 2^53 there are whole numbers only */

    if (id->number > -9e15 && id->number < 9e15
        && id->number != (double) (int64_t) id->number)
    {
        return SIO_ERROR;
    }

    pkt->id_len = (uint8_t) sio_json_double_write(buf, id->number);
    memcpy(pkt->id, buf, pkt->id_len);

    return SIO_OK;
}


void
sio_msgpack_write_json(uint8_t *dst, sio_str_t *attachments,
    const sio_msgpack_t *pkt)
{
    sio_msgpack_ctx_t  ctx;

    sio_msgpack_ctx(&ctx, pkt->data.data, pkt->data.len, pkt);

    ctx.dst = dst;
    ctx.attachments = attachments;

    (void) sio_msgpack_walk(&ctx);
}


/* without limits: they were kept when the packet was looked at first */

static void
sio_msgpack_ctx(sio_msgpack_ctx_t *ctx, const uint8_t *p, size_t len,
    const sio_msgpack_t *pkt)
{
    memset(ctx, 0, sizeof(sio_msgpack_ctx_t));

    ctx->p = p;
    ctx->last = p + len;
    ctx->base64 = (pkt->type == SIO_CONNECT);
    ctx->max_attachments = UINT32_MAX;
    ctx->max_depth = SIO_JSON_MAX_DEPTH;
}


/* one value with all that is in it */

static int
sio_msgpack_walk(sio_msgpack_ctx_t *ctx)
{
    unsigned              depth;
    sio_msgpack_value_t   v, key;
    sio_msgpack_frame_t  *f, frames[SIO_JSON_MAX_DEPTH];

    depth = 0;

    for ( ;; ) {

        if (sio_msgpack_next(&ctx->p, ctx->last, &v) != SIO_OK) {
            return SIO_ERROR;
        }

        if (v.kind == SIO_MSGPACK_ARRAY || v.kind == SIO_MSGPACK_MAP) {

            if (depth >= ctx->max_depth) {
                return SIO_ERROR;
            }

            f = &frames[depth++];
            f->left = (uint32_t) v.n;
            f->map = (v.kind == SIO_MSGPACK_MAP);
            f->some = 0;

            sio_msgpack_put(ctx, f->map ? "{" : "[", 1);

        } else if (sio_msgpack_scalar(ctx, &v, depth) != SIO_OK) {
            return SIO_ERROR;
        }

        /* to where the next value stands */

        for ( ;; ) {

            if (depth == 0) {
                return SIO_OK;
            }

            f = &frames[depth - 1];

            if (f->left == 0) {
                sio_msgpack_put(ctx, f->map ? "}" : "]", 1);
                depth--;
                continue;
            }

            f->left--;

            if (f->map) {

                if (sio_msgpack_key(ctx, &key) != SIO_OK) {
                    return SIO_ERROR;
                }

                if (ctx->last - ctx->p >= 3
                    && ctx->p[0] == 0xd4 && ctx->p[1] == 0)
                {
                    /* undefined: JSON.stringify() leaves the member out */

                    ctx->p += 3;
                    continue;
                }
            }

            if (f->some) {
                sio_msgpack_put(ctx, ",", 1);
            }

            f->some = 1;

            if (f->map && !ctx->skip) {
                sio_msgpack_key_write(ctx, &key);
            }

            break;
        }
    }
}


/* what can be the name of a property; binaries are text then, as in Node */

static int
sio_msgpack_key(sio_msgpack_ctx_t *ctx, sio_msgpack_value_t *v)
{
    if (sio_msgpack_next(&ctx->p, ctx->last, v) != SIO_OK
        || v->kind == SIO_MSGPACK_DATE
        || v->kind >= SIO_MSGPACK_EXT)
    {
        return SIO_ERROR;
    }

    if (v->kind == SIO_MSGPACK_BIN) {
        v->kind = SIO_MSGPACK_STR;
    }

    return SIO_OK;
}


static void
sio_msgpack_key_write(sio_msgpack_ctx_t *ctx, const sio_msgpack_value_t *v)
{
    switch (v->kind) {

    case SIO_MSGPACK_STR:

        if (sio_msgpack_is(v, "_placeholder")
            && ctx->p < ctx->last && *ctx->p == 0xc3)
        {
            ctx->placeholder = 1;
        }

        sio_msgpack_string(ctx, v->p, v->n);
        break;

    case SIO_MSGPACK_NUMBER:

        /* what is not finite is "null" here too, Node has names for it */

        sio_msgpack_put(ctx, "\"", 1);
        sio_msgpack_number(ctx, v->number);
        sio_msgpack_put(ctx, "\"", 1);
        break;

    case SIO_MSGPACK_NIL:
        sio_msgpack_text(ctx, "\"null\"");
        break;

    case SIO_MSGPACK_FALSE:
        sio_msgpack_text(ctx, "\"false\"");
        break;

    case SIO_MSGPACK_TRUE:
        sio_msgpack_text(ctx, "\"true\"");
        break;

    default: /* SIO_MSGPACK_UNDEFINED */
        sio_msgpack_text(ctx, "\"undefined\"");
        break;
    }

    sio_msgpack_put(ctx, ":", 1);
}


static int
sio_msgpack_scalar(sio_msgpack_ctx_t *ctx, const sio_msgpack_value_t *v,
    unsigned depth)
{
    if (v->kind == SIO_MSGPACK_EXT && depth >= ctx->max_depth) {

        /* it will be an array of two */

        return SIO_ERROR;
    }

    if (ctx->skip) {
        return SIO_OK;
    }

    switch (v->kind) {

    case SIO_MSGPACK_FALSE:
        sio_msgpack_text(ctx, "false");
        return SIO_OK;

    case SIO_MSGPACK_TRUE:
        sio_msgpack_text(ctx, "true");
        return SIO_OK;

    case SIO_MSGPACK_NUMBER:
        sio_msgpack_number(ctx, v->number);
        return SIO_OK;

    case SIO_MSGPACK_DATE:
        sio_msgpack_date(ctx, v->number);
        return SIO_OK;

    case SIO_MSGPACK_STR:
        sio_msgpack_string(ctx, v->p, v->n);
        return SIO_OK;

    case SIO_MSGPACK_BIN:
        return sio_msgpack_binary(ctx, v->p, v->n);

    case SIO_MSGPACK_EXT:

        sio_msgpack_put(ctx, "[", 1);
        sio_msgpack_number(ctx, v->number);
        sio_msgpack_put(ctx, ",", 1);

        if (sio_msgpack_binary(ctx, v->p, v->n) != SIO_OK) {
            return SIO_ERROR;
        }

        sio_msgpack_put(ctx, "]", 1);
        return SIO_OK;

    default:
        sio_msgpack_text(ctx, "null");
        return SIO_OK;
    }
}


static void
sio_msgpack_put(sio_msgpack_ctx_t *ctx, const void *p, size_t n)
{
    if (ctx->dst) {
        memcpy(ctx->dst + ctx->len, p, n);
    }

    ctx->len += n;
}


static void
sio_msgpack_number(sio_msgpack_ctx_t *ctx, double d)
{
    uint8_t  buf[SIO_JSON_NUMBER_MAX];

    sio_msgpack_put(ctx, buf, sio_json_double_write(buf, d));
}


static void
sio_msgpack_date(sio_msgpack_ctx_t *ctx, double ms)
{
    size_t   n;
    uint8_t  buf[SIO_DATE_LEN], first[6];

    static const uint8_t  hex[] = "0123456789abcdef";

    if (!(ms >= -SIO_DATE_MAX && ms <= SIO_DATE_MAX)) {
        sio_msgpack_text(ctx, "null");
        return;
    }

    n = sio_date_write(buf, (int64_t) ms);

    memcpy(first, "\\u00", 4);
    first[4] = hex[buf[0] >> 4];
    first[5] = hex[buf[0] & 0xf];

    sio_msgpack_put(ctx, "\"", 1);
    sio_msgpack_put(ctx, first, 6);
    sio_msgpack_put(ctx, buf + 1, n - 1);
    sio_msgpack_put(ctx, "\"", 1);
}


static void
sio_msgpack_string(sio_msgpack_ctx_t *ctx, const uint8_t *p, size_t len)
{
    size_t          n;
    sio_utf8_t      u;
    const uint8_t  *last, *start;

    last = p + len;

    sio_msgpack_put(ctx, "\"", 1);

    while (p < last) {

        /* the longest valid run */

        start = p;

        while (p < last) {
            p = sio_skip_ascii(p, last);

            n = p < last ? sio_utf8_char(p, last) : 0;

            if (n == 0) {
                break;
            }

            p += n;
        }

        ctx->len += ctx->dst ? sio_json_escape_write(ctx->dst + ctx->len,
                                                     start, p - start)
                             : sio_json_escape_len(start, p - start);

        if (p == last) {
            break;
        }

        /* then what sio_utf8_repair() would replace */

        memset(&u, 0, sizeof(sio_utf8_t));
        start = p;

        while (p < last && sio_utf8_check(&u, p, 1) == SIO_OK) {
            p++;
        }

        p += (p == start);

        sio_msgpack_text(ctx, "\xef\xbf\xbd");
    }

    sio_msgpack_put(ctx, "\"", 1);
}


static int
sio_msgpack_binary(sio_msgpack_ctx_t *ctx, const uint8_t *p, size_t len)
{
    uint8_t    buf[SIO_PLACEHOLDER_MAX];
    sio_str_t  *attachment;

    if (ctx->base64) {

        sio_msgpack_text(ctx, "{\"_base64\":\"");

        if (ctx->dst) {
            (void) sio_base64_write(ctx->dst + ctx->len, p, len);
        }

        ctx->len += sio_base64_len(len);

        sio_msgpack_text(ctx, "\"}");
        return SIO_OK;
    }

    if (ctx->nattachments == ctx->max_attachments) {
        return SIO_ERROR;
    }

    if (ctx->dst) {
        attachment = &ctx->attachments[ctx->nattachments];
        attachment->data = (uint8_t *) p;
        attachment->len = len;
    }

    sio_msgpack_put(ctx, buf,
                    sio_packet_write_placeholder(buf, ctx->nattachments));

    ctx->nattachments++;

    return SIO_OK;
}
