
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The life of rooms as hooks.  Nobody waits for them; those of one room are
 * asked one behind the other, in the order in which it happened as far as it
 * happened at this worker, those of different rooms at the same time.
 */


#include "ngx_sio_worker.h"


#define NGX_SIO_LIFE_MAX  64                /* asked at the same time */


typedef struct ngx_sio_told_s  ngx_sio_told_t;

struct ngx_sio_told_s {
    ngx_sio_told_t           *next;
    ngx_sio_life_e            type;
    void                     *target;
    uint64_t                  seq;
    ngx_str_t                 nsp;          /* the bytes are behind this */
    ngx_str_t                 room;
    ngx_str_t                 id;           /* join-room, leave-room */
};


/* what is to be told of one room: of a hash of its name, to be exact, so that
   two may share a lane, which does not matter */

struct ngx_sio_lane_s {
    ngx_sio_link_t            link;         /* worker->lanes */
    ngx_queue_t               queue;        /* worker->waiting */
    ngx_sio_told_t           *first;
    ngx_sio_told_t           *last;
};


static void ngx_sio_life_add(ngx_sio_worker_t *w, const ngx_sio_life_t *life,
    ngx_sio_life_e type, void *target);
static ngx_sio_told_t *ngx_sio_life_copy(ngx_sio_worker_t *w,
    const ngx_sio_life_t *life, ngx_uint_t id);
static ngx_int_t ngx_sio_life_ask(ngx_sio_worker_t *w, ngx_sio_lane_t *lane,
    ngx_sio_told_t *told);
static ngx_int_t ngx_sio_life_body(ngx_sio_hook_t *hook);
static void ngx_sio_lane_next(ngx_sio_worker_t *w, ngx_sio_lane_t *lane);


/* z->life: only queues */

void
ngx_sio_life_told(void *data, const ngx_sio_life_t *life)
{
    ngx_uint_t         i;
    ngx_sio_nsp_t     *nsp;
    ngx_sio_worker_t  *w;

    /* by ngx_sio_life_e */

    static const ngx_uint_t  bits[NGX_SIO_NLIVES] = {
        NGX_SIO_LIFE_CREATED,
        NGX_SIO_LIFE_JOINED,
        NGX_SIO_LIFE_LEFT,
        NGX_SIO_LIFE_DELETED
    };

    w = data;

    nsp = ngx_sio_nsp_lookup(w->server->rules->program, &life->nsp, w->log);
    if (nsp == NULL) {
        return;
    }

    for (i = 0; i < NGX_SIO_NLIVES; i++) {
        if ((life->what & bits[i]) && nsp->rooms[i]) {
            ngx_sio_life_add(w, life, i, nsp->rooms[i]);
        }
    }
}


static void
ngx_sio_life_add(ngx_sio_worker_t *w, const ngx_sio_life_t *life,
    ngx_sio_life_e type, void *target)
{
    uint32_t         hash;
    ngx_sio_told_t  *told;
    ngx_sio_lane_t  *lane;

    if (w->ntold >= w->server->max_room_hooks) {
        ngx_sio_hook_failed(w, NGX_SIO_HOOK_LOST,
                            "%ui of rooms wait already, which is the limit "
                            "\"room_hooks\": others are lost", w->ntold);
        return;
    }

    told = ngx_sio_life_copy(w, life, type == NGX_SIO_JOIN_ROOM
                                      || type == NGX_SIO_LEAVE_ROOM);
    if (told == NULL) {
        ngx_sio_hook_count(&w->zone, NGX_SIO_HOOK_LOST, 1);
        return;
    }

    told->type = type;
    told->target = target;

    ngx_crc32_init(hash);
    ngx_crc32_update(&hash, life->nsp.data, life->nsp.len);
    ngx_crc32_update(&hash, (u_char *) ",", 1);
    ngx_crc32_update(&hash, life->room.data, life->room.len);
    ngx_crc32_final(hash);

    lane = (ngx_sio_lane_t *) ngx_sio_table_lookup(&w->lanes, hash);

    if (lane == NULL) {

        lane = ngx_calloc(sizeof(ngx_sio_lane_t), w->log);
        if (lane == NULL) {
            ngx_free(told);
            ngx_sio_hook_count(&w->zone, NGX_SIO_HOOK_LOST, 1);
            return;
        }

        ngx_sio_table_insert(&w->lanes, &lane->link, hash);
        ngx_queue_insert_tail(&w->waiting, &lane->queue);
    }

    if (lane->last) {
        lane->last->next = told;

    } else {
        lane->first = told;
    }

    lane->last = told;
    w->ntold++;

    ngx_sio_life_wake(w);
}


static ngx_sio_told_t *
ngx_sio_life_copy(ngx_sio_worker_t *w, const ngx_sio_life_t *life,
    ngx_uint_t id)
{
    u_char          *p;
    ngx_sio_told_t  *told;

    told = ngx_alloc(sizeof(ngx_sio_told_t) + 2 * life->nsp.len
                     + life->room.len + 1 + NGX_SIO_ID_LEN, w->log);
    if (told == NULL) {
        return NULL;
    }

    p = (u_char *) told + sizeof(ngx_sio_told_t);

    told->next = NULL;
    told->seq = life->seq;

    told->nsp.data = p;
    told->nsp.len = life->nsp.len;
    p = ngx_cpymem(p, life->nsp.data, life->nsp.len);

    told->room.data = p;
    told->room.len = life->room.len;

    if (life->room.len) {
        p = ngx_cpymem(p, life->room.data, life->room.len);
    }

    told->id.data = p;

    if (id) {

        if (life->prefixed) {
            p = ngx_cpymem(p, life->nsp.data, life->nsp.len);
            *p++ = '#';
        }

        p = ngx_cpymem(p, life->id, NGX_SIO_ID_LEN);
    }

    told->id.len = p - told->id.data;

    return told;
}


/* some may be asked now */

void
ngx_sio_life_wake(ngx_sio_worker_t *w)
{
    if (!ngx_queue_empty(&w->waiting) && !w->life.posted) {
        ngx_post_event(&w->life, &ngx_posted_events);
    }
}


void
ngx_sio_life_handler(ngx_event_t *ev)
{
    ngx_queue_t       *q;
    ngx_sio_lane_t    *lane;
    ngx_sio_told_t    *told;
    ngx_sio_worker_t  *w;

    w = ev->data;

    while (!ngx_queue_empty(&w->waiting)
           && w->asking < NGX_SIO_LIFE_MAX
           && w->nhooks < w->server->max_hooks)
    {
        q = ngx_queue_head(&w->waiting);
        lane = ngx_queue_data(q, ngx_sio_lane_t, queue);

        ngx_queue_remove(q);

        told = lane->first;
        lane->first = told->next;

        if (lane->first == NULL) {
            lane->last = NULL;
        }

        w->ntold--;

        if (ngx_sio_life_ask(w, lane, told) != NGX_OK) {
            ngx_sio_hook_failed(w, NGX_SIO_HOOK_LOST,
                                "\"%V\" could not be asked",
                                &ngx_sio_lives[told->type]);
            ngx_sio_lane_next(w, lane);
        }

        ngx_free(told);
    }
}


static ngx_int_t
ngx_sio_life_ask(ngx_sio_worker_t *w, ngx_sio_lane_t *lane,
    ngx_sio_told_t *told)
{
    ngx_sio_call_t  *call;
    ngx_sio_hook_t  *hook;

    hook = ngx_sio_hook_create(w);
    if (hook == NULL) {
        return NGX_ERROR;
    }

    call = &hook->call;

    call->type = NGX_SIO_CALL_API;
    call->worker = w;
    call->server = w->server;
    call->pool = hook->pool;
    call->nsp = told->nsp;
    call->id = told->id;

    hook->target = told->target;
    hook->async = 1;
    hook->lane = lane;
    hook->life = told->type;
    hook->room = told->room;
    hook->seq = told->seq;

    if (ngx_sio_hook_copy(hook->pool, &call->nsp) != NGX_OK
        || ngx_sio_hook_copy(hook->pool, &call->id) != NGX_OK
        || ngx_sio_hook_copy(hook->pool, &hook->room) != NGX_OK
        || ngx_sio_life_body(hook) != NGX_OK
        || w->server->rules->hook(hook) != NGX_OK)
    {
        ngx_sio_hook_free(hook);
        return NGX_ERROR;
    }

    ngx_sio_hook_count(&w->zone, NGX_SIO_HOOK_ASKED, 1);

    w->asking++;

    return NGX_OK;
}


/* the arguments of the adapter's event: room, id */

static ngx_int_t
ngx_sio_life_body(ngx_sio_hook_t *hook)
{
    u_char     *p;
    ngx_str_t  *room, *id;

    room = &hook->room;
    id = &hook->call.id;

    p = ngx_pnalloc(hook->pool, sizeof("[,]") - 1
                    + sio_json_string_len(room->data, room->len)
                    + sio_json_string_len(id->data, id->len));
    if (p == NULL) {
        return NGX_ERROR;
    }

    hook->body.data = p;

    *p++ = '[';
    p += sio_json_string_write(p, room->data, room->len);

    if (id->len) {
        *p++ = ',';
        p += sio_json_string_write(p, id->data, id->len);
    }

    *p++ = ']';

    hook->body.len = p - hook->body.data;

    return NGX_OK;
}


void
ngx_sio_life_done(ngx_sio_hook_t *hook)
{
    ngx_sio_lane_t    *lane;
    ngx_sio_worker_t  *w;

    w = hook->call.worker;
    lane = hook->lane;

    /* what it may say is what the API may; its "no" is for nobody */

    (void) ngx_sio_hook_answer(hook);

    w->asking--;

    ngx_sio_lane_next(w, lane);
    ngx_sio_hook_free(hook);
}


static void
ngx_sio_lane_next(ngx_sio_worker_t *w, ngx_sio_lane_t *lane)
{
    if (lane->first) {
        ngx_queue_insert_tail(&w->waiting, &lane->queue);
        ngx_sio_life_wake(w);
        return;
    }

    ngx_sio_table_remove(&w->lanes, &lane->link);
    ngx_free(lane);
}
