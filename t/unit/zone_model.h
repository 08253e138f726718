
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The naive model of the zone: a list of sessions, each with the messages
 * that it has still to receive, in order.  What a worker hands to its
 * connections must be the head of that list.
 */


#ifndef _ZONE_MODEL_H_INCLUDED_
#define _ZONE_MODEL_H_INCLUDED_


#include "zone_lib.h"


#define M_WORKERS   4
#define M_SESSIONS  24
#define M_ADDRESS   6           /* sessions that one may have */
#define M_NSPS      3
#define M_ROOMS     9
#define M_SOCKETS   (M_SESSIONS * M_NSPS)


typedef struct {
    ngx_uint_t               used;
    ngx_sio_handle_t         h;
    u_char                   id[NGX_SIO_ID_LEN];
    ngx_sio_ref_t            nsp_room;
    ngx_uint_t               session;
    ngx_uint_t               nsp;
    ngx_uint_t               rooms[M_ROOMS];    /* in the order joined */
    ngx_uint_t               nrooms;
    uint32_t                 data;
    uint32_t                 auth;
    uint32_t                 acks[64];
    ngx_uint_t               nacks;
    ngx_uint_t               kicked;            /* 2: and its session closed */
    ngx_uint_t               muted;             /* was kicked, stays so */
    uint64_t                 born;
} m_socket_t;


typedef struct {
    ngx_uint_t               used;
    ngx_sio_handle_t         h;
    u_char                   sid[NGX_SIO_ID_LEN];
    uint32_t                 location;
    uint32_t                 info;
    u_char                   address;           /* 0: none */
    uint32_t                 partial;

    /* workers, -1: none */
    ngx_int_t                ws;
    ngx_int_t                get;
    ngx_int_t                post;
    ngx_int_t                cand;
    uint32_t                 get_gen;
    uint32_t                 post_gen;
    uint32_t                 cand_gen;
    ngx_uint_t               joined;
    ngx_uint_t               waits_post;       /* the candidate does */

    ngx_uint_t               closing;
    ngx_uint_t               linger;
    ngx_sio_reason_e         reason;
    ngx_int_t                end_by;           /* who has the END role */
    ngx_uint_t               end_seen;
    ngx_uint_t               ended;
    ngx_uint_t               last_get;

    uint32_t                *pend;             /* message ids */
    ngx_uint_t               npend;
    ngx_uint_t               pend_size;
} m_session_t;


extern zt_zone_t      zone;
extern zt_worker_t    workers[M_WORKERS];
extern m_session_t    sessions[M_SESSIONS];
extern m_socket_t     sockets[M_SOCKETS];
extern uint32_t       ack_next[M_NSPS];
extern ngx_pool_t    *pool;
extern zt_body_t      body;
extern uint32_t       next_id;
extern ngx_msec_t     now;
extern uint64_t       nmessages, nreceived;
extern ngx_uint_t     verbose;

extern const char    *nsp_names[M_NSPS];
extern ngx_str_t      nsps[M_NSPS];
extern ngx_str_t      rooms[M_ROOMS];


#define m_log(...)                                                            \
    do { if (verbose) { printf(__VA_ARGS__); } } while (0)


/* the model, and what the operations share (zone_model.c) */

void m_push(m_session_t *s, uint32_t id);
void m_shift(m_session_t *s, uint32_t id, const char *where);
m_session_t *m_by_handle(ngx_sio_handle_t h);
m_socket_t *m_socket_of(m_session_t *s, ngx_uint_t nsp);
ngx_uint_t m_in_room(m_socket_t *k, ngx_uint_t room);
ngx_uint_t m_room_size(ngx_uint_t nsp, ngx_uint_t room);
ngx_uint_t m_named(m_socket_t *k, const ngx_str_t *name);
ngx_uint_t m_target(m_socket_t *k, const ngx_sio_target_t *t);
void m_assign(m_session_t *s, zt_worker_t *w);
void m_closed(m_session_t *s, zt_worker_t *w, ngx_sio_reason_e reason,
    ngx_uint_t linger);
void m_gone(m_session_t *s);
void m_batch(zt_worker_t *w, m_session_t *s, ngx_sio_batch_t *batch);
void m_receive(zt_worker_t *w, ngx_sio_handle_t session,
    ngx_sio_handle_t socket, ngx_sio_entry_t *e);
zt_worker_t *m_worker(void);
m_session_t *m_session(void);
m_socket_t *m_any_socket(void);
ngx_str_t m_string(uint32_t id);
void m_string_is(const ngx_str_t *s, uint32_t id, const char *what);
size_t m_size(void);
void m_id(u_char *id);


/* operations: sessions (zone_model_sessions.c) */

void m_take(zt_worker_t *w, m_session_t *s, ngx_uint_t force);
void m_post_close(m_session_t *s);
void m_upgrade(zt_worker_t *w, m_session_t *s, uint32_t gen);
void op_create(void);
void op_find(void);
void op_get(void);
void op_get_take(void);
void op_get_abort(void);
void op_post(void);
void op_post_close(void);
void op_post_abort(void);
void op_probe(void);
void op_unprobe(void);
void op_upgrade(void);
void op_send(void);
void op_close(void);
void op_drop(void);


/* operations: sockets and rooms (zone_model_rooms.c) */

zt_worker_t *m_exec(m_session_t *s);
void m_socket_remove(zt_worker_t *w, m_socket_t *k);
void op_connect(void);
void op_socket_remove(void);
void op_kick(void);
void op_join(void);
void op_leave(void);
void op_look(void);
void op_emit(void);
void op_select(void);
void op_ack(void);


#endif /* _ZONE_MODEL_H_INCLUDED_ */
