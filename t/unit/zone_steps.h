
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Sessions step by step, with two workers, a and b: what the tests share that
 * go by a script.
 */


#ifndef _ZONE_STEPS_H_INCLUDED_
#define _ZONE_STEPS_H_INCLUDED_


#include "zone_lib.h"


#define T_INTERVAL  25000
#define T_TIMEOUT   20000
#define T_CONNECT   45000


typedef struct {
    ngx_sio_handle_t         h;
    ngx_sio_handle_t         socket;
    u_char                   sid[NGX_SIO_ID_LEN];
    u_char                   id[NGX_SIO_ID_LEN];
} t_session_t;


typedef struct {
    const char  *name;
    void       (*test)(void);
} t_test_t;


extern zt_zone_t      zone;
extern zt_worker_t    a, b;
extern ngx_pool_t    *pool;
extern zt_body_t      body;
extern ngx_msec_t     now;
extern uint32_t       serial;
extern uint32_t       last;          /* id received last, of any worker */
extern ngx_uint_t     nreceived;
extern ngx_str_t      nsp;


void t_receive(zt_worker_t *w, ngx_sio_handle_t session,
    ngx_sio_handle_t socket, ngx_sio_entry_t *e);
void t_id(u_char *id, const char *what);
const ngx_sio_body_t *t_body(uint32_t id, size_t len);
void t_create(zt_worker_t *w, t_session_t *s, ngx_uint_t websocket);
void t_connect(zt_worker_t *w, t_session_t *s, const ngx_str_t *room);
void t_woken(zt_worker_t *w, t_session_t *s, ngx_sio_role_e role,
    ngx_uint_t wake);
void t_calm(zt_worker_t *w);
void t_batch(zt_worker_t *w, ngx_sio_batch_t *batch, ngx_uint_t messages,
    ngx_uint_t pings, ngx_uint_t close);
void t_end(zt_worker_t *w, t_session_t *s);
void t_gone(t_session_t *s);
void t_kill(zt_worker_t *w, t_session_t *s);
void t_reason(t_session_t *s, ngx_sio_reason_e reason);
void t_clock(ngx_msec_t ms);
void t_pass(zt_worker_t *w, ngx_msec_t ms);
void t_emit(zt_worker_t *w, const ngx_str_t *to, uint32_t id,
    const char *ack, uint32_t ack_id, ngx_msec_t timeout);

/* all tests, each followed by a check that nothing is left */
int t_run(const char *name, const t_test_t *tests, ngx_uint_t n);


#endif /* _ZONE_STEPS_H_INCLUDED_ */
