
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Headers and answers.
 */


#include "ngx_http_sio_module.h"


typedef struct {
    ngx_str_t  json;
    ngx_str_t  text;
} ngx_http_sio_error_t;


#define ngx_http_sio_error(code, text)                                        \
    { ngx_string("{\"code\":" code ",\"message\":\"" text "\"}"),             \
      ngx_string(text) }


/* Engine.IO, Server.errors and errorMessages */

static ngx_http_sio_error_t  ngx_http_sio_errors[] = {
    ngx_http_sio_error("0", "Transport unknown"),
    ngx_http_sio_error("1", "Session ID unknown"),
    ngx_http_sio_error("2", "Bad handshake method"),
    ngx_http_sio_error("3", "Bad request"),
    ngx_http_sio_error("4", "Forbidden"),
    ngx_http_sio_error("5", "Unsupported protocol version"),

    /* what allowRequest() would say */
    ngx_http_sio_error("4", "Too many sessions")
};


ngx_int_t
ngx_http_sio_send_error(ngx_http_request_t *r, ngx_http_sio_error_e error)
{
    ngx_uint_t           status;
    ngx_http_sio_ctx_t  *ctx;

    static ngx_str_t  json = ngx_string("application/json");

    ctx = ngx_http_get_module_ctx(r, ngx_http_sio_module);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "sio session: request refused: %V",
                  &ngx_http_sio_errors[error].text);

    if (ctx->upgrade) {
        return ngx_http_sio_send_text(r, NGX_HTTP_BAD_REQUEST,
                                      &ngx_http_sio_errors[error].text);
    }

    status = (error == NGX_HTTP_SIO_FORBIDDEN
              || error == NGX_HTTP_SIO_TOO_MANY)
             ? NGX_HTTP_FORBIDDEN : NGX_HTTP_BAD_REQUEST;

    return ngx_http_sio_send(r, status, &json,
                             &ngx_http_sio_errors[error].json);
}


ngx_int_t
ngx_http_sio_send_busy(ngx_http_request_t *r)
{
    ngx_http_sio_ctx_t  *ctx;

    static ngx_str_t  json = ngx_string("application/json");
    static ngx_str_t  body =
                     ngx_string("{\"code\":3,\"message\":\"Server is full\"}");
    static ngx_str_t  text = ngx_string("Server is full");
    static ngx_str_t  after = ngx_string("5");

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "sio session: request refused: %V", &text);

    if (ngx_http_sio_set_header(r, "Retry-After", &after) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_sio_module);

    if (ctx->upgrade) {
        return ngx_http_sio_send_text(r, NGX_HTTP_SERVICE_UNAVAILABLE, &text);
    }

    return ngx_http_sio_send(r, NGX_HTTP_SERVICE_UNAVAILABLE, &json, &body);
}


ngx_int_t
ngx_http_sio_send_text(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *text)
{
    static ngx_str_t  html = ngx_string("text/html");

    r->keepalive = 0;

    return ngx_http_sio_send(r, status, &html, text);
}


/*
 * As in Node, answers that are no success have no Content-Length: they are
 * chunked.  An upgrade's have one.
 */

ngx_int_t
ngx_http_sio_send_empty(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_int_t  rc;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    r->headers_out.status = status;
    ngx_http_clear_content_length(r);

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_send_special(r, NGX_HTTP_LAST);
}


ngx_int_t
ngx_http_sio_send(ngx_http_request_t *r, ngx_uint_t status, ngx_str_t *type,
    ngx_str_t *body)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_sio_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sio_module);

    /* nothing to do when it has been read */

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    r->headers_out.status = status;

    if (r->headers_out.content_encoding) {
        /* compressed: Node streams it, without a length */
        ngx_http_clear_content_length(r);

    } else if (status == NGX_HTTP_OK || ctx->upgrade) {
        r->headers_out.content_length_n = body->len;

    } else {
        ngx_http_clear_content_length(r);
    }

    /*
     * The length 0 keeps filters away that choose by type: the client counts
     * on this very text.
     */

    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = 0;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

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

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_sio_header_out(ngx_http_request_t *r, const char *name, size_t len,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key.data = (u_char *) name;
    h->key.len = len;
    h->value = *value;
    h->lowcase_key = NULL;

    return NGX_OK;
}
