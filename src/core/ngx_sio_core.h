
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Behaviour: Engine.IO sessions and Socket.IO sockets as one worker sees them,
 * between the zone below and nginx's requests and connections above.
 *
 *     client   a session whose input this worker processes: for as long as its
 *              WebSocket is here, or for one POST
 *     peer     one of its sockets (a namespace it joined)
 *     conn     a WebSocket of this worker; its bytes wait here for the tick's
 *              one write
 *     park     a GET that waits for packets
 *     call     one run of rules: connect, event, ack, disconnect
 *
 * core reaches up through two tables only: ngx_sio_transport_t (flush, close,
 * wake) and ngx_sio_app_t (the rules).
 */


#ifndef _NGX_SIO_CORE_H_INCLUDED_
#define _NGX_SIO_CORE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "../wire/sio_wire.h"
#include "../wire/sio_eio3.h"
#include "../wire/sio_json.h"
#include "../wire/sio_packet.h"
#include "../zone/ngx_sio_zone.h"


typedef struct ngx_sio_server_s   ngx_sio_server_t;
typedef struct ngx_sio_worker_s   ngx_sio_worker_t;
typedef struct ngx_sio_client_s   ngx_sio_client_t;
typedef struct ngx_sio_peer_s     ngx_sio_peer_t;
typedef struct ngx_sio_conn_s     ngx_sio_conn_t;
typedef struct ngx_sio_park_s     ngx_sio_park_t;
typedef struct ngx_sio_call_s     ngx_sio_call_t;
typedef struct ngx_sio_buf_s      ngx_sio_buf_t;
typedef struct ngx_sio_hook_s     ngx_sio_hook_t;
typedef struct ngx_sio_lane_s     ngx_sio_lane_t;     /* ngx_sio_room_life.c */
typedef struct ngx_sio_rules_s    ngx_sio_rules_t;    /* ngx_sio_rules.h */


/*
 * The form in which a client takes packets: an Engine.IO protocol, binary as
 * it is or as text, an encoding of Socket.IO packets.  A message is turned
 * into each form once for a worker, when its first receiver wants it.  Of a
 * session that polls it is the handshake's, of a WebSocket its own request's.
 * The parser's is the location's.
 */

/*      NGX_SIO_FORM_EIO3         0x01         Engine.IO v3, else v4 */
#define NGX_SIO_FORM_B64          0x02      /* binary as base64, "b64" */
#define NGX_SIO_FORM_MSGPACK      0x04      /* sio_parser msgpack, else JSON */
#define NGX_SIO_NFORMS            8


/*
 * Configuration, as core needs it (owner: the cycle's pool)
 */

/* a location's transport options; found again by its key */

typedef struct {
    uint32_t                  key;
    ngx_msec_t                ping_interval;        /* milliseconds */
    ngx_msec_t                ping_timeout;
    ngx_msec_t                upgrade_timeout;
    ngx_msec_t                connect_timeout;
    size_t                    max_http_buffer_size; /* bytes */
    unsigned                  polling:1;
    unsigned                  websocket:1;
    unsigned                  allow_upgrades:1;
    unsigned                  engine_io:1;          /* sio_protocol */
    unsigned                  msgpack:1;            /* sio_parser */
} ngx_sio_options_t;


/* what a zone is in this cycle: one Socket.IO server, an "io" */

struct ngx_sio_server_s {
    ngx_str_t                 name;                 /* of the zone */
    ngx_shm_zone_t           *shm_zone;
    ngx_sio_root_t           *root;                 /* in the zone */
    ngx_sio_rules_t          *rules;                /* NULL: none */
    ngx_array_t               options;     /* of ngx_sio_options_t * */
    ngx_sio_limits_t          limits;
    sio_packet_limits_t       packet_limits;
    uint32_t                  max_binaries;  /* of a packet in msgpack */
    ngx_uint_t                max_args;    /* arguments of one event */
    size_t                    max_event;   /* bytes of its name */
    size_t                    max_auth;    /* bytes of a CONNECT's payload */
    size_t                    max_user;    /* bytes of a user's name */
    size_t                    max_token;   /* bytes of a token */
    ngx_uint_t                max_tokens;  /* refused, of a connection */
    ngx_msec_t                drain_time;
    size_t                    max_buffer;  /* unsent bytes of a WebSocket */
    size_t                    max_packet;  /* bytes with all attachments */
    ngx_uint_t                max_hooks;   /* in progress, of a worker */
    ngx_uint_t                max_client_hooks;   /* that a session waits for
                                                     at the same time */
    size_t                    max_held;    /* bytes of packets that wait for a
                                              hook */
    ngx_uint_t                max_room_hooks;  /* that wait, of a worker */

    /* of the API */
    ngx_uint_t                max_gathers; /* that wait for acks, of a worker */
    size_t                    max_answers; /* bytes of the answers of one */
    ngx_msec_t                max_ack_timeout;
    ngx_uint_t                max_orders;  /* in one array */
    size_t                    max_line;    /* bytes of an order on a line */

    ngx_sio_worker_t         *worker;      /* this process's, or NULL */
};


/*
 * Worker (ngx_sio_worker.c)
 */

/* in init_process: claims a slot, registers the eventfd, starts the tick.
   NGX_OK (also without a slot: server->worker is NULL until one is free),
   NGX_ERROR */
ngx_int_t ngx_sio_worker_init(ngx_sio_server_t *server, ngx_cycle_t *cycle);

/* in exit_process */
void ngx_sio_worker_exit(ngx_sio_server_t *server);

/* options with that key, or NULL after a reload that removed the location */
ngx_sio_options_t *ngx_sio_options_lookup(ngx_sio_server_t *server,
    uint32_t key);


/*
 * Handshake information: what is captured once of the first request, in the
 * zone as (name, value) pairs.  Names are those of variables without "$";
 * core's own begin with "." (".query", ".handshake").
 */

/* appends a pair at p (NULL: counts); value NULL: the variable is missing.
   Returns its length in bytes.  name at most 255 bytes. */
size_t ngx_sio_info_write(u_char *p, const ngx_str_t *name,
    const ngx_str_t *value);

/* NGX_OK; NGX_DECLINED: no such name, or missing */
ngx_int_t ngx_sio_info_get(const ngx_str_t *info, const ngx_str_t *name,
    ngx_str_t *value);


/*
 * Transport: what http gives core
 */

typedef struct {
    /*
     * Writes conn->out as far as the kernel takes it, ngx_sio_conn_sent()
     * after each write; re-arms the write event.  Called once per tick for a
     * connection that has something, from the event loop only.
     */
    void                    (*flush)(ngx_sio_conn_t *conn);

    /*
     * Sends a close frame (code 0: empty payload) behind what is queued and
     * lets go of the connection in due time.  core has forgotten conn before
     * the call: conn->client is NULL, conn->out is the transport's to send.
     * From the event loop only.
     */
    void                    (*close)(ngx_sio_conn_t *conn, ngx_uint_t code);

    /* conn->paused has gone: reads again.  May be called in a read. */
    void                    (*resume)(ngx_sio_conn_t *conn);
} ngx_sio_transport_t;


/*
 * A place in one of the worker's timer lists (ngx_sio_timer.c): all entries of
 * a list have the same interval, so it is sorted by itself.
 */

typedef enum {
    NGX_SIO_TIMER_PING = 0,         /* client: a ping is due */
    NGX_SIO_TIMER_PONG,             /* client: no pong came */
    NGX_SIO_TIMER_CONNECT,          /* client: joined no namespace */
    NGX_SIO_TIMER_UPGRADE,          /* conn: a candidate is late */
    NGX_SIO_TIMER_ACK               /* client: an ack was not given */
} ngx_sio_timer_e;

typedef struct {
    ngx_queue_t               queue;
    ngx_msec_t                due;
    ngx_sio_timer_e           type;
    unsigned                  set:1;
} ngx_sio_timer_t;


/* a link in one of the worker's hash tables (ngx_sio_table.c) */

typedef struct ngx_sio_link_s  ngx_sio_link_t;

struct ngx_sio_link_s {
    ngx_sio_link_t           *next;
    ngx_sio_ref_t             ref;
};


/* how the messages of a connection are compressed */

typedef struct {
    uint32_t                  threshold;    /* bytes; shorter ones are not */
    uint8_t                   level;        /* zlib's, 1-9; 0: none is */
    uint8_t                   mem_level;    /* zlib's, 1-9 */
    uint8_t                   server_bits;  /* window: 8-15 */
    uint8_t                   client_bits;
} ngx_sio_deflate_t;

typedef struct ngx_sio_contexts_s  ngx_sio_contexts_t;


/* a private message: the frames as they go to a WebSocket, shared by all */

struct ngx_sio_buf_s {
    ngx_uint_t                refs;
    ngx_sio_buf_t            *deflated;             /* ngx_sio_deflate.c */
    ngx_sio_deflate_t         form;                 /* of deflated */
    size_t                    len;                  /* bytes in data */
    u_char                    data[1];
};

typedef struct {
    ngx_sio_buf_t            *buf;
    size_t                    sent;                 /* bytes of it gone */
} ngx_sio_out_t;

#define NGX_SIO_OUT_INLINE  2


/* embedded in the transport's own structure, zeroed by it; then worker,
   transport, form are set, and ngx_sio_conn_init() called */

struct ngx_sio_conn_s {
    ngx_sio_link_t            link;         /* candidates, by session */
    ngx_sio_worker_t         *worker;
    const ngx_sio_transport_t *transport;
    ngx_sio_options_t        *options;
    ngx_sio_client_t         *client;       /* NULL: candidate, or let go */

    ngx_sio_out_t            *out;          /* ring: out[(head + i) % cap] */
    uint32_t                  head;
    uint32_t                  nout;
    uint32_t                  cap;
    ngx_sio_deflate_t         deflate;      /* level 0: no permessage-deflate */
    ngx_sio_contexts_t       *contexts;     /* NULL: none is kept */
    size_t                    unsent;       /* bytes in out */
    ngx_sio_out_t             first[NGX_SIO_OUT_INLINE];

    ngx_queue_t               dirty;        /* worker->dirty */
    ngx_sio_timer_t           timer;        /* upgrade timeout */

    ngx_sio_handle_t          session;      /* candidate: of which session */
    uint32_t                  gen;          /* candidate: of the role */

    unsigned                  is_dirty:1;
    unsigned                  candidate:1;
    unsigned                  probed:1;
    unsigned                  upgrade_waits:1;   /* "5" came during a POST */
    unsigned                  overflow:1;        /* past max_buffer */
    unsigned                  inbox_lost:1;      /* so is the worker's inbox:
                                                    overflow is set, too */
    unsigned                  closed:1;          /* no more in or out */
    unsigned                  paused:1;          /* do not read: packets that
                                                    wait are enough */
    unsigned                  form:8;            /* NGX_SIO_FORM_EIO3 ... */
};

void ngx_sio_conn_init(ngx_sio_conn_t *conn);

/* the transport has written n bytes from the front of conn->out */
void ngx_sio_conn_sent(ngx_sio_conn_t *conn, size_t n);

/* frees what is queued and unlinks conn from all lists; the transport calls it
   before the memory goes */
void ngx_sio_conn_cleanup(ngx_sio_conn_t *conn);

/* appends a control frame (pong, close) as it is, and marks conn dirty */
ngx_int_t ngx_sio_conn_append(ngx_sio_conn_t *conn, const u_char *p,
    size_t len);


/*
 * A WebSocket with a session of its own: creates the session, queues the open
 * packet.  address: NGX_SIO_ADDRESS_LEN bytes, or NULL.  NGX_OK; NGX_BUSY:
 * zone full; NGX_DECLINED: the address has too many sessions; NGX_ERROR
 */
ngx_int_t ngx_sio_conn_open(ngx_sio_conn_t *conn, const ngx_str_t *info,
    const u_char *address);

/*
 * A WebSocket for an existing session (after the 101): becomes its candidate.
 * NGX_OK; NGX_DECLINED: close it (upgrading or upgraded already, gone)
 */
ngx_int_t ngx_sio_conn_candidate(ngx_sio_conn_t *conn,
    const ngx_sio_session_info_t *session);

/*
 * Bytes came: what ngx_sio_conn_message() gets until the next call of this
 * came together.
 */
void ngx_sio_conn_begin(ngx_sio_conn_t *conn);

/*
 * A whole message came.  data is writable and ends before the scratch buffer
 * does; it is the caller's again after the return.
 *
 * NGX_OK; NGX_DONE: transport->close was or will be called, read no more
 */
ngx_int_t ngx_sio_conn_message(ngx_sio_conn_t *conn, ngx_uint_t binary,
    u_char *data, size_t len);

/*
 * The connection is lost or closed by the peer (reason NGX_SIO_TRANSPORT_CLOSE
 * or _ERROR): session or candidate end.  transport->close is not called; conn
 * is forgotten by core when it returns.
 */
void ngx_sio_conn_lost(ngx_sio_conn_t *conn, ngx_sio_reason_e reason);


/*
 * Polling (ngx_sio_polling.c)
 */

#define NGX_SIO_OPEN_MAX  (SIO_EIO_OPEN_MAX + SIO_EIO3_HEAD_MAX)

/* a handshake over polling: creates the session, writes the open packet (at
   most NGX_SIO_OPEN_MAX bytes) to dst, its length to *len; the sid stands in
   dst as well and is returned in sid.  jsonp is kept for the caller, who finds
   it in each later request's.  Codes and address as with ngx_sio_conn_open() */
ngx_int_t ngx_sio_polling_open(ngx_sio_worker_t *worker,
    ngx_sio_options_t *options, ngx_uint_t form, const ngx_str_t *info,
    const u_char *address, uint32_t jsonp, u_char sid[NGX_SIO_ID_LEN],
    u_char *dst, size_t *len);

/* embedded in the parked request's context, zeroed */

struct ngx_sio_park_s {
    ngx_sio_worker_t         *worker;
    ngx_sio_handle_t          session;
    uint32_t                  gen;
    uint32_t                  jsonp;        /* the handshake's */
    uint32_t                  form;         /* of the session */
    ngx_pool_t               *pool;         /* the request's */
    ngx_sio_link_t            link;         /* worker->parks, by session */
    ngx_event_t               timer;        /* ping, or "6" while upgrading */
    unsigned                  linked:1;
    unsigned                  noop:1;       /* an upgrade is on */
    unsigned                  compress:1;   /* of the payload: it may be */
    unsigned                  binary:1;     /* the payload is not text */

    /* called from the event loop: answer with this payload (from pool; never
       empty), the park is unlinked already */
    void                    (*answer)(ngx_sio_park_t *park, ngx_str_t *payload,
                                      ngx_pool_t *pool);
};

/*
 * A GET; of form only the protocol is looked at.  NGX_OK: answer *payload
 * (from pool) now; NGX_AGAIN: parked, answer() will be called; NGX_BUSY:
 * overlap, answer 400 empty; NGX_DECLINED: unknown sid (400, code 1);
 * NGX_ERROR: not polling, or the other protocol (400, code 3)
 */
ngx_int_t ngx_sio_polling_get(ngx_sio_worker_t *worker, const u_char *sid,
    ngx_uint_t form, ngx_sio_park_t *park, ngx_pool_t *pool,
    ngx_str_t *payload);

/* the client of a parked GET is gone */
void ngx_sio_polling_get_abort(ngx_sio_park_t *park);


typedef struct ngx_sio_post_s  ngx_sio_post_t;

struct ngx_sio_post_s {
    ngx_sio_worker_t         *worker;
    ngx_sio_request_t         rq;
    ngx_sio_options_t        *options;      /* of the session's location */
    ngx_sio_link_t            link;         /* worker->posts, by session */
    ngx_sio_client_t         *client;       /* while packets are processed */
    void                     *packets;      /* those left */
    ngx_event_t               slice;        /* they go on with the next turn of
                                               the event loop */
    unsigned                  linked:1;     /* its body is awaited */
    unsigned                  closing:1;    /* "ok", but nothing is processed */
    unsigned                  binary:1;     /* by the caller: EIO=3, the body is
                                               not text */

    /* set by the caller after post_open; called from the event loop when the
       session has closed while the body is awaited: the role is given back
       already, the request must end without an answer */
    void                    (*closed)(ngx_sio_post_t *post);

    /* likewise: after NGX_AGAIN, now answer "ok" */
    void                    (*done)(ngx_sio_post_t *post);
};

/* a POST begins; codes as ngx_sio_post_open() (pool: the request's) */
ngx_int_t ngx_sio_polling_post_open(ngx_sio_worker_t *worker,
    const u_char *sid, ngx_uint_t form, ngx_pool_t *pool,
    ngx_sio_post_t *post);

/* its body is whole: processes all packets, gives the role back; then answer
   "ok".  data is writable.  NGX_OK; NGX_AGAIN: a hook is waited for, or there
   are many: post->done() will be called, data and pool must stay */
ngx_int_t ngx_sio_polling_post(ngx_sio_post_t *post, ngx_pool_t *pool,
    u_char *data, size_t len);

/* it will not be whole, or its type is wrong, or its request goes before all
   is processed: closes the session */
void ngx_sio_polling_post_abort(ngx_sio_post_t *post);

/* too large (413): gives the role back, the session lives on */
void ngx_sio_polling_post_cancel(ngx_sio_post_t *post);


/*
 * zlib (ngx_sio_deflate.c): its memory is the worker's, 300 KB in all, and
 * nothing is remembered from one call to the next, but in the contexts of
 * connections that have agreed on that
 */

#if (NGX_SIO_HAVE_ZLIB)

/* the most that ngx_sio_deflate() writes for len bytes; 0: no memory */
size_t ngx_sio_deflate_bound(size_t len);

/*
 * A raw DEFLATE stream (RFC 1951) of src, whole, to dst, which has size bytes.
 * Returns its length, or 0: it does not fit
 */
size_t ngx_sio_deflate(u_char *dst, size_t size, const u_char *src,
    size_t len);

/* what was agreed; deflates, inflates: with a context that is kept from one
   message to the next.  NGX_OK, NGX_ERROR */
ngx_int_t ngx_sio_conn_deflate(ngx_sio_conn_t *conn,
    const ngx_sio_deflate_t *form, ngx_uint_t deflates, ngx_uint_t inflates);

/* connections of this worker that keep one */
ngx_uint_t ngx_sio_contexts(void);

/*
 * A message of permessage-deflate (RFC 7692, 7.2.2) to *dst, ngx_alloc()ed
 * with pad bytes more, its length to *dst_len.  NGX_OK; NGX_DECLINED: it is
 * none; NGX_BUSY: more than max bytes, as soon as they are there; NGX_ERROR
 */
ngx_int_t ngx_sio_inflate(ngx_sio_conn_t *conn, const u_char *src, size_t len,
    size_t max, size_t pad, u_char **dst, size_t *dst_len);

#endif


/*
 * Application: what the rules are for core.  One call runs at a time and never
 * blocks.
 */

typedef enum {
    NGX_SIO_CALL_CONNECT = 0,       /* sio_use, then sio_on connect */
    NGX_SIO_CALL_EVENT,
    NGX_SIO_CALL_ACK,               /* sio_on_ack NAME: event is the NAME */
    NGX_SIO_CALL_DISCONNECTING,
    NGX_SIO_CALL_DISCONNECT,
    NGX_SIO_CALL_API                /* of no socket: orders only */
} ngx_sio_call_e;

struct ngx_sio_call_s {
    ngx_sio_call_e            type;
    ngx_sio_worker_t         *worker;
    ngx_sio_server_t         *server;
    ngx_sio_client_t         *client;
    ngx_sio_peer_t           *peer;         /* NULL while connecting */
    ngx_sio_handle_t          socket;       /* .ref 0 while connecting */
    ngx_pool_t               *pool;         /* for this call only */

    ngx_str_t                 nsp;
    ngx_str_t                 id;           /* the socket's, 20 bytes */
    void                     *program;      /* of its namespace, by app */

    ngx_str_t                 event;        /* plain text (or a number as
                                               JavaScript prints it) */
    ngx_str_t                *args;         /* JSON, the event not among them */
    ngx_uint_t                nargs;
    ngx_str_t                 args_json;    /* "1,{}" : all args as they came,
                                               commas between, no brackets */
    ngx_str_t                *attachments;  /* raw bytes */
    ngx_uint_t                nattachments;
    unsigned                  placeholder:1;   /* some argument holds a key
                                                  "_placeholder" */

    ngx_str_t                 ack;          /* id asked by the client, digits;
                                               empty: none asked or answered */
    ngx_str_t                 auth;         /* CONNECT payload, JSON or empty */
    ngx_str_t                 reason;       /* disconnecting, disconnect */
    ngx_str_t                 error;        /* ACK: set when it timed out */
    ngx_str_t                 data;         /* DISCONNECT: socket.data as it
                                               was */
    ngx_str_t                 user;         /* if has_user: its user, whatever
                                               the zone says */
    unsigned                  has_user:1;
    ngx_str_t                 claims;       /* if has_claims: what the token
                                               says, JSON or empty */
    time_t                    expires;      /* CONNECT: its token; 0: never */
    time_t                    warn;         /* seconds before: tell it */
    unsigned                  has_claims:1;
    unsigned                  ack_asked:1;

    /* rooms that the action just before joined, and their sizes then */
    const ngx_str_t          *joined;
    ngx_uint_t               *sizes;
    ngx_uint_t                njoined;

    /* the answer of a connect that failed, or of any failed require */
    ngx_str_t                 failure;      /* text */
    ngx_str_t                 failure_data; /* JSON or empty */

    void                     *connect;      /* core's: what is held back */
    void                     *allowed;      /* of a hook's: the patterns when
                                               it was asked, or NULL */
    ngx_sio_hook_t           *hook;         /* it may wait for hooks; NULL: it
                                               ends before it returns */
};

typedef struct {
    /*
     * Whether a namespace exists: NGX_OK with *program (kept in the call and
     * the peer of this cycle), NGX_DECLINED: Invalid namespace
     */
    ngx_int_t               (*nsp)(ngx_sio_rules_t *rules,
                                   const ngx_str_t *name, void **program);

    /*
     * Runs the rules of one call: NGX_OK; NGX_DECLINED: a require failed,
     * call->failure is set (for CONNECT core then refuses, for EVENT with a
     * pending ack core answers [{"error":...}]); NGX_AGAIN, if call->hook:
     * it waits for one
     */
    ngx_int_t               (*run)(ngx_sio_call_t *call);

    /* 1: the rules of this call would wait for a hook */
    ngx_uint_t              (*hooked)(ngx_sio_call_t *call);

    /* goes on behind the hook that has answered; codes as run() */
    ngx_int_t               (*resume)(ngx_sio_hook_t *hook);
} ngx_sio_app_t;

extern const ngx_sio_app_t  ngx_sio_rules_app;      /* ngx_sio_rules.c */


/* the life of a room, as Node's adapter tells it */

typedef enum {
    NGX_SIO_CREATE_ROOM = 0,
    NGX_SIO_JOIN_ROOM,
    NGX_SIO_LEAVE_ROOM,
    NGX_SIO_DELETE_ROOM,
    NGX_SIO_NLIVES
} ngx_sio_life_e;

extern ngx_str_t  ngx_sio_lives[NGX_SIO_NLIVES];    /* "create-room" ... */


/*
 * Hooks (ngx_sio_hook.c): a backend is asked, http does it.  Meanwhile the
 * client's other packets wait, unless nobody waits for the answer.
 */

struct ngx_sio_hook_s {
    ngx_sio_call_t            call;         /* all of it in pool; its client and
                                               peer only while core is at it */
    ngx_pool_t               *pool;
    ngx_sio_handle_t          session;
    void                     *target;       /* http's: where to */
    ngx_event_t              *asked;        /* http's, while it is: posted, it
                                               ends it with what there is */

    /* the question, from pool */
    ngx_str_t                 body;         /* JSON array of the arguments */
    ngx_str_t                 rooms;        /* JSON arrays and objects, or */
    ngx_str_t                 data;         /* empty: there is none */
    ngx_str_t                 handshake;
    ngx_str_t                 user;         /* its name; empty: nobody */
    ngx_str_t                 transport;

    /* of a room's life, asked for no client: lane is set, call.type is API */
    ngx_sio_lane_t           *lane;
    ngx_sio_life_e            life;
    ngx_str_t                 room;
    uint64_t                  seq;

    /* the answer, set by http before it calls ngx_sio_hook_done() */
    ngx_uint_t                status;       /* of HTTP, 0: none came */
    ngx_str_t                 answer;       /* may be written to */

    /* core's own */
    ngx_sio_client_t         *client;       /* that waits */
    ngx_queue_t               queue;        /* worker->hooks */
    void                     *run;          /* where the rules go on */
    void                     *block;
    ngx_uint_t                next;
    unsigned                  async:1;      /* nobody waits */
    unsigned                  borrow:1;     /* the client is made for it */
};

/* the answer is there, or there will be none; from the event loop only.  hook
   is gone afterwards, or on its way again */
void ngx_sio_hook_done(ngx_sio_hook_t *hook);

/* "connect", "event", "ack", "disconnecting", "disconnect", or a room's */
void ngx_sio_hook_type(const ngx_sio_hook_t *hook, ngx_str_t *type);


/*
 * Services for the rules (ngx_sio_service.c).  While a CONNECT call runs,
 * joins, data and emits are held back until the connect answer is queued.
 *
 * Common codes: NGX_OK; NGX_DONE: the socket is gone, a no-op;
 * NGX_DECLINED: the rule fails; NGX_BUSY: zone full (fails the rule too)
 */

typedef struct {
    ngx_str_t                 nsp;          /* empty: the call's */
    ngx_str_t                *to;
    ngx_uint_t                nto;
    ngx_str_t                *except;
    ngx_uint_t                nexcept;
    unsigned                  all:1;        /* to=* or in=* */
    unsigned                  self:1;       /* no to: this socket */
    unsigned                  except_self:1;
    unsigned                  counted:1;    /* emits: count is wanted, it may
                                               cost a walk */
    ngx_uint_t                count;        /* out: sockets reached */
} ngx_sio_where_t;

typedef struct {
    ngx_sio_where_t           where;
    ngx_str_t                 json;         /* the packet's whole array,
                                               ["event",arg,...] with
                                               placeholders numbered from 0 */
    ngx_str_t                *attachments;
    ngx_uint_t                nattachments;
    ngx_uint_t                flags;        /* NGX_SIO_VOLATILE ... */
    ngx_str_t                 ack_name;
    ngx_msec_t                ack_timeout;
} ngx_sio_event_out_t;

ngx_int_t ngx_sio_call_emit(ngx_sio_call_t *call, ngx_sio_event_out_t *out);

/* json: the array of the answer; once per call, then NGX_OK without effect */
ngx_int_t ngx_sio_call_ack(ngx_sio_call_t *call, const ngx_str_t *json,
    ngx_str_t *attachments, ngx_uint_t nattachments);

/* where NULL: this socket; max NULL or per room, 0: none.
   NGX_DECLINED: a room is full or the socket has too many */
ngx_int_t ngx_sio_call_join(ngx_sio_call_t *call, const ngx_str_t *rooms,
    const ngx_uint_t *max, ngx_uint_t n, ngx_sio_where_t *where);
ngx_int_t ngx_sio_call_leave(ngx_sio_call_t *call, const ngx_str_t *rooms,
    ngx_uint_t n, ngx_sio_where_t *where);
ngx_int_t ngx_sio_call_disconnect(ngx_sio_call_t *call, ngx_uint_t close,
    ngx_sio_where_t *where);

/* NGX_OK: member, NGX_DECLINED: not */
ngx_int_t ngx_sio_call_member(ngx_sio_call_t *call, const ngx_str_t *room);

/* rooms of this socket; strings from call->pool */
ngx_int_t ngx_sio_call_rooms(ngx_sio_call_t *call, ngx_str_t **rooms,
    ngx_uint_t *n);

/* room NULL: the namespace */
ngx_int_t ngx_sio_call_size(ngx_sio_call_t *call, const ngx_str_t *room,
    ngx_uint_t *size);

/* [{"id":...,"data":{...}},...]; NGX_DECLINED: more than 1000 */
ngx_int_t ngx_sio_call_sockets(ngx_sio_call_t *call, const ngx_str_t *room,
    ngx_str_t *json);

/* socket.data: a JSON object, "{}" when nothing was set; binary values as
   {"_base64":...}.  set: value is JSON; NGX_DECLINED: past the limit */
ngx_int_t ngx_sio_call_data(ngx_sio_call_t *call, ngx_str_t *json);
ngx_int_t ngx_sio_call_set(ngx_sio_call_t *call, const ngx_str_t *key,
    const ngx_str_t *value);

/* the same with a whole object, from call->pool */
ngx_int_t ngx_sio_call_replace(ngx_sio_call_t *call, ngx_str_t *json);

/*
 * Who the socket is (ngx_sio_identity.c); from call->pool or the call's own.
 * NGX_OK; NGX_DECLINED: nobody; NGX_ERROR: no memory
 */
ngx_int_t ngx_sio_call_user(ngx_sio_call_t *call, ngx_str_t *user);

/*
 * Makes the socket another user's, empty: nobody's; user is copied.  What
 * sio_user_room and sio_user_sessions say happens in the same section, while
 * connecting in that of the connect answer.
 *
 * NGX_OK; NGX_DONE: the socket is gone; NGX_BUSY: the zone is full;
 * NGX_DECLINED: the name is too long or not UTF-8, or the user has all the
 * sockets it may: call->failure says so, nothing was changed
 */
ngx_int_t ngx_sio_call_identify(ngx_sio_call_t *call, const ngx_str_t *user);

/* what the socket's token says, as far as rules mention it: a JSON object.
   NGX_OK, NGX_DECLINED: nothing (ngx_sio_expire.c) */
ngx_int_t ngx_sio_call_claims(ngx_sio_call_t *call, ngx_str_t *json);

/* a value captured at the handshake.  NGX_OK, NGX_DECLINED: missing */
ngx_int_t ngx_sio_call_info(ngx_sio_call_t *call, const ngx_str_t *name,
    ngx_str_t *value);

/* "polling" or "websocket" */
void ngx_sio_call_transport(ngx_sio_call_t *call, ngx_str_t *name);


/*
 * Requests of http (ngx_sio_worker.c)
 */

/* the zone as this worker has it, for look-ups that change nothing:
   ngx_sio_session_find() before a handshake, ngx_sio_zone_counters() */
ngx_sio_zone_t *ngx_sio_worker_zone(ngx_sio_worker_t *worker);

/* 120 random bits as 20 letters, digits, "-" and "_" */
void ngx_sio_random_id(ngx_sio_worker_t *worker, u_char id[NGX_SIO_ID_LEN]);


#endif /* _NGX_SIO_CORE_H_INCLUDED_ */
