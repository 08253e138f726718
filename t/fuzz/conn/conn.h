
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The fuzzer of whole connections: see README.md.
 */


#ifndef _CONN_H_INCLUDED_
#define _CONN_H_INCLUDED_


#include "../../../src/http/ngx_http_sio_module.h"
#include "../../../src/core/ngx_sio_worker.h"


#define CONN_SLOTS     10            /* connections at a time */
#define CONN_WORKERS   3
#define CONN_ZONES     4             /* at most */
#define CONN_IDS       64            /* sessions, sockets of one input */
#define CONN_IN        (160 * 1024)  /* bytes on their way to us */
#define CONN_OUT       (256 * 1024)  /* a frame or body on its way out */

#define CONN_NO_LIMIT  ((size_t) -1)


#define conn_fail(...)                                                        \
    conn_failed(__FILE__, __LINE__, __VA_ARGS__)

#define conn_ok(cond, ...)                                                    \
    do {                                                                      \
        if (!(cond)) {                                                        \
            conn_failed(__FILE__, __LINE__, __VA_ARGS__);                     \
        }                                                                     \
    } while (0)


/* what a client makes of the bytes it gets (conn_out.c) */

typedef enum {
    CONN_OUT_HEAD = 0,               /* of an HTTP answer */
    CONN_OUT_BODY,
    CONN_OUT_FRAME,
    CONN_OUT_CLOSED,                 /* a close frame came */
    CONN_OUT_IGNORED
} conn_out_e;

typedef struct {
    conn_out_e         state;
    u_char             location;     /* the letter */
    size_t             len;          /* bytes in buf */
    size_t             need;         /* bytes of the frame, the body */
    ngx_uint_t         attachments;  /* still to come */
    int                window;       /* zlib's, of the body; 0: none */
    unsigned           poll:1;       /* the body is a payload */
    unsigned           mixed:1;      /* requests of several locations */
    unsigned           deflate:1;    /* permessage-deflate was agreed on */
    u_char             buf[CONN_OUT];
} conn_out_t;


/* the peer's end of a connection */

typedef struct {
    ngx_connection_t  *connection;   /* NULL: closed */
    ngx_uint_t         worker;
    size_t             chunk;        /* most that comes at once */
    ngx_uint_t         chunks;       /* how often */
    size_t             budget;       /* bytes that the peer still takes */
    u_char            *pos;          /* in[pos .. last) is on its way */
    u_char            *last;
    unsigned           eof:1;
    unsigned           reset:1;
    unsigned           edge_in:1;    /* epoll has something to say */
    unsigned           edge_out:1;
    conn_out_t         out;
    u_char             in[CONN_IN];
} conn_slot_t;


typedef struct {
    ngx_sio_worker_t  *zones[CONN_ZONES];
    ngx_log_t          log;
    ngx_cycle_t        cycle;
    ngx_queue_t        next;         /* ngx_posted_next_events */
    unsigned           exiting:1;
} conn_worker_t;


typedef struct {
    u_char             id[NGX_SIO_ID_LEN];
    u_char             location;     /* a session's: the letter */
} conn_id_t;


extern conn_slot_t         conn_slots[CONN_SLOTS];
extern conn_worker_t       conn_workers[CONN_WORKERS];
extern ngx_sio_server_t   *conn_servers[CONN_ZONES];
extern ngx_uint_t          conn_nservers;
extern conn_id_t           conn_sessions[CONN_IDS];
extern conn_id_t           conn_sockets[CONN_IDS];
extern ngx_uint_t          conn_nsessions;
extern ngx_uint_t          conn_nsockets;
extern ngx_uint_t          conn_refused;      /* allocations of this input */
extern ngx_uint_t          conn_verbose;


/* a finding: tells it and aborts */
void conn_failed(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), noreturn));

/* conn_main.c */
void conn_zones_check(void);
void conn_show(const char *what, ngx_uint_t n, const u_char *p, size_t len);

/* conn_alloc.c: the memory of what is under test */
void conn_alloc_init(void);
long conn_alloc_live(void);                   /* blocks */
void conn_alloc_refuse(ngx_uint_t nth);       /* 0: none */
void conn_alloc_trace(ngx_uint_t on);
void conn_alloc_report(void);

/* conn_worker.c: workers, their events, time */
void conn_workers_init(ngx_cycle_t *cycle);
void conn_workers_reset(void);                /* between two inputs */
void conn_switch(ngx_uint_t k);
ngx_uint_t conn_turn(ngx_uint_t k);           /* was there something to do */
void conn_settle(void);                       /* until nobody has */
void conn_pass(ngx_msec_t ms, ngx_uint_t strides);
void conn_quit(ngx_uint_t k);

/* conn_net.c: connections without sockets */
void conn_net_init(void);
conn_slot_t *conn_slot(ngx_connection_t *c);
void conn_open(conn_slot_t *slot, ngx_uint_t k);
void conn_feed(conn_slot_t *slot, const u_char *p, size_t len);
void conn_end(conn_slot_t *slot, ngx_uint_t reset);
ngx_uint_t conn_deliver(conn_slot_t *slot);

/* conn_script.c: an input is a script */
void conn_script(const u_char *p, size_t len);

/* conn_frame.c: what clients send */
void conn_request(conn_slot_t *slot, const char *method, u_char location,
    const u_char *sid, ngx_uint_t flags, const u_char *body, size_t len);
void conn_api(conn_slot_t *slot, u_char location, ngx_uint_t question,
    const u_char *p, size_t len);
void conn_frame(conn_slot_t *slot, ngx_uint_t first, const u_char *p,
    size_t len);
void conn_deflated(conn_slot_t *slot, ngx_uint_t first, const u_char *p,
    size_t len);
size_t conn_msgpack(u_char *p, size_t len, ngx_uint_t base64);  /* in place */

#define CONN_GZIP       0x01
#define CONN_ORIGIN     0x02
#define CONN_CLOSE      0x04
#define CONN_CHUNKED    0x08                  /* POST */
#define CONN_EXTENSION  0x08                  /* GET: permessage-deflate */
#define CONN_WEBSOCKET  0x10

/* conn_out.c */
void conn_out_reset(conn_out_t *out);
void conn_out_bytes(conn_out_t *out, const u_char *p, size_t len);

/* what the module calls in place of nginx and of the system */
ssize_t conn_writev(ngx_connection_t *c, ngx_iovec_t *vec);
ssize_t conn_getrandom(void *buf, size_t len, unsigned flags);


#endif /* _CONN_H_INCLUDED_ */
