
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What other modules answer in a location with "sio".  nginx's own pages of
 * 401, 403, 429 and 503 (auth_basic, auth_request, deny, limit_req ...) become
 * what Engine.IO answers when allowRequest() says no: the status stays.  All
 * answers that are not the handler's have its CORS headers, and preflights are
 * answered before anybody asks who the client is, as they bring no credentials
 * (Fetch, 4.8).
 *
 * It is an auxiliary filter, behind those that look at a content type.
 */


#include "ngx_http_sio_module.h"


typedef struct {
    ngx_uint_t  status;
    ngx_str_t   json;
    ngx_str_t   text;
} ngx_http_sio_refusal_t;


static ngx_int_t ngx_http_sio_refuse_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_sio_refuse_body(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_sio_preflight(ngx_http_request_t *r);
static ngx_int_t ngx_http_sio_refuse_init(ngx_conf_t *cf);


/* Engine.IO, errors.FORBIDDEN and a message, as allowRequest() gives one */

#define ngx_http_sio_refusal(status, text)                                    \
    { status, ngx_string("{\"code\":4,\"message\":\"" text "\"}"),            \
      ngx_string(text) }

static ngx_http_sio_refusal_t  ngx_http_sio_refusals[] = {
    ngx_http_sio_refusal(NGX_HTTP_UNAUTHORIZED, "Unauthorized"),
    ngx_http_sio_refusal(NGX_HTTP_FORBIDDEN, "Forbidden"),
    ngx_http_sio_refusal(NGX_HTTP_TOO_MANY_REQUESTS, "Too many requests"),
    ngx_http_sio_refusal(NGX_HTTP_SERVICE_UNAVAILABLE, "Service unavailable"),
    { 0, ngx_null_string, ngx_null_string }
};


static ngx_http_module_t  ngx_http_sio_filter_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_sio_refuse_init,              /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_sio_filter_module = {
    NGX_MODULE_V1,
    &ngx_http_sio_filter_module_ctx,       /* module context */
    NULL,                                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


/*
 * err_status: it is a page of nginx's own.  An error_page of the configuration
 * is not there, it has another location by now.
 */

static ngx_int_t
ngx_http_sio_refuse_header(ngx_http_request_t *r)
{
    ngx_uint_t                upgrade;
    ngx_http_sio_refusal_t   *refusal;
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sio_module);
    slcf = slcf->self;

    /* with a context the answer is the handler's */

    if (slcf == NULL || r != r->main
        || ngx_http_get_module_ctx(r, ngx_http_sio_module))
    {
        return ngx_http_next_header_filter(r);
    }

    upgrade = slcf->options.websocket && ngx_http_sio_is_upgrade(r);

    if (!upgrade && ngx_http_sio_cors(r, slcf) != NGX_OK) {
        return NGX_ERROR;
    }

    for (refusal = ngx_http_sio_refusals;
         refusal->status && refusal->status != r->err_status;
         refusal++)
    {
        /* void */
    }

    if (refusal->status == 0) {
        return ngx_http_next_header_filter(r);
    }

    ngx_http_set_ctx(r, upgrade ? &refusal->text : &refusal->json,
                     ngx_http_sio_filter_module);

    r->headers_out.content_type_len = 0;
    r->headers_out.content_type_lowcase = NULL;
    ngx_http_clear_content_length(r);

    if (upgrade) {
        r->keepalive = 0;
        r->headers_out.content_length_n = refusal->text.len;
        ngx_str_set(&r->headers_out.content_type, "text/html");

    } else {
        ngx_str_set(&r->headers_out.content_type, "application/json");
    }

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_sio_refuse_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t    *b;
    ngx_str_t    *body;
    ngx_chain_t  *cl, out;

    body = ngx_http_get_module_ctx(r, ngx_http_sio_filter_module);

    if (body == NULL || in == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    /* the page comes as a whole */

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
    }

    ngx_http_set_ctx(r, NULL, ngx_http_sio_filter_module);

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_next_body_filter(r, &out);
}


static ngx_int_t
ngx_http_sio_preflight(ngx_http_request_t *r)
{
    ngx_http_sio_ctx_t       *ctx;
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sio_module);
    slcf = slcf->self;

    if (slcf == NULL
        || slcf->cors_mode == NGX_HTTP_SIO_CORS_OFF
        || r->method != NGX_HTTP_OPTIONS
        || r != r->main
        || (slcf->options.websocket && ngx_http_sio_is_upgrade(r)))
    {
        return NGX_DECLINED;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_sio_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->request = r;
    ctx->conf = slcf;
    ngx_http_set_ctx(r, ctx, ngx_http_sio_module);

    if (ngx_http_sio_cors(r, slcf) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_finalize_request(r,
                            ngx_http_sio_send_empty(r, NGX_HTTP_NO_CONTENT));

    return NGX_DONE;
}


static ngx_int_t
ngx_http_sio_refuse_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_sio_refuse_header;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_sio_refuse_body;

    /* within a phase the last one comes first: limit_req counts none */

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_sio_preflight;

    return NGX_OK;
}
