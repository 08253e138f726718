
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What goes out of a detached WebSocket: what core has queued in conn->out,
 * then our close frame.
 */


#include "ngx_http_sio_ws.h"


#define NGX_HTTP_SIO_WS_IOVS     64
#define NGX_HTTP_SIO_WS_TLS_SIZE (16 * 1024)    /* one TLS record */
#define NGX_HTTP_SIO_WS_PONGS    32             /* queued at a time */


static ngx_int_t ngx_http_sio_ws_write(ngx_http_sio_ws_t *ws);
static ngx_int_t ngx_http_sio_ws_write_tls(ngx_http_sio_ws_t *ws);
static size_t ngx_http_sio_ws_stage(ngx_http_sio_ws_t *ws, u_char *p,
    size_t size);
static void ngx_http_sio_ws_sent(ngx_http_sio_ws_t *ws, size_t n);
static void ngx_http_sio_ws_flushed(ngx_http_sio_ws_t *ws);
static void ngx_http_sio_ws_pong(ngx_http_sio_ws_t *ws, u_char *p,
    size_t len);


/* of the worker, NULL while a connection has it */

static u_char  *ngx_http_sio_ws_staging;


void
ngx_http_sio_ws_flush(ngx_sio_conn_t *conn)
{
    ngx_http_sio_ws_t *ws = (ngx_http_sio_ws_t *) conn;

    ngx_int_t          rc;
    ngx_event_t       *wev;
    ngx_connection_t  *c;

    c = ws->connection;

    if (c == NULL || c->error || ws->state == NGX_HTTP_SIO_WS_LINGER) {
        return;
    }

    if (conn->overflow) {
        c->error = 1;
        ngx_http_sio_ws_post(ws);
        return;
    }

    if (conn->unsent == 0 && ws->close_sent == ws->close_len) {
        ngx_http_sio_ws_flushed(ws);
        return;
    }

    wev = c->write;

    if (!wev->ready) {
        return;
    }

    rc = ngx_http_sio_ws_tls(c) ? ngx_http_sio_ws_write_tls(ws)
                                : ngx_http_sio_ws_write(ws);

    if (rc == NGX_OK) {

        if (wev->timer_set) {
            ngx_del_timer(wev);
        }

        ngx_http_sio_ws_flushed(ws);
        return;
    }

    if (rc == NGX_AGAIN && ngx_handle_write_event(wev, 0) == NGX_OK) {
        ngx_add_timer(wev, ws->send_timeout);
        return;
    }

    /* core may be walking its list: the connection's own event ends it */

    c->error = 1;
    ngx_http_sio_ws_post(ws);
}


/* NGX_OK: all is written; NGX_AGAIN; NGX_ERROR */

static ngx_int_t
ngx_http_sio_ws_write(ngx_http_sio_ws_t *ws)
{
    size_t             size;
    ssize_t            n;
    uint32_t           i;
    ngx_iovec_t        vec;
    ngx_sio_conn_t    *conn;
    ngx_sio_out_t     *out;
    struct iovec       iovs[NGX_HTTP_SIO_WS_IOVS];
    ngx_connection_t  *c;

    c = ws->connection;
    conn = &ws->conn;

    for ( ;; ) {

        size = 0;
        vec.count = 0;

        for (i = 0;
             i < conn->nout && vec.count < NGX_HTTP_SIO_WS_IOVS - 1;
             i++)
        {
            out = &conn->out[(conn->head + i) % conn->cap];

            iovs[vec.count].iov_base = out->buf->data + out->sent;
            iovs[vec.count].iov_len = out->buf->len - out->sent;
            size += iovs[vec.count++].iov_len;
        }

        if (i == conn->nout && ws->close_sent < ws->close_len) {
            iovs[vec.count].iov_base = ws->close_frame + ws->close_sent;
            iovs[vec.count].iov_len = ws->close_len - ws->close_sent;
            size += iovs[vec.count++].iov_len;
        }

        if (size == 0) {
            return NGX_OK;
        }

        vec.iovs = iovs;
        vec.size = size;
        vec.nalloc = NGX_HTTP_SIO_WS_IOVS;

        n = ngx_writev(c, &vec);

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (n == NGX_AGAIN) {
            c->write->ready = 0;
            return NGX_AGAIN;
        }

        c->sent += n;
        ngx_http_sio_ws_sent(ws, n);

        if ((size_t) n < size) {
            c->write->ready = 0;
            return NGX_AGAIN;
        }
    }
}


/*
 * One TLS record at a time.  After NGX_AGAIN the bytes that SSL_write() was
 * given must come again from the same place: then the connection keeps the
 * worker's buffer.
 */

static ngx_int_t
ngx_http_sio_ws_write_tls(ngx_http_sio_ws_t *ws)
{
    u_char            *p;
    size_t             len;
    ssize_t            n;
    ngx_connection_t  *c;

    c = ws->connection;

    for ( ;; ) {

        if (ws->tls) {
            p = ws->tls;
            len = ws->tls_len;

        } else {
            if (ngx_http_sio_ws_staging == NULL) {
                ngx_http_sio_ws_staging = ngx_alloc(NGX_HTTP_SIO_WS_TLS_SIZE,
                                                    c->log);
                if (ngx_http_sio_ws_staging == NULL) {
                    return NGX_ERROR;
                }
            }

            p = ngx_http_sio_ws_staging;
            len = ngx_http_sio_ws_stage(ws, p, NGX_HTTP_SIO_WS_TLS_SIZE);

            if (len == 0) {
                return NGX_OK;
            }
        }

        n = c->send(c, p, len);

        if (n == NGX_AGAIN) {

            if (ws->tls == NULL) {
                ws->tls = p;
                ws->tls_len = len;
                ngx_http_sio_ws_staging = NULL;
            }

            return NGX_AGAIN;
        }

        if (n <= 0) {
            return NGX_ERROR;
        }

        if (ws->tls) {

            if (ngx_http_sio_ws_staging == NULL) {
                ngx_http_sio_ws_staging = ws->tls;

            } else {
                ngx_free(ws->tls);
            }

            ws->tls = NULL;
            ws->tls_len = 0;
        }

        ngx_http_sio_ws_sent(ws, n);
    }
}


static size_t
ngx_http_sio_ws_stage(ngx_http_sio_ws_t *ws, u_char *p, size_t size)
{
    size_t           n, len;
    uint32_t         i;
    ngx_sio_conn_t  *conn;
    ngx_sio_out_t   *out;

    conn = &ws->conn;
    len = 0;

    for (i = 0; i < conn->nout && len < size; i++) {
        out = &conn->out[(conn->head + i) % conn->cap];

        n = ngx_min(out->buf->len - out->sent, size - len);
        ngx_memcpy(p + len, out->buf->data + out->sent, n);
        len += n;
    }

    if (i == conn->nout && len < size && ws->close_sent < ws->close_len) {
        n = ngx_min((size_t) (ws->close_len - ws->close_sent), size - len);
        ngx_memcpy(p + len, ws->close_frame + ws->close_sent, n);
        len += n;
    }

    return len;
}


static void
ngx_http_sio_ws_sent(ngx_http_sio_ws_t *ws, size_t n)
{
    size_t  queued;

    queued = ngx_min(n, ws->conn.unsent);

    if (queued) {
        ngx_sio_conn_sent(&ws->conn, queued);
    }

    ws->close_sent += n - queued;
}


/* nothing is left to write */

static void
ngx_http_sio_ws_flushed(ngx_http_sio_ws_t *ws)
{
    u_char  *pong;

    ws->npongs = 0;

    if (ws->pong && !ws->close_queued) {
        pong = ws->pong;
        ws->pong = NULL;

        ngx_http_sio_ws_pong(ws, pong + 1, pong[0]);
        ngx_free(pong);
    }

    if (ws->close_queued && ws->peer_closed) {
        ngx_http_sio_ws_linger(ws);
    }
}


/*
 * RFC 6455, 5.5.3: of many pings only the last must be answered, and a client
 * that sends them without reading would fill our memory.
 */

void
ngx_http_sio_ws_ping(ngx_http_sio_ws_t *ws, u_char *p, size_t len)
{
    if (ws->npongs < NGX_HTTP_SIO_WS_PONGS) {
        ngx_http_sio_ws_pong(ws, p, len);
        return;
    }

    if (ws->pong == NULL) {
        ws->pong = ngx_alloc(126, ws->connection->log);
        if (ws->pong == NULL) {
            return;
        }
    }

    ws->pong[0] = (u_char) len;
    ngx_memcpy(ws->pong + 1, p, len);
}


static void
ngx_http_sio_ws_pong(ngx_http_sio_ws_t *ws, u_char *p, size_t len)
{
    size_t  n;
    u_char  frame[SIO_WS_MAX_HEADER + 125];

    n = sio_ws_write_header(frame, SIO_WS_PONG, len);

    if (len) {
        ngx_memcpy(frame + n, p, len);
    }

    ws->npongs++;

    (void) ngx_sio_conn_append(&ws->conn, frame, n + len);
}
