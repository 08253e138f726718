
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * A WebSocket whose request is gone.
 *
 *     struct    when                                    goes to
 *
 *     NEW       from the handshake to the 101 on the    OPEN, CLOSING, freed
 *               wire; the request still owns the
 *               connection
 *     OPEN      frames both ways                        CLOSING, LINGER, freed
 *     CLOSING   our close frame is queued or sent; what LINGER, freed
 *               comes is read for the peer's close only
 *     LINGER    both have said close: shut down for     freed
 *               writing, reading up to the end
 *
 * It is freed by ngx_http_sio_ws_finalize() only, and that is called from the
 * connection's own events only: core may call flush and close at any time
 * while it walks its lists.
 */


#ifndef _NGX_HTTP_SIO_WS_H_INCLUDED_
#define _NGX_HTTP_SIO_WS_H_INCLUDED_


#include "ngx_http_sio_module.h"


typedef enum {
    NGX_HTTP_SIO_WS_NEW = 0,
    NGX_HTTP_SIO_WS_OPEN,
    NGX_HTTP_SIO_WS_CLOSING,
    NGX_HTTP_SIO_WS_LINGER
} ngx_http_sio_ws_state_e;


typedef struct {
    ngx_sio_conn_t            conn;         /* first: core's pointer is ours */

    ngx_connection_t         *connection;   /* NULL in state NEW */
    sio_ws_t                  parser;

    u_char                   *rest;         /* unread bytes, malloc()ed */
    u_char                   *msg;          /* of an incomplete message, too */
    size_t                    msg_len;
    size_t                    msg_size;

    u_char                   *tls;          /* what SSL_write() must be given
                                               again, as it is, malloc()ed */
    u_char                   *pong;         /* the last one not queued: length
                                               and payload, malloc()ed */
    uint32_t                  tls_len;
    uint32_t                  rest_len;
    uint32_t                  send_timeout; /* milliseconds */
    uint16_t                  npongs;       /* queued since all was sent */
    u_char                    close_frame[4];
    u_char                    close_len;
    u_char                    close_sent;

    unsigned                  state:2;      /* ngx_http_sio_ws_state_e */
    unsigned                  lost:1;       /* core has let go */
    unsigned                  close_queued:1;
    unsigned                  peer_closed:1;
    unsigned                  fresh:1;      /* rest was not parsed yet */
    unsigned                  reject:1;     /* no session: close at once */
    unsigned                  bad_version:1; /* the same, as an HTTP error */
} ngx_http_sio_ws_t;


#if (NGX_SSL)
#define ngx_http_sio_ws_tls(c)  ((c)->ssl != NULL)
#else
#define ngx_http_sio_ws_tls(c)  0
#endif


/* once per worker.  NGX_OK, NGX_ERROR */
ngx_int_t ngx_http_sio_ws_init_process(ngx_cycle_t *cycle);

/* state NEW; NULL: no memory */
ngx_http_sio_ws_t *ngx_http_sio_ws_create(ngx_sio_worker_t *worker,
    ngx_sio_options_t *options, ngx_log_t *log);

/* NEW -> OPEN: takes the connection over with len bytes (at p, copied) that
   came behind the handshake.  NGX_OK; NGX_ERROR: the caller closes both */
ngx_int_t ngx_http_sio_ws_attach(ngx_http_sio_ws_t *ws, ngx_connection_t *c,
    u_char *p, size_t len);

/* state NEW: frees it, core is told */
void ngx_http_sio_ws_destroy(ngx_http_sio_ws_t *ws);


/* ngx_http_sio_ws_send.c: the transport's flush */
void ngx_http_sio_ws_flush(ngx_sio_conn_t *conn);

/* queues a pong, or keeps it for later if there are many */
void ngx_http_sio_ws_ping(ngx_http_sio_ws_t *ws, u_char *p, size_t len);

/* ngx_http_sio_ws_io.c: lets the connection's event run soon */
void ngx_http_sio_ws_post(ngx_http_sio_ws_t *ws);

/* both sides have said close, and ours is written */
void ngx_http_sio_ws_linger(ngx_http_sio_ws_t *ws);


#endif /* _NGX_HTTP_SIO_WS_H_INCLUDED_ */
