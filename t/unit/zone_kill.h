
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Several processes, killed at random: what they share.
 */


#ifndef _ZONE_KILL_H_INCLUDED_
#define _ZONE_KILL_H_INCLUDED_


#include "zone_lib.h"


#define K_PROCESSES  8
#define K_SESSIONS   48
#define K_ROOMS      6
#define K_LIVES      512
#define K_LOG        16384


#define K_SEQ        0x7fffff              /* of a message's id */


/* what a life saw in the room "order", in shared memory */

typedef struct {
    volatile uint32_t        n;
    uint32_t                 ids[K_LOG];
} k_log_t;


#define K_FREE     0
#define K_LIVE     1
#define K_CREATED  2                       /* is being created */

typedef struct {
    volatile uint32_t        state;
    volatile uint32_t        by;           /* process that creates it */
    u_char                   sid[NGX_SIO_ID_LEN];
} k_entry_t;


typedef struct {
    volatile uint32_t        stop;
    volatile uint32_t        lives;
    volatile uint32_t        sids;
    volatile uint32_t        full;
    volatile uint64_t        ops;
    volatile uint64_t        received;
    k_entry_t                entries[K_SESSIONS];
    k_log_t                  logs[K_LIVES];
} k_shared_t;


/* a session, as one process knows it; its index is that of the entry */

typedef struct {
    ngx_sio_handle_t         h;
    uint32_t                 get_gen;
    uint32_t                 post_gen;
    uint32_t                 cand_gen;
    unsigned                 get:1;
    unsigned                 post:1;
    unsigned                 cand:1;
    unsigned                 ws:1;
} k_session_t;


extern zt_zone_t       zone;
extern k_shared_t     *shared;
extern zt_worker_t     worker;
extern k_session_t     known[K_SESSIONS];
extern ngx_pool_t     *pool;
extern zt_body_t       body;
extern uint32_t        life, seq;
extern k_log_t        *order;
extern ngx_sio_handle_t  order_session;
extern ngx_str_t       rooms[K_ROOMS];
extern char            room_names[K_ROOMS][16];
extern ngx_str_t       nsp;
extern ngx_str_t       order_room;


/* operations of a process (zone_kill_ops.c) */

void k_receive(zt_worker_t *w, ngx_sio_handle_t session,
    ngx_sio_handle_t socket, ngx_sio_entry_t *e);
void k_fine(ngx_int_t rc, const char *what);
void k_new_sid(u_char *sid);
ngx_int_t k_create_session(const u_char *sid, ngx_uint_t websocket,
    ngx_sio_handle_t *h);
ngx_int_t k_connect(ngx_sio_handle_t session, const ngx_str_t *names,
    ngx_uint_t n);
k_session_t *k_pick(k_entry_t **entry);
ngx_uint_t k_ready(void);
void k_drain(void);
void k_op(void);

/* compares what the lives have seen; how many messages two had in common
   (zone_kill_order.c) */
ngx_uint_t k_orders(void);


#endif /* _ZONE_KILL_H_INCLUDED_ */
