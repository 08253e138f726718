
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What the files of src/core share: a worker's private side of a zone.
 * Nothing here is seen by other processes.
 */


#ifndef _NGX_SIO_WORKER_H_INCLUDED_
#define _NGX_SIO_WORKER_H_INCLUDED_


#include "ngx_sio_core.h"
#include "ngx_sio_rules.h"
#include "ngx_sio_gather.h"
#include "ngx_sio_hook.h"
#include "../wire/sio_base64.h"
#include "../wire/sio_eio3.h"
#include "../wire/sio_ws.h"


#define NGX_SIO_HASH_MIN  64


/* chains of records by a zone ref; grows with what it holds */

typedef struct {
    ngx_sio_link_t          **buckets;
    ngx_uint_t                mask;
    ngx_uint_t                n;
} ngx_sio_table_t;

ngx_int_t ngx_sio_table_init(ngx_sio_table_t *t);
ngx_sio_link_t *ngx_sio_table_lookup(ngx_sio_table_t *t, ngx_sio_ref_t ref);
void ngx_sio_table_insert(ngx_sio_table_t *t, ngx_sio_link_t *link,
    ngx_sio_ref_t ref);
void ngx_sio_table_remove(ngx_sio_table_t *t, ngx_sio_link_t *link);


/* a peer's place in a room's array: what makes leaving cost one swap */

typedef struct ngx_sio_array_s  ngx_sio_array_t;
typedef struct ngx_sio_seat_s   ngx_sio_seat_t;

struct ngx_sio_seat_s {
    ngx_sio_array_t          *array;
    ngx_sio_peer_t           *peer;
    ngx_sio_seat_t           *next;         /* of the same peer */
    uint32_t                  index;
};

/* the members of one room that have their WebSocket here: what a fan-out
   walks */

struct ngx_sio_array_s {
    ngx_sio_link_t            link;         /* worker->arrays, by room */
    ngx_sio_peer_t          **peers;
    ngx_sio_seat_t          **seats;
    uint32_t                  n;
    uint32_t                  cap;
};


/* an ack that was asked of a peer */

typedef struct ngx_sio_asked_s  ngx_sio_asked_t;

struct ngx_sio_asked_s {
    ngx_sio_asked_t          *next;
    ngx_sio_timer_t           timer;
    ngx_sio_peer_t           *peer;
    uint32_t                  id;
    uint32_t                  len;
    u_char                    name[1];
};


struct ngx_sio_peer_s {
    ngx_sio_link_t            link;         /* worker->peers, by socket */
    ngx_sio_client_t         *client;
    ngx_sio_peer_t           *next;         /* of the same client */
    ngx_sio_handle_t          socket;
    ngx_str_t                 nsp;
    ngx_str_t                 id;           /* of the socket */
    void                     *program;
    ngx_sio_seat_t           *seats;
    ngx_sio_seat_t            seat;         /* of the namespace */
    ngx_sio_asked_t          *asked;
    uint32_t                  nasked;
    uint32_t                  stamp;        /* of the message it got last */
    time_t                    expires;      /* its token, seconds; 0: never */
    unsigned                  seat_used:1;
    unsigned                  linked:1;     /* in worker->peers */
    unsigned                  ending:1;     /* "disconnect" was said */
    unsigned                  ended:1;
    unsigned                  muted:1;      /* kicked: gets no messages,
                                               its packets do nothing */
};


typedef struct {
    u_char                   *data;
    size_t                    pos;          /* of the next one */
    size_t                    len;
    size_t                    cap;
    uint32_t                  need;         /* attachments of the last one that
                                               are to come */
} ngx_sio_held_packets_t;


struct ngx_sio_client_s {
    ngx_sio_link_t            link;         /* worker->clients, by session */
    ngx_sio_worker_t         *worker;
    ngx_sio_options_t        *options;
    ngx_sio_conn_t           *conn;         /* NULL: polling, or lost */
    ngx_sio_peer_t           *peers;        /* oldest first */
    ngx_sio_handle_t          session;
    ngx_str_t                 info;         /* data NULL: not loaded yet */
    ngx_pool_t               *pool;         /* polling: where it lives */

    /* a packet whose attachments are still to come: parts as in a body */
    u_char                   *partial;
    size_t                    partial_len;
    size_t                    partial_cap;
    uint32_t                  partial_need;

    size_t                    packet_size;  /* bytes of the one that is being
                                               processed, as they came */
    uint64_t                  arrived;      /* when it did, as of the rates; 0:
                                               just now, or nobody asks */

    ngx_sio_timer_t           timer;        /* ping or pong */
    ngx_sio_timer_t           connect;

    /* while a hook is asked: packets that came meanwhile, as parts */
    ngx_uint_t                nhooks;       /* that it waits for */
    ngx_sio_held_packets_t   *held;         /* or NULL: none */
    ngx_sio_post_t           *post;         /* polling: that made it */
    ngx_uint_t                tokens;       /* refused so far */

    unsigned                  websocket:1;  /* lives as long as its transport */
    unsigned                  linked:1;     /* in worker->clients */
    unsigned                  joined:1;
    unsigned                  closed:1;     /* no more input */
    unsigned                  close_later:1; /* "disconnect close" was said */
    unsigned                  refreshed:1;  /* the time for a pong, once */
    unsigned                  eio3:1;       /* Engine.IO v3, Socket.IO v4 */
    unsigned                  retired:1;    /* some of its peers */
    unsigned                  kicked:1;     /* a peer, by another's rules */
    unsigned                  hooked:1;     /* a CONNECT waits for a hook:
                                               nothing goes past that */
};


typedef struct {
    ngx_sio_handle_t          session;
    ngx_sio_role_e            role;
    ngx_uint_t                wake;
} ngx_sio_task_t;


typedef struct {
    ngx_queue_t               queue;        /* of ngx_sio_timer_t */
    ngx_msec_t                interval;
} ngx_sio_timers_t;


/* what was logged in this second: a flood of hooks that fail is none of
   lines */

#define NGX_SIO_HOOK_LINES  16

typedef struct {
    time_t                    sec;
    ngx_uint_t                n;
    ngx_uint_t                silent;       /* not logged, in that second */
    uint32_t                  hash[NGX_SIO_HOOK_LINES];
} ngx_sio_hook_log_t;


#define NGX_SIO_MAX_TIMERS  32


struct ngx_sio_worker_s {
    ngx_sio_zone_t            zone;
    ngx_sio_server_t         *server;
    ngx_cycle_t              *cycle;
    ngx_log_t                *log;
    ngx_connection_t         *wake;         /* the eventfd */
    ngx_pool_t               *pool;         /* for one call, reset after it */
    sio_str_t                *args;         /* server->max_args + 1 slices */

    ngx_event_t               tick;         /* cancelable */
    ngx_event_t               clock;        /* the same: the earliest timer */
    ngx_event_t               drain;        /* keeps a draining worker alive */
    ngx_event_t               flush;        /* posted: the tick's writes */
    ngx_event_t               tasks_event;  /* posted: runs the tasks */
    ngx_event_t               more;         /* posted: drain goes on */
    ngx_event_t               life;         /* posted: asks hooks of rooms */

    ngx_queue_t               dirty;        /* of ngx_sio_conn_t */
    ngx_queue_t               hooks;        /* of ngx_sio_hook_t */
    ngx_uint_t                nhooks;
    ngx_uint_t                nslices;      /* POSTs that go on later */
    ngx_event_t               hooks_end;    /* the same: no time is left */
    ngx_uint_t                ended;        /* no hook is asked any more */
    ngx_sio_hook_log_t        hook_log;

    ngx_sio_table_t           lanes;        /* life of rooms, to be told */
    ngx_queue_t               waiting;      /* lanes, next ones to be asked */
    ngx_uint_t                ntold;        /* in lanes */
    ngx_uint_t                asking;       /* asked, of hooks */
    ngx_sio_table_t           gathers;      /* of ngx_sio_gather_t */
    uint32_t                  gather;       /* number of the last one */

    ngx_sio_task_t           *tasks;        /* FIFO: tasks[first .. ntasks) */
    ngx_uint_t                first_task;
    ngx_uint_t                ntasks;
    ngx_uint_t                max_tasks;

    ngx_sio_table_t           clients;
    ngx_sio_table_t           peers;
    ngx_sio_table_t           arrays;
    ngx_sio_table_t           parks;
    ngx_sio_table_t           posts;        /* whose body is awaited */
    ngx_sio_table_t           candidates;

    ngx_sio_timers_t          timers[NGX_SIO_MAX_TIMERS];
    ngx_uint_t                ntimers;

    ngx_sio_peer_t           *connecting;   /* its handle comes with ADD */
    ngx_msec_t                swept;
    ngx_msec_t                reaped;
    ngx_uint_t                rates_swept;  /* the next set */
    uint32_t                  stamp;
    ngx_uint_t                delivered;    /* of this worker's emit, here */

    ngx_uint_t                nrandom;      /* unread bytes of random */
    u_char                    random[240];

    unsigned                  draining:1;
    unsigned                  aborting:1;   /* the zone was reset */
};


/* ngx_sio_worker.c */
void ngx_sio_worker_dirty(ngx_sio_worker_t *w, ngx_sio_conn_t *conn);
void ngx_sio_worker_task(ngx_sio_worker_t *w, ngx_sio_handle_t session,
    ngx_sio_role_e role, ngx_uint_t wake);
void ngx_sio_worker_later(ngx_sio_worker_t *w, ngx_sio_handle_t session,
    ngx_sio_role_e role, ngx_uint_t wake);
void ngx_sio_worker_catch_up(ngx_sio_worker_t *w);
void ngx_sio_worker_abort(ngx_sio_worker_t *w);

/* ngx_sio_timer.c */
void ngx_sio_timer_add(ngx_sio_worker_t *w, ngx_sio_timer_t *t,
    ngx_sio_timer_e type, ngx_msec_t interval, ngx_msec_t due);
void ngx_sio_timer_del(ngx_sio_timer_t *t);
void ngx_sio_timers_run(ngx_sio_worker_t *w);

/* the interval of timers that come from elsewhere, each with its own rest */
#define NGX_SIO_TIMER_TAKEN  0

/* ngx_sio_fanout.c: z->apply, arrays */
void ngx_sio_fanout_apply(void *data, ngx_sio_entry_t *entry);
ngx_int_t ngx_sio_seat_add(ngx_sio_worker_t *w, ngx_sio_peer_t *peer,
    ngx_sio_ref_t room);
void ngx_sio_seat_remove_all(ngx_sio_worker_t *w, ngx_sio_peer_t *peer);

/* ngx_sio_conn.c */
ngx_int_t ngx_sio_conn_queue(ngx_sio_conn_t *conn, ngx_sio_buf_t *buf);
ngx_int_t ngx_sio_conn_send(ngx_sio_conn_t *conn, const ngx_sio_body_t *body);
ngx_int_t ngx_sio_conn_send_text(ngx_sio_conn_t *conn, const u_char *p,
    size_t len);
void ngx_sio_conn_drop(ngx_sio_conn_t *conn, ngx_uint_t code);
void ngx_sio_conn_ping(ngx_sio_client_t *client);
void ngx_sio_conn_pause(ngx_sio_client_t *client);
void ngx_sio_conn_resume(ngx_sio_client_t *client);
void ngx_sio_conn_beat(ngx_sio_client_t *client, ngx_msec_t due);
void ngx_sio_conn_forget(ngx_sio_conn_t *conn);

/* ngx_sio_conn_upgrade.c */
ngx_sio_conn_t *ngx_sio_candidate_lookup(ngx_sio_worker_t *w,
    ngx_sio_handle_t session);
ngx_int_t ngx_sio_conn_candidate_packet(ngx_sio_conn_t *conn,
    sio_eio_packet_t *pkt);
void ngx_sio_conn_timeout(ngx_sio_conn_t *conn);
void ngx_sio_conn_unprobe(ngx_sio_conn_t *conn);
void ngx_sio_conn_upgrade(ngx_sio_conn_t *conn);

/* ngx_sio_message.c: a body is parts, each a 32-bit word (length * 2, + 1 when
   binary) and its bytes; the first part is the packet's text */
#define NGX_SIO_PART_HEAD  4

size_t ngx_sio_part_write(u_char *dst, ngx_uint_t binary, const u_char *p,
    size_t len);
ngx_int_t ngx_sio_body_build(ngx_pool_t *pool, const ngx_str_t *head,
    const ngx_str_t *json, const ngx_str_t *attachments, ngx_uint_t n,
    ngx_str_t *buf, ngx_sio_body_t *body);
ngx_sio_buf_t *ngx_sio_buf_create(size_t len);
void ngx_sio_buf_release(ngx_sio_buf_t *buf);
ngx_int_t ngx_sio_part_next(ngx_sio_worker_t *w, const ngx_sio_body_t *body,
    size_t *off, size_t *len, ngx_uint_t *binary);
u_char *ngx_sio_part_base64(ngx_sio_worker_t *w, const ngx_sio_body_t *body,
    size_t off, size_t len, u_char *dst);
ngx_sio_buf_t *ngx_sio_frames(ngx_sio_worker_t *w, const ngx_sio_body_t *body,
    ngx_uint_t form);

/* ngx_sio_payload.c */
ngx_int_t ngx_sio_payload(ngx_sio_park_t *park, ngx_sio_batch_t *batch,
    ngx_pool_t *pool, ngx_str_t *payload);
ngx_int_t ngx_sio_payload_single(ngx_sio_park_t *park, u_char type,
    ngx_pool_t *pool, ngx_str_t *payload);

/* ngx_sio_deflate.c: the same frames for a connection that agreed on
   permessage-deflate.  own: for one with contexts, the reference is the
   caller's; NULL: it can get nothing any more */
ngx_sio_buf_t *ngx_sio_buf_deflated(ngx_sio_conn_t *conn,
    ngx_sio_buf_t *buf);
ngx_sio_buf_t *ngx_sio_buf_deflated_own(ngx_sio_conn_t *conn,
    ngx_sio_buf_t *buf);
void ngx_sio_conn_deflate_end(ngx_sio_conn_t *conn);

/* ngx_sio_client.c */
void ngx_sio_client_params(ngx_sio_worker_t *w, ngx_sio_options_t *options,
    ngx_uint_t form, const ngx_str_t *info, ngx_sio_session_params_t *params);
ngx_sio_client_t *ngx_sio_client_create(ngx_sio_worker_t *w,
    ngx_sio_options_t *options, ngx_sio_handle_t session, ngx_uint_t form,
    ngx_pool_t *pool);
ngx_int_t ngx_sio_client_load(ngx_sio_client_t *client, ngx_pool_t *pool);
void ngx_sio_client_refresh(ngx_sio_client_t *client);
ngx_sio_client_t *ngx_sio_client_lookup(ngx_sio_worker_t *w,
    ngx_sio_handle_t session);
ngx_sio_peer_t *ngx_sio_client_peer(ngx_sio_client_t *client,
    const ngx_str_t *nsp);
ngx_sio_peer_t *ngx_sio_peer_create(ngx_sio_client_t *client,
    const ngx_str_t *nsp, const ngx_str_t *id);
void ngx_sio_peer_retire(ngx_sio_peer_t *peer);
void ngx_sio_peer_destroy(ngx_sio_peer_t *peer);
void ngx_sio_client_sweep(ngx_sio_client_t *client);
void ngx_sio_client_destroy(ngx_sio_client_t *client);
void ngx_sio_client_close(ngx_sio_client_t *client, ngx_sio_reason_e reason,
    ngx_uint_t linger);
ngx_int_t ngx_sio_client_send(ngx_sio_client_t *client, const ngx_str_t *text);
ngx_int_t ngx_sio_client_packet(ngx_sio_client_t *client, unsigned type,
    const ngx_str_t *nsp, const ngx_str_t *id, const ngx_str_t *json,
    const ngx_str_t *attachments, ngx_uint_t n, ngx_uint_t flags);
ngx_int_t ngx_sio_client_partial(ngx_sio_client_t *client,
    const ngx_str_t *partial);

/* ngx_sio_dispatch.c: Socket.IO packets of a client */
ngx_int_t ngx_sio_dispatch_text(ngx_sio_client_t *client, u_char *p,
    size_t len);
ngx_int_t ngx_sio_dispatch_binary(ngx_sio_client_t *client, u_char *p,
    size_t len);
uint32_t ngx_sio_attachments(const u_char *p, size_t len);

/* ngx_sio_call.c: runs of rules */
void ngx_sio_call_init(ngx_sio_call_t *call, ngx_sio_call_e type,
    ngx_sio_client_t *client, ngx_sio_peer_t *peer);
ngx_int_t ngx_sio_call_run(ngx_sio_call_t *call);
void ngx_sio_call_fail(ngx_sio_call_t *call);
void ngx_sio_call_done(ngx_sio_call_t *call);

/* ngx_sio_lookup.c: whether a CONNECT call's socket is a member */
ngx_uint_t ngx_sio_call_held_room(ngx_sio_call_t *call,
    const ngx_str_t *room);

/* ngx_sio_identity.c: a user has all the sockets it may */
void ngx_sio_identity_full(ngx_sio_call_t *call);

/* can it be a user's name: NGX_OK; NGX_DECLINED, call->failure says why */
ngx_int_t ngx_sio_user_check(ngx_sio_call_t *call, const ngx_str_t *name);

/* ngx_sio_hook.c: counts a failure; the same text is logged once in a second,
   and no more than NGX_SIO_HOOK_LINES in all */
void ngx_sio_hook_failed(ngx_sio_worker_t *w, ngx_sio_hook_e what,
    const char *fmt, ...);

/* a client that waits for a backend (the rest: ngx_sio_hook.h): its next
   packets wait, too */
#define ngx_sio_hook_full(client)                                             \
    ((client)->nhooks                                                         \
     && ((client)->hooked                                                     \
         || (client)->nhooks >= (client)->worker->server->max_client_hooks))

ngx_uint_t ngx_sio_hook_passes(ngx_sio_client_t *client,
    sio_eio_packet_t *pkt);
ngx_int_t ngx_sio_hook_hold(ngx_sio_client_t *client, ngx_uint_t binary,
    u_char *p, size_t len);
void ngx_sio_hook_forget(ngx_sio_client_t *client);
void ngx_sio_hooks_alive(ngx_sio_worker_t *w);

/* the worker has no more time: those in progress get no answer, and no other
   will be asked */
void ngx_sio_hooks_end_handler(ngx_event_t *ev);

/* ngx_sio_room_life.c: z->life, and hooks for it */
void ngx_sio_life_told(void *data, const ngx_sio_life_t *life);
void ngx_sio_life_wake(ngx_sio_worker_t *w);
void ngx_sio_life_handler(ngx_event_t *ev);

/* ngx_sio_connect.c: from CONNECT to the answer */
void ngx_sio_connect_done(ngx_sio_call_t *call, ngx_int_t rc);
ngx_int_t ngx_sio_connect(ngx_sio_client_t *client, const ngx_str_t *name,
    const ngx_str_t *auth);

/* clients that are in "/" from their handshake on: NGX_OK, NGX_DONE: refused
   and closed */
#define ngx_sio_connects_itself(options, form)                                \
    ((options)->engine_io || ((form) & NGX_SIO_FORM_EIO3))

ngx_int_t ngx_sio_connect_root(ngx_sio_client_t *client);
void ngx_sio_connect_polling(ngx_sio_worker_t *w, ngx_sio_options_t *options,
    ngx_sio_handle_t session, ngx_uint_t form);

typedef struct ngx_sio_held_s  ngx_sio_held_t;

struct ngx_sio_held_s {             /* an emit held back by a CONNECT call */
    ngx_sio_event_out_t       out;
    ngx_sio_held_t           *next;
};

typedef struct {                    /* call->connect */
    ngx_array_t               rooms;        /* of ngx_str_t */
    ngx_array_t               max;          /* of ngx_uint_t */
    ngx_str_t                 data;
    ngx_sio_user_t            user;
    ngx_sio_held_t           *held;
    ngx_sio_held_t          **last;
    unsigned                  disconnect:1;
    unsigned                  close:1;
} ngx_sio_connect_t;

/* ngx_sio_end.c: from a reason to nothing left */
ngx_sio_client_t *ngx_sio_client_borrow(ngx_sio_worker_t *w,
    ngx_sio_handle_t session, ngx_pool_t **pool);
void ngx_sio_client_return(ngx_sio_client_t *client, ngx_pool_t *pool);
ngx_sio_peer_t *ngx_sio_client_next(ngx_sio_client_t *client);
void ngx_sio_peer_end(ngx_sio_peer_t *peer, ngx_sio_reason_e reason,
    ngx_uint_t tell);
void ngx_sio_end_session(ngx_sio_worker_t *w, ngx_sio_handle_t session);
void ngx_sio_end_kicked(ngx_sio_worker_t *w, ngx_sio_handle_t session);
void ngx_sio_end_kicked_peers(ngx_sio_client_t *client);
void ngx_sio_reason_text(ngx_sio_reason_e reason, ngx_str_t *text);

/* ngx_sio_expire.c: tokens.  peer_expired: 1, it is to end behind this call */
ngx_uint_t ngx_sio_peer_expired(ngx_sio_peer_t *peer);
void ngx_sio_expire_sweep(ngx_sio_worker_t *w);

/* ngx_sio_msgpack.c */
#define ngx_sio_msgpack(client)                                               \
    ((client)->options && (client)->options->msgpack)

ngx_int_t ngx_sio_msgpack_read(ngx_sio_client_t *client, u_char *p, size_t len,
    sio_packet_t *pkt, ngx_str_t **attachments);
ngx_int_t ngx_sio_msgpack_body(ngx_sio_worker_t *w,
    const ngx_sio_body_t *body, ngx_str_t *buf, ngx_sio_body_t *packed);

/* ngx_sio_plain.c: Engine.IO without Socket.IO */
#define ngx_sio_plain(client)                                                 \
    ((client)->options && (client)->options->engine_io)

ngx_uint_t ngx_sio_plain_call(ngx_sio_call_t *call);

ngx_int_t ngx_sio_plain_message(ngx_sio_client_t *client, u_char *p,
    size_t len, ngx_uint_t binary);
ngx_int_t ngx_sio_plain_emit(ngx_sio_call_t *call, ngx_sio_event_out_t *out,
    ngx_sio_emit_t *emit, ngx_uint_t *receivers);

/* ngx_sio_eio3.c: Socket.IO v4 */
uint32_t ngx_sio_eio3_max_nsp(ngx_sio_server_t *server);
ngx_int_t ngx_sio_eio3_nsp(ngx_sio_client_t *client, ngx_str_t *nsp,
    ngx_str_t *auth);

/* ngx_sio_asked.c: acks asked of peers */
ngx_int_t ngx_sio_asked_add(ngx_sio_peer_t *peer, uint32_t id,
    const ngx_str_t *name, ngx_msec_t timeout, ngx_msec_t interval);
ngx_int_t ngx_sio_asked_take(ngx_sio_peer_t *peer, uint32_t id,
    ngx_pool_t *pool, ngx_str_t *name);
void ngx_sio_asked_expired(ngx_sio_asked_t *asked);
void ngx_sio_asked_free(ngx_sio_peer_t *peer);
void ngx_sio_asked_sweep(ngx_sio_worker_t *w);

/* ngx_sio_polling.c */
void ngx_sio_park_wake(ngx_sio_worker_t *w, ngx_sio_handle_t session,
    ngx_uint_t wake);
void ngx_sio_parks_answer_all(ngx_sio_worker_t *w);
void ngx_sio_post_resume(ngx_sio_post_t *post);
ngx_int_t ngx_sio_post_wake(ngx_sio_worker_t *w, ngx_sio_handle_t session);


#endif /* _NGX_SIO_WORKER_H_INCLUDED_ */
