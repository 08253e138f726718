
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Sec-WebSocket-Extensions (RFC 6455, 9.1) and the offers of
 * permessage-deflate in it (RFC 7692, 7.1), judged as by ws, the library.
 *
 * The answer always has server_no_context_takeover and
 * client_no_context_takeover: a server may ask for both without an offer, and
 * the streams are the worker's, not the connection's.  Its window has 32 KB,
 * so an offer that wants a smaller one is passed over.
 */


#include "ngx_http_sio_module.h"


#define NGX_HTTP_SIO_OFFER_PARAMS  4
#define NGX_HTTP_SIO_MIN_BITS      8
#define NGX_HTTP_SIO_MAX_BITS      15


typedef enum {
    NGX_HTTP_SIO_SERVER_NO_CONTEXT = 0,
    NGX_HTTP_SIO_CLIENT_NO_CONTEXT,
    NGX_HTTP_SIO_SERVER_BITS,
    NGX_HTTP_SIO_CLIENT_BITS
} ngx_http_sio_offer_param_e;


typedef struct {
    ngx_uint_t  order[NGX_HTTP_SIO_OFFER_PARAMS];   /* as they came */
    ngx_uint_t  n;
    ngx_uint_t  seen;                               /* bits */
    ngx_uint_t  bits[NGX_HTTP_SIO_OFFER_PARAMS];    /* 0: no value */
} ngx_http_sio_offer_t;


typedef struct {
    u_char                *pos;
    u_char                *last;
    ngx_http_sio_offer_t   accepted;
    unsigned               found:1;
} ngx_http_sio_offers_t;


static ngx_int_t ngx_http_sio_offers_parse(ngx_http_sio_offers_t *offers);
static ngx_int_t ngx_http_sio_offer_param(ngx_http_sio_offers_t *offers,
    ngx_http_sio_offer_t *offer);
static ngx_int_t ngx_http_sio_offer_value(ngx_http_sio_offers_t *offers,
    ngx_int_t *number);
static ngx_int_t ngx_http_sio_offer_add(ngx_http_sio_offer_t *offer,
    ngx_str_t *name, ngx_uint_t valued, ngx_int_t number);
static void ngx_http_sio_offer_token(ngx_http_sio_offers_t *offers,
    ngx_str_t *token);
static void ngx_http_sio_offer_space(ngx_http_sio_offers_t *offers);
static ngx_uint_t ngx_http_sio_is_token(u_char ch);
static ngx_int_t ngx_http_sio_offer_answer(ngx_http_request_t *r,
    ngx_http_sio_offer_t *offer, ngx_str_t *answer);


/* by ngx_http_sio_offer_param_e */

static ngx_str_t  ngx_http_sio_offer_params[] = {
    ngx_string("server_no_context_takeover"),
    ngx_string("client_no_context_takeover"),
    ngx_string("server_max_window_bits"),
    ngx_string("client_max_window_bits")
};


ngx_int_t
ngx_http_sio_ws_negotiate(ngx_http_request_t *r, ngx_str_t *answer)
{
    ngx_uint_t              i;
    ngx_list_part_t        *part;
    ngx_table_elt_t        *h;
    ngx_http_sio_offers_t   offers;

    ngx_str_null(answer);

    offers.found = 0;

    /* several headers are one list */

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].hash == 0
                || h[i].key.len != sizeof("sec-websocket-extensions") - 1
                || ngx_strncmp(h[i].lowcase_key, "sec-websocket-extensions",
                               h[i].key.len)
                   != 0)
            {
                continue;
            }

            offers.pos = h[i].value.data;
            offers.last = h[i].value.data + h[i].value.len;

            if (ngx_http_sio_offers_parse(&offers) != NGX_OK) {
                return NGX_DECLINED;
            }
        }
    }

    if (!offers.found) {
        return NGX_OK;
    }

    return ngx_http_sio_offer_answer(r, &offers.accepted, answer);
}


/* all offers must be well-formed; the first that can be met is taken */

static ngx_int_t
ngx_http_sio_offers_parse(ngx_http_sio_offers_t *offers)
{
    ngx_str_t              name;
    ngx_uint_t             deflate, bits;
    ngx_http_sio_offer_t   offer;

    for ( ;; ) {

        ngx_http_sio_offer_space(offers);
        ngx_http_sio_offer_token(offers, &name);
        ngx_http_sio_offer_space(offers);

        if (name.len == 0) {
            return NGX_DECLINED;
        }

        deflate = (name.len == sizeof("permessage-deflate") - 1
                   && ngx_strncmp(name.data, "permessage-deflate", name.len)
                      == 0);

        ngx_memzero(&offer, sizeof(ngx_http_sio_offer_t));

        while (offers->pos < offers->last && *offers->pos == ';') {
            offers->pos++;

            if (ngx_http_sio_offer_param(offers, deflate ? &offer : NULL)
                != NGX_OK)
            {
                return NGX_DECLINED;
            }
        }

        bits = offer.bits[NGX_HTTP_SIO_SERVER_BITS];

        if (deflate && !offers->found
            && (bits == 0 || bits == NGX_HTTP_SIO_MAX_BITS))
        {
            offers->accepted = offer;
            offers->found = 1;
        }

        if (offers->pos == offers->last) {
            return NGX_OK;
        }

        if (*offers->pos++ != ',') {
            return NGX_DECLINED;
        }
    }
}


/* offer NULL: of another extension */

static ngx_int_t
ngx_http_sio_offer_param(ngx_http_sio_offers_t *offers,
    ngx_http_sio_offer_t *offer)
{
    ngx_int_t   number;
    ngx_str_t   name;
    ngx_uint_t  valued;

    ngx_http_sio_offer_space(offers);
    ngx_http_sio_offer_token(offers, &name);

    if (name.len == 0) {
        return NGX_DECLINED;
    }

    number = NGX_ERROR;
    valued = (offers->pos < offers->last && *offers->pos == '=');

    if (valued) {
        offers->pos++;

        if (ngx_http_sio_offer_value(offers, &number) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    ngx_http_sio_offer_space(offers);

    return offer ? ngx_http_sio_offer_add(offer, &name, valued, number)
                 : NGX_OK;
}


/* a token, or one in quotes; *number: what it says, or NGX_ERROR */

static ngx_int_t
ngx_http_sio_offer_value(ngx_http_sio_offers_t *offers, ngx_int_t *number)
{
    u_char      *p, *last;
    ngx_int_t    n;
    ngx_uint_t   quoted, len;

    p = offers->pos;
    last = offers->last;

    quoted = (p < last && *p == '"');

    if (quoted) {
        p++;
    }

    n = 0;

    for (len = 0; p < last; len++, p++) {

        if (quoted && *p == '\\' && p + 1 < last) {
            p++;

        } else if (quoted && *p == '"') {
            break;
        }

        if (!ngx_http_sio_is_token(*p)) {

            if (quoted) {
                return NGX_DECLINED;
            }

            break;
        }

        if (n != NGX_ERROR) {
            n = (*p >= '0' && *p <= '9' && n < 100) ? n * 10 + (*p - '0')
                                                    : NGX_ERROR;
        }
    }

    if (len == 0) {
        return NGX_DECLINED;
    }

    if (quoted) {

        if (p == last) {
            return NGX_DECLINED;
        }

        p++;
    }

    offers->pos = p;
    *number = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_offer_add(ngx_http_sio_offer_t *offer, ngx_str_t *name,
    ngx_uint_t valued, ngx_int_t number)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_SIO_OFFER_PARAMS; i++) {
        if (name->len == ngx_http_sio_offer_params[i].len
            && ngx_strncmp(name->data, ngx_http_sio_offer_params[i].data,
                           name->len)
               == 0)
        {
            break;
        }
    }

    if (i == NGX_HTTP_SIO_OFFER_PARAMS || (offer->seen & (1 << i))) {
        return NGX_DECLINED;
    }

    switch (i) {

    case NGX_HTTP_SIO_SERVER_NO_CONTEXT:
    case NGX_HTTP_SIO_CLIENT_NO_CONTEXT:

        if (valued) {
            return NGX_DECLINED;
        }

        break;

    default:

        /* RFC 7692, 7.1.2: only the client's may be without a value */

        if (!valued) {

            if (i == NGX_HTTP_SIO_SERVER_BITS) {
                return NGX_DECLINED;
            }

            break;
        }

        if (number < NGX_HTTP_SIO_MIN_BITS || number > NGX_HTTP_SIO_MAX_BITS) {
            return NGX_DECLINED;
        }

        offer->bits[i] = number;
        break;
    }

    offer->seen |= 1 << i;
    offer->order[offer->n++] = i;

    return NGX_OK;
}


static void
ngx_http_sio_offer_token(ngx_http_sio_offers_t *offers, ngx_str_t *token)
{
    token->data = offers->pos;

    while (offers->pos < offers->last && ngx_http_sio_is_token(*offers->pos)) {
        offers->pos++;
    }

    token->len = offers->pos - token->data;
}


static void
ngx_http_sio_offer_space(ngx_http_sio_offers_t *offers)
{
    while (offers->pos < offers->last
           && (*offers->pos == ' ' || *offers->pos == '\t'))
    {
        offers->pos++;
    }
}


/* RFC 9110, 5.6.2 */

static ngx_uint_t
ngx_http_sio_is_token(u_char ch)
{
    return ch > 0x20 && ch < 0x7f
           && ngx_strchr("()<>@,;:\\\"/[]?={}", ch) == NULL;
}


/* the offer's parameters in its order, as ws gives them back */

static ngx_int_t
ngx_http_sio_offer_answer(ngx_http_request_t *r, ngx_http_sio_offer_t *offer,
    ngx_str_t *answer)
{
    u_char      *p;
    size_t       len;
    ngx_uint_t   i, k;

    len = sizeof("permessage-deflate") - 1;

    for (i = 0; i < NGX_HTTP_SIO_OFFER_PARAMS; i++) {
        len += sizeof("; =15") - 1 + ngx_http_sio_offer_params[i].len;
    }

    answer->data = ngx_pnalloc(r->pool, len);
    if (answer->data == NULL) {
        return NGX_ERROR;
    }

    for (i = NGX_HTTP_SIO_SERVER_NO_CONTEXT;
         i <= NGX_HTTP_SIO_CLIENT_NO_CONTEXT;
         i++)
    {
        if (!(offer->seen & (1 << i))) {
            offer->order[offer->n++] = i;
        }
    }

    p = ngx_cpymem(answer->data, "permessage-deflate",
                   sizeof("permessage-deflate") - 1);

    for (i = 0; i < offer->n; i++) {
        k = offer->order[i];

        if (k == NGX_HTTP_SIO_CLIENT_BITS && offer->bits[k] == 0) {
            continue;
        }

        p = ngx_sprintf(p, "; %V", &ngx_http_sio_offer_params[k]);

        if (offer->bits[k]) {
            p = ngx_sprintf(p, "=%ui", offer->bits[k]);
        }
    }

    answer->len = p - answer->data;

    return NGX_OK;
}
