
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The detached WebSocket: its states and what comes in.  It reads into one
 * buffer of the worker's and keeps a buffer of its own only while a message is
 * incomplete.
 */


#include "ngx_http_sio_ws.h"


#define NGX_HTTP_SIO_WS_SCRATCH     (64 * 1024)
#define NGX_HTTP_SIO_WS_READS       4       /* in one turn of the loop */
#define NGX_HTTP_SIO_WS_MSG_FIRST   1024
#define NGX_HTTP_SIO_WS_PAD         8
#define NGX_HTTP_SIO_WS_FRAGMENTS   16384   /* ws, the library: the same */
#define NGX_HTTP_SIO_WS_CLOSE_WAIT  30000   /* milliseconds, as ws */
#define NGX_HTTP_SIO_WS_EXIT_WAIT   2000
#define NGX_HTTP_SIO_WS_LINGER_WAIT 5000


static void ngx_http_sio_ws_read_handler(ngx_event_t *rev);
static void ngx_http_sio_ws_write_handler(ngx_event_t *wev);
static void ngx_http_sio_ws_bad_version(ngx_http_sio_ws_t *ws);
static void ngx_http_sio_ws_read(ngx_http_sio_ws_t *ws, ngx_event_t *rev);
static ngx_int_t ngx_http_sio_ws_input(ngx_http_sio_ws_t *ws, u_char *p,
    u_char *last);
static ngx_int_t ngx_http_sio_ws_event(ngx_http_sio_ws_t *ws,
    sio_ws_event_t *ev);
static ngx_int_t ngx_http_sio_ws_data(ngx_http_sio_ws_t *ws,
    sio_ws_event_t *ev);
static ngx_int_t ngx_http_sio_ws_message(ngx_http_sio_ws_t *ws,
    sio_ws_event_t *ev, u_char *data, size_t len);
#if (NGX_SIO_HAVE_ZLIB)
static ngx_int_t ngx_http_sio_ws_inflate(ngx_http_sio_ws_t *ws,
    sio_ws_event_t *ev, u_char *data, size_t len);
#endif
static void ngx_http_sio_ws_refuse(ngx_http_sio_ws_t *ws, ngx_uint_t code);
static ngx_int_t ngx_http_sio_ws_append(ngx_http_sio_ws_t *ws,
    sio_ws_event_t *ev);
static ngx_int_t ngx_http_sio_ws_keep(ngx_http_sio_ws_t *ws, u_char *p,
    size_t len);
static size_t ngx_http_sio_ws_unkeep(ngx_http_sio_ws_t *ws);
static void ngx_http_sio_ws_resume(ngx_sio_conn_t *conn);
static void ngx_http_sio_ws_transport_close(ngx_sio_conn_t *conn,
    ngx_uint_t code);
static void ngx_http_sio_ws_start_close(ngx_http_sio_ws_t *ws,
    ngx_uint_t code);
#if (NGX_HTTP_SSL)
static void ngx_http_sio_ws_linger_ssl(ngx_connection_t *c);
#endif
static void ngx_http_sio_ws_lost(ngx_http_sio_ws_t *ws,
    ngx_sio_reason_e reason);
static void ngx_http_sio_ws_finalize(ngx_http_sio_ws_t *ws);
static void ngx_http_sio_ws_free(ngx_http_sio_ws_t *ws);
static void ngx_http_sio_ws_free_input(ngx_http_sio_ws_t *ws);


static const ngx_sio_transport_t  ngx_http_sio_ws_transport = {
    ngx_http_sio_ws_flush,
    ngx_http_sio_ws_transport_close,
    ngx_http_sio_ws_resume
};


/* of the worker; in front goes what the parser left unread */

static u_char  *ngx_http_sio_ws_scratch;


ngx_int_t
ngx_http_sio_ws_init_process(ngx_cycle_t *cycle)
{
    if (ngx_http_sio_ws_scratch) {
        return NGX_OK;
    }

    ngx_http_sio_ws_scratch = ngx_alloc(SIO_WS_MAX_REST
                                        + NGX_HTTP_SIO_WS_SCRATCH
                                        + NGX_HTTP_SIO_WS_PAD, cycle->log);

    return ngx_http_sio_ws_scratch ? NGX_OK : NGX_ERROR;
}


ngx_http_sio_ws_t *
ngx_http_sio_ws_create(ngx_sio_worker_t *worker, ngx_sio_options_t *options,
    ngx_log_t *log)
{
    ngx_http_sio_ws_t  *ws;

    ws = ngx_calloc(sizeof(ngx_http_sio_ws_t), log);
    if (ws == NULL) {
        return NULL;
    }

    ws->conn.worker = worker;
    ws->conn.transport = &ngx_http_sio_ws_transport;
    ws->conn.options = options;

    ngx_sio_conn_init(&ws->conn);

    sio_ws_init(&ws->parser, options->max_http_buffer_size,
                NGX_HTTP_SIO_WS_FRAGMENTS);

    return ws;
}


void
ngx_http_sio_ws_destroy(ngx_http_sio_ws_t *ws)
{
    ngx_http_sio_ws_lost(ws, NGX_SIO_TRANSPORT_CLOSE);
    ngx_http_sio_ws_free(ws);
}


ngx_int_t
ngx_http_sio_ws_attach(ngx_http_sio_ws_t *ws, ngx_connection_t *c, u_char *p,
    size_t len)
{
    if (len) {
        /* at most a request header's buffer */

        if (len > NGX_HTTP_SIO_WS_SCRATCH
            || ngx_http_sio_ws_keep(ws, p, len) != NGX_OK)
        {
            return NGX_ERROR;
        }

        ws->fresh = 1;
    }

    ws->connection = c;

    c->data = ws;
    c->read->handler = ngx_http_sio_ws_read_handler;
    c->write->handler = ngx_http_sio_ws_write_handler;

    if (ws->close_queued) {
        /* core has closed it meanwhile */
        ws->state = NGX_HTTP_SIO_WS_CLOSING;
        ngx_add_timer(c->read, NGX_HTTP_SIO_WS_CLOSE_WAIT);

    } else {
        ws->state = NGX_HTTP_SIO_WS_OPEN;
    }

    /*
     * In any case: there may be bytes kept, bytes in the TLS layer or an edge
     * that has passed, and the open packet waits.
     */

    ngx_http_sio_ws_post(ws);

    return NGX_OK;
}


static void
ngx_http_sio_ws_read_handler(ngx_event_t *rev)
{
    size_t              len;
    ngx_connection_t   *c;
    ngx_http_sio_ws_t  *ws;

    c = rev->data;
    ws = c->data;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "sio ws: read handler, state %d", ws->state);

    if (c->close || c->error || rev->timedout) {

        /* worker_shutdown_timeout; a write failed or took too long, or there
           is too much to write; no answer to our close frame */

        ngx_http_sio_ws_lost(ws, c->close ? NGX_SIO_SERVER_SHUTTING_DOWN
                                 : (ws->conn.overflow
                                    ? NGX_SIO_TRANSPORT_ERROR
                                    : NGX_SIO_TRANSPORT_CLOSE));
        c->timedout = 1;
        ngx_http_sio_ws_finalize(ws);
        return;
    }

    if (ws->bad_version) {
        ngx_http_sio_ws_bad_version(ws);
        return;
    }

    if (ws->reject && ws->state == NGX_HTTP_SIO_WS_OPEN) {
        ngx_http_sio_ws_start_close(ws, 0);
    }

    ngx_http_sio_ws_flush(&ws->conn);

    if (ws->fresh) {
        ws->fresh = 0;
        len = ngx_http_sio_ws_unkeep(ws);

        if (ngx_http_sio_ws_input(ws, ngx_http_sio_ws_scratch,
                                  ngx_http_sio_ws_scratch + len)
            != NGX_OK)
        {
            ngx_http_sio_ws_finalize(ws);
            return;
        }
    }

    ngx_http_sio_ws_read(ws, rev);
}


/* a protocol that is not allowed: Node finds out behind the 101, and writes an
   answer of HTTP all the same */

static void
ngx_http_sio_ws_bad_version(ngx_http_sio_ws_t *ws)
{
    static u_char  answer[] = "HTTP/1.1 400 Bad Request" CRLF
                              "Connection: close" CRLF
                              "Content-type: text/html" CRLF
                              "Content-Length: 28" CRLF CRLF
                              "Unsupported protocol version";

    (void) ngx_sio_conn_append(&ws->conn, answer, sizeof(answer) - 1);

    ngx_http_sio_ws_flush(&ws->conn);
    ngx_http_sio_ws_finalize(ws);
}


static void
ngx_http_sio_ws_read(ngx_http_sio_ws_t *ws, ngx_event_t *rev)
{
    size_t             rest;
    u_char            *p;
    ssize_t            n;
    ngx_uint_t         i;
    ngx_connection_t  *c;

    c = ws->connection;

    for (i = 0; i < NGX_HTTP_SIO_WS_READS; i++) {

        if (ws->conn.closed && ws->state == NGX_HTTP_SIO_WS_OPEN) {
            /* core's close is on its way, it posts this event */
            return;
        }

        if (ws->conn.paused) {
            /* a lost connection is found out later */

            if ((ngx_event_flags & NGX_USE_LEVEL_EVENT) && rev->active) {
                (void) ngx_del_event(rev, NGX_READ_EVENT, 0);
            }

            return;
        }

        if (!rev->ready) {
            break;
        }

        p = ngx_http_sio_ws_scratch;
        rest = ws->rest_len;

        n = c->recv(c, p + rest, NGX_HTTP_SIO_WS_SCRATCH);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == 0 || n == NGX_ERROR) {
            /* with no close frame too: Node says "transport close" */
            ngx_http_sio_ws_lost(ws, NGX_SIO_TRANSPORT_CLOSE);
            ngx_http_sio_ws_finalize(ws);
            return;
        }

        if (ws->peer_closed) {
            continue;
        }

        (void) ngx_http_sio_ws_unkeep(ws);

        if (ngx_http_sio_ws_input(ws, p, p + rest + n) != NGX_OK) {
            ngx_http_sio_ws_finalize(ws);
            return;
        }
    }

    if (rev->ready) {
        /* others first */
        if (!rev->posted) {
            ngx_post_event(rev, &ngx_posted_next_events);
        }

        return;
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_sio_ws_lost(ws, NGX_SIO_TRANSPORT_CLOSE);
        ngx_http_sio_ws_finalize(ws);
    }
}


/* NGX_OK; NGX_ERROR: no memory, core knows, the caller finalizes */

static ngx_int_t
ngx_http_sio_ws_input(ngx_http_sio_ws_t *ws, u_char *p, u_char *last)
{
    int             rc;
    sio_ws_event_t  ev;

    ngx_sio_conn_begin(&ws->conn);

    while (!ws->peer_closed) {

        if (ws->conn.closed && ws->state == NGX_HTTP_SIO_WS_OPEN) {
            /* no more in; then there is no finding the peer's close either */
            ws->peer_closed = 1;
            break;
        }

        rc = sio_ws_parse(&ws->parser, &p, last, &ev);

        if (rc == SIO_AGAIN) {

            if (p == last || ngx_http_sio_ws_keep(ws, p, last - p) == NGX_OK) {
                return NGX_OK;
            }

            ngx_http_sio_ws_lost(ws, NGX_SIO_TRANSPORT_ERROR);
            return NGX_ERROR;
        }

        if (rc != SIO_OK) {
            ngx_log_error(NGX_LOG_INFO, ws->connection->log, 0,
                          "sio ws: client sent an invalid frame, "
                          "closing with %d", (int) ev.code);

            ngx_http_sio_ws_refuse(ws, ev.code);
            break;
        }

        if (ngx_http_sio_ws_event(ws, &ev) != NGX_OK) {
            ngx_http_sio_ws_lost(ws, NGX_SIO_TRANSPORT_ERROR);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_ws_event(ngx_http_sio_ws_t *ws, sio_ws_event_t *ev)
{
    switch (ev->type) {

    case SIO_WS_TEXT:
    case SIO_WS_BINARY:

        if (ws->state != NGX_HTTP_SIO_WS_OPEN) {
            return NGX_OK;
        }

        return ngx_http_sio_ws_data(ws, ev);

    case SIO_WS_PING:

        if (ws->state == NGX_HTTP_SIO_WS_OPEN) {
            ngx_http_sio_ws_ping(ws, ev->data, ev->len);
        }

        return NGX_OK;

    case SIO_WS_CLOSE:

        ws->peer_closed = 1;

        ngx_http_sio_ws_lost(ws, NGX_SIO_TRANSPORT_CLOSE);

        /* RFC 6455, 5.5.1: echoes the code; 1005 stands for none */

        ngx_http_sio_ws_start_close(ws, (ev->code == 1005) ? 0 : ev->code);

        return NGX_OK;

    default: /* SIO_WS_PONG */
        return NGX_OK;
    }
}


/* NGX_OK, also when core has closed; NGX_ERROR: no memory */

static ngx_int_t
ngx_http_sio_ws_data(ngx_http_sio_ws_t *ws, sio_ws_event_t *ev)
{
    u_char     *msg;
    size_t      len;
    ngx_int_t   rc;

    if (ev->first && ev->last) {
        return ngx_http_sio_ws_message(ws, ev, ev->data, ev->len);
    }

    if (ngx_http_sio_ws_append(ws, ev) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ev->last) {
        return NGX_OK;
    }

    msg = ws->msg;
    len = ws->msg_len;

    ws->msg = NULL;
    ws->msg_len = 0;
    ws->msg_size = 0;

    rc = ngx_http_sio_ws_message(ws, ev, msg, len);
    ngx_free(msg);

    return rc;
}


static ngx_int_t
ngx_http_sio_ws_message(ngx_http_sio_ws_t *ws, sio_ws_event_t *ev,
    u_char *data, size_t len)
{
#if (NGX_SIO_HAVE_ZLIB)

    if (ev->compressed) {
        return ngx_http_sio_ws_inflate(ws, ev, data, len);
    }

#endif

    (void) ngx_sio_conn_message(&ws->conn, ev->type == SIO_WS_BINARY, data,
                                len);
    return NGX_OK;
}


#if (NGX_SIO_HAVE_ZLIB)

/* RFC 7692, 7.2.2: the limit and the test for UTF-8 are for what comes out */

static ngx_int_t
ngx_http_sio_ws_inflate(ngx_http_sio_ws_t *ws, sio_ws_event_t *ev,
    u_char *data, size_t len)
{
    u_char      *msg;
    size_t       n;
    ngx_int_t    rc;
    ngx_uint_t   code;

    rc = ngx_sio_inflate(&ws->conn, data, len, (size_t) ws->parser.max_message,
                         NGX_HTTP_SIO_WS_PAD, &msg, &n);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_BUSY) {
        code = SIO_WS_TOO_BIG;

    } else if (rc != NGX_OK) {
        code = SIO_WS_BAD_DATA;

    } else if (ev->type == SIO_WS_TEXT && sio_utf8_valid(msg, n) != SIO_OK) {
        ngx_free(msg);
        code = SIO_WS_BAD_DATA;

    } else {
        (void) ngx_sio_conn_message(&ws->conn, ev->type == SIO_WS_BINARY, msg,
                                    n);
        ngx_free(msg);
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_INFO, ws->connection->log, 0,
                  "sio ws: client sent an invalid compressed message, "
                  "closing with %ui", code);

    ngx_http_sio_ws_refuse(ws, code);

    return NGX_OK;
}

#endif


/* no more is read from who sends this */

static void
ngx_http_sio_ws_refuse(ngx_http_sio_ws_t *ws, ngx_uint_t code)
{
    ngx_sio_refused(ngx_sio_worker_zone(ws->conn.worker),
                    (code == SIO_WS_TOO_BIG) ? NGX_SIO_REFUSED_MESSAGE
                                             : NGX_SIO_REFUSED_PACKET);

    ws->peer_closed = 1;
    ngx_http_sio_ws_lost(ws, NGX_SIO_TRANSPORT_ERROR);
    ngx_http_sio_ws_start_close(ws, code);
}


/*
 * The parser has seen to it that there is never more than max_message.  The
 * buffer doubles, so that what is only announced costs nothing, but is not
 * larger than the frame in progress needs.
 */

static ngx_int_t
ngx_http_sio_ws_append(ngx_http_sio_ws_t *ws, sio_ws_event_t *ev)
{
    size_t    need, size;
    u_char   *msg;
    uint64_t  end;

    need = ws->msg_len + ev->len;

    if (ws->msg == NULL || need > ws->msg_size) {

        end = need + ws->parser.left;

        size = ngx_max(2 * ws->msg_size, NGX_HTTP_SIO_WS_MSG_FIRST);
        size = ngx_max(size, need);

        if (ws->parser.fin && end >= need && end < size) {
            size = end;
        }

        msg = ngx_alloc(size + NGX_HTTP_SIO_WS_PAD, ws->connection->log);
        if (msg == NULL) {
            return NGX_ERROR;
        }

        if (ws->msg) {
            ngx_memcpy(msg, ws->msg, ws->msg_len);
            ngx_free(ws->msg);
        }

        ws->msg = msg;
        ws->msg_size = size;
    }

    if (ev->len) {
        ngx_memcpy(ws->msg + ws->msg_len, ev->data, ev->len);
        ws->msg_len += ev->len;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_ws_keep(ngx_http_sio_ws_t *ws, u_char *p, size_t len)
{
    ws->rest = ngx_alloc(len, ngx_cycle->log);
    if (ws->rest == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ws->rest, p, len);
    ws->rest_len = len;

    return NGX_OK;
}


/* moves the bytes kept to where the next ones stand behind them */

static size_t
ngx_http_sio_ws_unkeep(ngx_http_sio_ws_t *ws)
{
    size_t  len;

    len = ws->rest_len;

    if (len) {
        ngx_memcpy(ngx_http_sio_ws_scratch, ws->rest, len);
        ngx_free(ws->rest);

        ws->rest = NULL;
        ws->rest_len = 0;
    }

    return len;
}


static void
ngx_http_sio_ws_write_handler(ngx_event_t *wev)
{
    ngx_connection_t   *c;
    ngx_http_sio_ws_t  *ws;

    c = wev->data;
    ws = c->data;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "sio ws: client reads nothing");

        c->timedout = 1;
        ngx_http_sio_ws_lost(ws, NGX_SIO_TRANSPORT_ERROR);
        ngx_http_sio_ws_finalize(ws);
        return;
    }

    ngx_http_sio_ws_flush(&ws->conn);
}


/* bytes may be there already: what said so was passed over */

static void
ngx_http_sio_ws_resume(ngx_sio_conn_t *conn)
{
    ngx_http_sio_ws_t *ws = (ngx_http_sio_ws_t *) conn;

    if (ws->connection) {
        ngx_http_sio_ws_post(ws);
    }
}


void
ngx_http_sio_ws_post(ngx_http_sio_ws_t *ws)
{
    ngx_event_t  *rev;

    rev = ws->connection->read;

    if (!rev->posted) {
        ngx_post_event(rev, &ngx_posted_events);
    }
}


/* the transport's close: core has forgotten conn */

static void
ngx_http_sio_ws_transport_close(ngx_sio_conn_t *conn, ngx_uint_t code)
{
    ngx_http_sio_ws_t *ws = (ngx_http_sio_ws_t *) conn;

    ws->lost = 1;

    if (conn->overflow && ws->connection) {
        /* its client does not read, no use in sending more */
        ws->connection->error = 1;
        ngx_http_sio_ws_post(ws);
        return;
    }

    ngx_http_sio_ws_start_close(ws, code);
}


static void
ngx_http_sio_ws_start_close(ngx_http_sio_ws_t *ws, ngx_uint_t code)
{
    ngx_connection_t  *c;

    if (ws->state == NGX_HTTP_SIO_WS_LINGER) {
        return;
    }

    if (!ws->close_queued) {
        ws->close_queued = 1;
        ws->close_len = sio_ws_write_close(ws->close_frame, code);
    }

    c = ws->connection;

    if (c == NULL) {
        return;
    }

    if (ws->state == NGX_HTTP_SIO_WS_OPEN) {
        ws->state = NGX_HTTP_SIO_WS_CLOSING;

        if (ws->msg) {
            ngx_free(ws->msg);
            ws->msg = NULL;
            ws->msg_len = 0;
            ws->msg_size = 0;
        }

        ngx_add_timer(c->read, ngx_exiting ? NGX_HTTP_SIO_WS_EXIT_WAIT
                                           : NGX_HTTP_SIO_WS_CLOSE_WAIT);
    }

    ngx_http_sio_ws_flush(&ws->conn);

    if (c->read->ready) {
        ngx_http_sio_ws_post(ws);
    }
}


/*
 * Reads up to the client's end: were its last bytes still unread at close(),
 * a reset would take our close frame with it.
 */

void
ngx_http_sio_ws_linger(ngx_http_sio_ws_t *ws)
{
    ngx_connection_t  *c;

    c = ws->connection;

    ws->state = NGX_HTTP_SIO_WS_LINGER;

    ngx_http_sio_ws_free_input(ws);

#if (NGX_HTTP_SSL)

    if (c->ssl) {
        if (ngx_ssl_shutdown(c) == NGX_AGAIN) {
            /* it has taken the events over */
            c->ssl->handler = ngx_http_sio_ws_linger_ssl;
            return;
        }
    }

#endif

    if (ngx_shutdown_socket(c->fd, NGX_WRITE_SHUTDOWN) == -1) {
        c->error = 1;
    }

    ngx_add_timer(c->read, ngx_exiting ? NGX_HTTP_SIO_WS_EXIT_WAIT
                                       : NGX_HTTP_SIO_WS_LINGER_WAIT);

    ngx_http_sio_ws_post(ws);
}


#if (NGX_HTTP_SSL)

/* close_notify is out, and the connection is a plain one */

static void
ngx_http_sio_ws_linger_ssl(ngx_connection_t *c)
{
    ngx_http_sio_ws_t  *ws;

    ws = c->data;

    c->read->handler = ngx_http_sio_ws_read_handler;
    c->write->handler = ngx_http_sio_ws_write_handler;

    if (c->timedout || c->error || c->close) {
        ngx_http_sio_ws_finalize(ws);
        return;
    }

    ngx_http_sio_ws_linger(ws);
}

#endif


/* core hears once */

static void
ngx_http_sio_ws_lost(ngx_http_sio_ws_t *ws, ngx_sio_reason_e reason)
{
    if (ws->lost) {
        return;
    }

    ws->lost = 1;

    if (!ws->reject) {
        ngx_sio_conn_lost(&ws->conn, reason);
    }
}


/* from the connection's own events only */

static void
ngx_http_sio_ws_finalize(ngx_http_sio_ws_t *ws)
{
    struct linger      linger;
    ngx_connection_t  *c;

    c = ws->connection;

    ngx_log_error(NGX_LOG_INFO, c->log, 0, "sio ws: closed, %O bytes sent",
                  c->sent);

    if (ws->conn.overflow || c->write->timedout) {

        /* the client does not read: the kernel shall not keep what it has */

        linger.l_onoff = 1;
        linger.l_linger = 0;

        if (setsockopt(c->fd, SOL_SOCKET, SO_LINGER, (const void *) &linger,
                       sizeof(struct linger))
            == -1)
        {
            ngx_log_error(NGX_LOG_INFO, c->log, ngx_socket_errno,
                          "setsockopt(SO_LINGER) failed");
        }
    }

    c->data = NULL;

    ngx_http_sio_ws_free(ws);
    ngx_http_close_connection(c);
}


static void
ngx_http_sio_ws_free(ngx_http_sio_ws_t *ws)
{
    ngx_sio_conn_cleanup(&ws->conn);

    ngx_http_sio_ws_free_input(ws);

    if (ws->tls) {
        ngx_free(ws->tls);
    }

    if (ws->pong) {
        ngx_free(ws->pong);
    }

    ngx_free(ws);
}


static void
ngx_http_sio_ws_free_input(ngx_http_sio_ws_t *ws)
{
    if (ws->msg) {
        ngx_free(ws->msg);
        ws->msg = NULL;
    }

    if (ws->rest) {
        ngx_free(ws->rest);
        ws->rest = NULL;
        ws->rest_len = 0;
    }
}
