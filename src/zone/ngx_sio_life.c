
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The life of rooms, for whom it concerns.  The section that changes a
 * membership knows whether the room is new, or gone; what it has to tell is
 * noted in private memory, reserved before the lock is taken, and told after
 * it is released.  So it is told once, by the worker that made the change, and
 * not at all when the section is undone.  Costs nothing if z->life is NULL.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


#define NGX_SIO_LIFE_HOLD  65536            /* bytes, where the names are not
                                               known before */
#define NGX_SIO_LIFE_KEEP  (256 * 1024)     /* bytes that stay allocated */
#define NGX_SIO_LIFE_SAME  0xffffffff       /* the one before's */


typedef struct {
    uint32_t              what;
    uint32_t              prefixed;
    uint32_t              nsp;              /* bytes, NGX_SIO_LIFE_SAME */
    uint32_t              room;
    u_char                id[NGX_SIO_ID_LEN];
} ngx_sio_life_head_t;


static void ngx_sio_life_alloc(ngx_sio_zone_t *z, size_t size);


void
ngx_sio_life_reserve(ngx_sio_zone_t *z, const ngx_str_t *rooms, ngx_uint_t n,
    const ngx_sio_user_t *user)
{
    size_t      size;
    ngx_uint_t  i;

    if (z->life == NULL) {
        return;
    }

    size = NGX_SIO_MAX_NAME;                        /* the namespace's */

    for (i = 0; i < n; i++) {
        size += sizeof(ngx_sio_life_head_t)
                + ngx_min(rooms[i].len, NGX_SIO_MAX_NAME);
    }

    if (user) {
        size += NGX_SIO_MAX_NAME                    /* of the user before */
                + NGX_SIO_USER_CHANGES * (sizeof(ngx_sio_life_head_t)
                                          + user->room.len);
    }

    ngx_sio_life_alloc(z, size);
}


void
ngx_sio_life_reserve_any(ngx_sio_zone_t *z)
{
    if (z->life) {
        ngx_sio_life_alloc(z, NGX_SIO_LIFE_HOLD);
    }
}


static void
ngx_sio_life_alloc(ngx_sio_zone_t *z, size_t size)
{
    ngx_sio_private_t  *p;

    p = ngx_sio_private(z);

    if (size <= p->life_size && p->life_size <= NGX_SIO_LIFE_KEEP) {
        return;
    }

    if (p->life) {
        ngx_free(p->life);
    }

    /* without memory it is lost, and that is counted */

    p->life = ngx_alloc(size, z->log);
    p->life_size = p->life ? size : 0;
}


void
ngx_sio_life_note(ngx_sio_zone_t *z, ngx_uint_t what, ngx_sio_socket_sh_t *k,
    ngx_sio_room_sh_t *room)
{
    size_t                len;
    u_char               *dst;
    ngx_sio_room_sh_t    *nsp;
    ngx_sio_private_t    *p;
    ngx_sio_life_head_t   head;

    if (z->life == NULL || room->nsp == 0) {
        return;
    }

    p = ngx_sio_private(z);
    nsp = ngx_sio_ptr(z, room->nsp);

    head.what = what;
    head.prefixed = k->flags & NGX_SIO_SOCKET_PREFIXED;
    head.room = room->name_len;
    ngx_memcpy(head.id, k->id, NGX_SIO_ID_LEN);

    len = sizeof(ngx_sio_life_head_t) + room->name_len;

    if (p->life_len && p->life_nsp == room->nsp) {
        head.nsp = NGX_SIO_LIFE_SAME;

    } else {
        head.nsp = nsp->name_len;
        len += nsp->name_len;
    }

    if (len > p->life_size - p->life_len) {
        p->life_lost++;
        return;
    }

    dst = ngx_cpymem(p->life + p->life_len, &head,
                     sizeof(ngx_sio_life_head_t));

    if (head.nsp != NGX_SIO_LIFE_SAME) {
        ngx_sio_room_name(z, nsp, dst);
        dst += nsp->name_len;
    }

    ngx_sio_room_name(z, room, dst);

    p->life_len += len;
    p->life_nsp = room->nsp;
    p->life_seq = z->root->scratch.holds;
}


/* one more might have no place */

ngx_uint_t
ngx_sio_life_full(ngx_sio_zone_t *z)
{
    ngx_sio_private_t  *p;

    p = ngx_sio_private(z);

    return p->life_len
           && p->life_size - p->life_len
              < sizeof(ngx_sio_life_head_t) + 2 * NGX_SIO_MAX_NAME;
}


/* the lock is not held; z->life may not come back here */

void
ngx_sio_life_tell(ngx_sio_zone_t *z)
{
    u_char               *src, *last;
    ngx_sio_life_t        life;
    ngx_sio_private_t    *p;
    ngx_sio_life_head_t   head;

    p = ngx_sio_private(z);

    if (p->life_lost) {
        ngx_sio_hook_count(z, NGX_SIO_HOOK_LOST, p->life_lost);
        p->life_lost = 0;
    }

    if (p->life_len == 0) {
        return;
    }

    src = p->life;
    last = src + p->life_len;

    ngx_str_null(&life.nsp);
    life.seq = p->life_seq;

    while (src < last) {

        ngx_memcpy(&head, src, sizeof(ngx_sio_life_head_t));
        src += sizeof(ngx_sio_life_head_t);

        if (head.nsp != NGX_SIO_LIFE_SAME) {
            life.nsp.data = src;
            life.nsp.len = head.nsp;
            src += head.nsp;
        }

        life.what = head.what;
        life.prefixed = head.prefixed;
        life.room.data = src;
        life.room.len = head.room;
        ngx_memcpy(life.id, head.id, NGX_SIO_ID_LEN);

        src += head.room;

        z->life(z->data, &life);
    }

    p->life_len = 0;
}
