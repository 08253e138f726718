
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * A small zone in which everything occurs once, and every operation of the
 * zone's face on it: for the tests that interrupt them.
 */


#ifndef _ZONE_SCENE_H_INCLUDED_
#define _ZONE_SCENE_H_INCLUDED_


#include "zone_lib.h"


#define ZS_WORKERS  3


/* sessions; the number after is the worker that has the role named */

typedef enum {
    ZS_WS_0 = 0,         /* WebSocket, in / and /a, in rooms a, b, c */
    ZS_WS_1,             /* in /, in rooms a, b */
    ZS_WS_2,             /* in /, alone in a long-named room; as WS_1 too */
    ZS_IDLE,             /* polling; in /, in rooms a, b, c, acks pending */
    ZS_QUEUED,           /* polling; in /, in room a, with a queue, partial */
    ZS_GET_0,            /* polling, GET parked; in /, in rooms a, b */
    ZS_GET_1,
    ZS_POST_1,           /* polling, POST in progress; in /, in room a */
    ZS_CAND_0,           /* polling, upgrading; queue, rooms, acks */
    ZS_CAND_POST,        /* as well, with a POST in progress, both worker 0 */
    ZS_FRESH,            /* polling, without socket */
    ZS_CLOSING_0,        /* closed, its end is to be done by worker 0 */
    ZS_LINGERS,          /* ended, waits for the last GET */
    ZS_HELD_0,           /* ended, but worker 0 still has its WebSocket */
    ZS_NSESSIONS
} zs_session_e;


#define ZS_FULL      1
#define ZS_NALONE    3       /* sessions that have another, each its own */


typedef struct {
    ngx_sio_handle_t         h;
    u_char                   sid[NGX_SIO_ID_LEN];
    u_char                   address;      /* ZS_FULL has as many sessions as
                                              one may have */
    uint32_t                 get_gen;
    uint32_t                 post_gen;
    uint32_t                 cand_gen;
    ngx_sio_handle_t         socket;       /* in "/" */
    u_char                   id[NGX_SIO_ID_LEN];
} zs_session_t;


typedef struct {
    zt_zone_t                zone;
    zt_worker_t              w[ZS_WORKERS];
    zt_worker_t              other;        /* has no slot yet */
    zs_session_t             s[ZS_NSESSIONS];
    ngx_pool_t              *pool;
    ngx_msec_t               now;
    uint32_t                 ack;          /* asked of ZS_IDLE */
    uint64_t                 sum;          /* of what was received */
} zs_t;


typedef struct {
    const char              *name;
    ngx_int_t              (*op)(zs_t *zs);
    ngx_uint_t               memory;       /* needs some: may be NGX_BUSY */
} zs_op_t;

extern const zs_op_t  zs_ops[];
extern const ngx_uint_t  zs_nops;


/* of each socket's token, seconds; of ZS_WS_1 a tenth, of ZS_IDLE a fifth */
#define ZS_EXPIRES  1000
#define ZS_WARN     10

#define zs_z(n)     (&zs->w[n].z)
#define zs_h(i)     (zs->s[i].h)

/* a name that does not fit into a room's record */
#define ZS_LONG     142

extern const u_char  zs_long[];

ngx_str_t zs_str(const char *s);

/* one room for each letter; "L" is the long one; at most 8 */
ngx_uint_t zs_rooms(const char *letters, ngx_str_t *rooms);
const ngx_sio_body_t *zs_message(size_t len);
ngx_int_t zs_session_create(zs_t *zs, zs_session_t *s, ngx_uint_t w,
    ngx_uint_t websocket);
ngx_int_t zs_socket_connect(zs_t *zs, zs_session_t *s, ngx_uint_t w,
    const char *nsp, const char *id, const char *rooms,
    ngx_sio_handle_t *socket);
ngx_int_t zs_identify(zs_t *zs, ngx_uint_t w, zs_session_e i,
    const char *user, ngx_uint_t max);
ngx_int_t zs_emit(zs_t *zs, ngx_uint_t w, const char *to, const char *except,
    size_t len, ngx_uint_t flags, const char *ack);

void zs_open(zs_t *zs, size_t size);
void zs_close(zs_t *zs);


#endif /* _ZONE_SCENE_H_INCLUDED_ */
