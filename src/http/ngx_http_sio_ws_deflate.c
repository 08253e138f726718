
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Sec-WebSocket-Extensions (RFC 6455, 9.1) and the offers of
 * permessage-deflate in it (RFC 7692, 7.1), judged as by ws, the library.
 *
 * Unless the configuration says otherwise the answer always has
 * server_no_context_takeover and client_no_context_takeover: a server may ask
 * for both without an offer, and the streams are the worker's then, not the
 * connection's.
 */


#include "ngx_http_sio_module.h"


#define NGX_HTTP_SIO_MIN_BITS      8
#define NGX_HTTP_SIO_MAX_BITS      15


typedef struct {
    ngx_uint_t  order[NGX_HTTP_SIO_NOFFERED];       /* as they came */
    ngx_uint_t  n;
    ngx_uint_t  seen;                               /* bits */
    ngx_uint_t  bits[NGX_HTTP_SIO_NOFFERED];        /* 0: no value */
} ngx_http_sio_offer_t;


typedef struct {
    u_char                *pos;
    u_char                *last;
    const ngx_uint_t      *params;          /* ours */
    ngx_http_sio_offer_t   accepted;
    unsigned               offered:1;
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
static ngx_uint_t ngx_http_sio_offer_fits(ngx_http_sio_offer_t *offer,
    const ngx_uint_t *params);
static void ngx_http_sio_offer_accept(ngx_http_sio_offer_t *offer,
    const ngx_uint_t *params);
static void ngx_http_sio_offer_set(ngx_http_sio_offer_t *offer, ngx_uint_t i,
    ngx_uint_t bits);
static ngx_int_t ngx_http_sio_offer_answer(ngx_http_request_t *r,
    ngx_http_sio_offer_t *offer, ngx_str_t *answer);
#if (NGX_SIO_HAVE_ZLIB)
static ngx_int_t ngx_http_sio_deflate_param(ngx_conf_t *cf,
    ngx_http_sio_deflate_t *deflate, ngx_str_t *arg);
#endif


/* by ngx_http_sio_offered_e */

static ngx_str_t  ngx_http_sio_offer_params[] = {
    ngx_string("server_no_context_takeover"),
    ngx_string("client_no_context_takeover"),
    ngx_string("server_max_window_bits"),
    ngx_string("client_max_window_bits")
};


ngx_int_t
ngx_http_sio_ws_negotiate(ngx_http_request_t *r, ngx_http_sio_deflate_t *conf,
    ngx_str_t *answer, ngx_http_sio_agreed_t *agreed)
{
    ngx_uint_t              i, params[NGX_HTTP_SIO_NOFFERED];
    ngx_list_part_t        *part;
    ngx_table_elt_t        *h;
    ngx_http_sio_offer_t   *offer;
    ngx_http_sio_offers_t   offers;

    ngx_str_null(answer);

    ngx_memcpy(params, conf->params, sizeof(params));

#if (NGX_SIO_HAVE_ZLIB)

    if (ngx_sio_contexts() >= conf->contexts) {
        params[NGX_HTTP_SIO_SERVER_NO_CONTEXT] = NGX_HTTP_SIO_ON;
        params[NGX_HTTP_SIO_CLIENT_NO_CONTEXT] = NGX_HTTP_SIO_ON;
    }

#endif

    offers.params = params;
    offers.offered = 0;
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
        return offers.offered ? NGX_DECLINED : NGX_OK;
    }

    offer = &offers.accepted;

    ngx_http_sio_offer_accept(offer, params);

    agreed->form = conf->form;
    agreed->deflates = !(offer->seen & (1 << NGX_HTTP_SIO_SERVER_NO_CONTEXT));
    agreed->inflates = !(offer->seen & (1 << NGX_HTTP_SIO_CLIENT_NO_CONTEXT));

    if (offer->bits[NGX_HTTP_SIO_SERVER_BITS]) {
        agreed->form.server_bits =
                               (uint8_t) offer->bits[NGX_HTTP_SIO_SERVER_BITS];
    }

    if (offer->bits[NGX_HTTP_SIO_CLIENT_BITS]) {
        agreed->form.client_bits =
                               (uint8_t) offer->bits[NGX_HTTP_SIO_CLIENT_BITS];
    }

    return ngx_http_sio_offer_answer(r, offer, answer);
}


/* all offers must be well-formed; the first that can be met is taken */

static ngx_int_t
ngx_http_sio_offers_parse(ngx_http_sio_offers_t *offers)
{
    ngx_str_t              name;
    ngx_uint_t             deflate;
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

        if (deflate) {
            offers->offered = 1;

            if (!offers->found
                && ngx_http_sio_offer_fits(&offer, offers->params))
            {
                offers->accepted = offer;
                offers->found = 1;
            }
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

    for (i = 0; i < NGX_HTTP_SIO_NOFFERED; i++) {
        if (name->len == ngx_http_sio_offer_params[i].len
            && ngx_strncmp(name->data, ngx_http_sio_offer_params[i].data,
                           name->len)
               == 0)
        {
            break;
        }
    }

    if (i == NGX_HTTP_SIO_NOFFERED || (offer->seen & (1 << i))) {
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


/* PerMessageDeflate.acceptAsServer() of ws */

static ngx_uint_t
ngx_http_sio_offer_fits(ngx_http_sio_offer_t *offer, const ngx_uint_t *params)
{
    ngx_uint_t  bits, ours;

    if (params[NGX_HTTP_SIO_SERVER_NO_CONTEXT] == NGX_HTTP_SIO_OFF
        && (offer->seen & (1 << NGX_HTTP_SIO_SERVER_NO_CONTEXT)))
    {
        return 0;
    }

    bits = offer->bits[NGX_HTTP_SIO_SERVER_BITS];
    ours = params[NGX_HTTP_SIO_SERVER_BITS];

    if (bits && (ours == NGX_HTTP_SIO_OFF
                 || (ours >= NGX_HTTP_SIO_MIN_BITS && ours > bits)))
    {
        return 0;
    }

    bits = offer->bits[NGX_HTTP_SIO_CLIENT_BITS];
    ours = params[NGX_HTTP_SIO_CLIENT_BITS];

    if (ours >= NGX_HTTP_SIO_MIN_BITS
        && (!(offer->seen & (1 << NGX_HTTP_SIO_CLIENT_BITS))
            || (bits && ours > bits)))
    {
        return 0;
    }

    return 1;
}


static void
ngx_http_sio_offer_accept(ngx_http_sio_offer_t *offer,
    const ngx_uint_t *params)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_SIO_NOFFERED; i++) {

        if (params[i] == NGX_HTTP_SIO_ON) {
            ngx_http_sio_offer_set(offer, i, 0);

        } else if (params[i] >= NGX_HTTP_SIO_MIN_BITS) {
            ngx_http_sio_offer_set(offer, i, params[i]);
        }
    }

    i = NGX_HTTP_SIO_CLIENT_BITS;

    if (params[i] == NGX_HTTP_SIO_OFF || offer->bits[i] == 0) {
        offer->seen &= ~(1 << i);
        offer->bits[i] = 0;
    }
}


static void
ngx_http_sio_offer_set(ngx_http_sio_offer_t *offer, ngx_uint_t i,
    ngx_uint_t bits)
{
    if (!(offer->seen & (1 << i))) {
        offer->seen |= 1 << i;
        offer->order[offer->n++] = i;
    }

    offer->bits[i] = bits;
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

    for (i = 0; i < NGX_HTTP_SIO_NOFFERED; i++) {
        len += sizeof("; =15") - 1 + ngx_http_sio_offer_params[i].len;
    }

    answer->data = ngx_pnalloc(r->pool, len);
    if (answer->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(answer->data, "permessage-deflate",
                   sizeof("permessage-deflate") - 1);

    for (i = 0; i < offer->n; i++) {
        k = offer->order[i];

        if (!(offer->seen & (1 << k))) {
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


/* sio_per_message_deflate on | off | PARAMETER ... */

char *
ngx_http_sio_per_message_deflate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char *p = conf;

    ngx_str_t                *value;
    ngx_http_sio_deflate_t  **field;
#if (NGX_SIO_HAVE_ZLIB)
    ngx_uint_t                i, n;
    ngx_http_sio_deflate_t   *deflate;
#endif

    field = (ngx_http_sio_deflate_t **) (p + cmd->offset);

    if (*field != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        *field = NULL;
        return NGX_CONF_OK;
    }

#if (NGX_SIO_HAVE_ZLIB)

    deflate = ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_deflate_t));
    if (deflate == NULL) {
        return NGX_CONF_ERROR;
    }

    deflate->form.threshold = NGX_HTTP_SIO_THRESHOLD;
    deflate->form.level = 1;
    deflate->form.mem_level = 8;
    deflate->form.server_bits = NGX_HTTP_SIO_MAX_BITS;
    deflate->form.client_bits = NGX_HTTP_SIO_MAX_BITS;
    deflate->params[NGX_HTTP_SIO_SERVER_NO_CONTEXT] = NGX_HTTP_SIO_ON;
    deflate->params[NGX_HTTP_SIO_CLIENT_NO_CONTEXT] = NGX_HTTP_SIO_ON;
    deflate->params[NGX_HTTP_SIO_SERVER_BITS] = NGX_HTTP_SIO_OFFERED;
    deflate->params[NGX_HTTP_SIO_CLIENT_BITS] = NGX_HTTP_SIO_OFFERED;
    deflate->contexts = 1024;

    *field = deflate;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "on") == 0) {
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_http_sio_deflate_param(cf, deflate, &value[i]) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in \"%V\" directive",
                               &value[i], &cmd->name);
            return NGX_CONF_ERROR;
        }

        for (n = 1; n < i; n++) {
            if (ngx_strncmp(value[n].data, value[i].data,
                            ngx_strlchr(value[i].data,
                                        value[i].data + value[i].len, '=')
                            - value[i].data + 1)
                == 0)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "duplicate parameter \"%V\" in \"%V\" "
                                   "directive", &value[i], &cmd->name);
                return NGX_CONF_ERROR;
            }
        }
    }

    return NGX_CONF_OK;

#else

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" needs zlib, which this module was built "
                       "without; only \"off\" is possible", &cmd->name);
    return NGX_CONF_ERROR;

#endif
}


#if (NGX_SIO_HAVE_ZLIB)

/* NGX_OK, NGX_DECLINED */

static ngx_int_t
ngx_http_sio_deflate_param(ngx_conf_t *cf, ngx_http_sio_deflate_t *deflate,
    ngx_str_t *arg)
{
    u_char      *p;
    ssize_t      size;
    ngx_int_t    n;
    ngx_str_t    name, value;
    ngx_uint_t   i, word;

    p = ngx_strlchr(arg->data, arg->data + arg->len, '=');
    if (p == NULL) {
        return NGX_DECLINED;
    }

    name.data = arg->data;
    name.len = p - arg->data;
    value.data = p + 1;
    value.len = arg->data + arg->len - value.data;

#define ngx_http_sio_deflate_is(s, text)                                      \
    ((s)->len == sizeof(text) - 1                                             \
     && ngx_strncmp((s)->data, text, sizeof(text) - 1) == 0)

    if (ngx_http_sio_deflate_is(&name, "threshold")) {
        size = ngx_parse_size(&value);

        if (size == NGX_ERROR || size >= NGX_MAX_INT32_VALUE) {
            return NGX_DECLINED;
        }

        deflate->form.threshold = (uint32_t) size;
        return NGX_OK;
    }

    n = ngx_atoi(value.data, value.len);

    if (ngx_http_sio_deflate_is(&name, "level")
        || ngx_http_sio_deflate_is(&name, "mem_level"))
    {
        if (n < 1 || n > 9) {
            return NGX_DECLINED;
        }

        if (name.data[0] == 'l') {
            deflate->form.level = (uint8_t) n;

        } else {
            deflate->form.mem_level = (uint8_t) n;
        }

        return NGX_OK;
    }

    if (ngx_http_sio_deflate_is(&name, "contexts")) {

        if (n == NGX_ERROR) {
            return NGX_DECLINED;
        }

        deflate->contexts = n;
        return NGX_OK;
    }

    word = ngx_http_sio_deflate_is(&value, "off") ? NGX_HTTP_SIO_OFF
           : ngx_http_sio_deflate_is(&value, "on") ? NGX_HTTP_SIO_ON
           : ngx_http_sio_deflate_is(&value, "offered") ? NGX_HTTP_SIO_OFFERED
           : (ngx_uint_t) NGX_ERROR;

    for (i = 0; i < NGX_HTTP_SIO_NOFFERED; i++) {

        if (name.len != ngx_http_sio_offer_params[i].len
            || ngx_strncmp(name.data, ngx_http_sio_offer_params[i].data,
                           name.len)
               != 0)
        {
            continue;
        }

        if (i >= NGX_HTTP_SIO_SERVER_BITS
            && (word == NGX_HTTP_SIO_ON || word == (ngx_uint_t) NGX_ERROR))
        {
            if (n < NGX_HTTP_SIO_MIN_BITS || n > NGX_HTTP_SIO_MAX_BITS) {
                return NGX_DECLINED;
            }

            word = n;
        }

        if (word == (ngx_uint_t) NGX_ERROR) {
            return NGX_DECLINED;
        }

        deflate->params[i] = word;
        return NGX_OK;
    }

    return NGX_DECLINED;
}

#endif
