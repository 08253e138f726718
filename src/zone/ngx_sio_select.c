
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Targets: names of rooms and sockets become references, and these a list of
 * handles.
 *
 * Each socket once: a walk has a number, and what it has met is stamped with
 * it.  Those not meant are stamped before.  Stamps are no part of the zone's
 * meaning and not journalled.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


typedef struct {
    ngx_sio_handle_t     *handles;
    ngx_uint_t            n;
    ngx_uint_t            max;
    ngx_uint_t            total;
    uint32_t              stamp;
} ngx_sio_selection_t;


static void ngx_sio_resolve_locked(ngx_sio_zone_t *z, ngx_sio_ref_t nsp,
    const ngx_str_t *names, ngx_uint_t n, ngx_sio_ref_t *rooms,
    ngx_uint_t *nrooms, ngx_sio_ref_t *sockets, ngx_uint_t *nsockets);
static void ngx_sio_stamp_list(ngx_sio_zone_t *z, ngx_sio_ref_t ref,
    uint32_t stamp);
static void ngx_sio_select_socket(ngx_sio_zone_t *z, ngx_sio_ref_t ref,
    ngx_sio_selection_t *sel);
static void ngx_sio_select_list(ngx_sio_zone_t *z, ngx_sio_ref_t ref,
    ngx_sio_selection_t *sel);


/* each socket is in the room of its id's name, which need not exist; others
   may have joined it */

static void
ngx_sio_resolve_locked(ngx_sio_zone_t *z, ngx_sio_ref_t nsp,
    const ngx_str_t *names, ngx_uint_t n, ngx_sio_ref_t *rooms,
    ngx_uint_t *nrooms, ngx_sio_ref_t *sockets, ngx_uint_t *nsockets)
{
    ngx_uint_t            i;
    ngx_sio_room_sh_t    *room;
    ngx_sio_socket_sh_t  *k;

    for (i = 0; i < n; i++) {

        k = ngx_sio_socket_by_id_locked(z, nsp, &names[i]);

        if (k) {
            sockets[(*nsockets)++] = ngx_sio_ref(z, k);
        }

        room = ngx_sio_room_lookup_locked(z, nsp, &names[i]);

        if (room) {
            rooms[(*nrooms)++] = ngx_sio_ref(z, room);
        }
    }
}


ngx_int_t
ngx_sio_targets_locked(ngx_sio_zone_t *z, const ngx_sio_target_t *target,
    ngx_sio_targets_t *t)
{
    ngx_sio_ref_t        *refs, nref;
    ngx_sio_room_sh_t    *nsp;
    ngx_sio_socket_sh_t  *k;

    ngx_memzero(t->n, sizeof(t->n));

    refs = ngx_sio_private(z)->refs;

    t->refs[NGX_SIO_TO_ROOMS] = refs;
    refs += target->nto + 1;
    t->refs[NGX_SIO_TO_SOCKETS] = refs;
    refs += target->nto;
    t->refs[NGX_SIO_NOT_ROOMS] = refs;
    refs += target->nexcept;
    t->refs[NGX_SIO_NOT_SOCKETS] = refs;

    nsp = ngx_sio_room_lookup_locked(z, 0, &target->nsp);
    if (nsp == NULL) {
        return NGX_DECLINED;
    }

    nref = ngx_sio_ref(z, nsp);

    if (target->all) {
        t->refs[NGX_SIO_TO_ROOMS][0] = nref;
        t->n[NGX_SIO_TO_ROOMS] = 1;

    } else {
        ngx_sio_resolve_locked(z, nref, target->to, target->nto,
                               t->refs[NGX_SIO_TO_ROOMS],
                               &t->n[NGX_SIO_TO_ROOMS],
                               t->refs[NGX_SIO_TO_SOCKETS],
                               &t->n[NGX_SIO_TO_SOCKETS]);
    }

    ngx_sio_resolve_locked(z, nref, target->except, target->nexcept,
                           t->refs[NGX_SIO_NOT_ROOMS],
                           &t->n[NGX_SIO_NOT_ROOMS],
                           t->refs[NGX_SIO_NOT_SOCKETS],
                           &t->n[NGX_SIO_NOT_SOCKETS]);

    if (target->except_self.ref) {
        k = ngx_sio_socket_lookup(z, target->except_self);

        if (k) {
            t->refs[NGX_SIO_NOT_SOCKETS][t->n[NGX_SIO_NOT_SOCKETS]++] =
                                                       target->except_self.ref;
        }
    }

    return NGX_OK;
}


static void
ngx_sio_stamp_list(ngx_sio_zone_t *z, ngx_sio_ref_t ref, uint32_t stamp)
{
    ngx_sio_socket_sh_t  *k;
    ngx_sio_member_sh_t  *m;

    for ( /* void */ ; ref; ref = m->room_next) {
        m = ngx_sio_ptr(z, ref);
        k = ngx_sio_ptr(z, m->socket);
        k->stamp = stamp;
    }
}


uint32_t
ngx_sio_stamp_locked(ngx_sio_zone_t *z, ngx_sio_targets_t *t, ngx_uint_t ws)
{
    uint32_t              stamp;
    ngx_uint_t            i;
    ngx_sio_room_sh_t    *room;
    ngx_sio_socket_sh_t  *k;

    stamp = ++z->root->scratch.stamp;

    for (i = 0; i < t->n[NGX_SIO_NOT_ROOMS]; i++) {
        room = ngx_sio_ptr(z, t->refs[NGX_SIO_NOT_ROOMS][i]);

        ngx_sio_stamp_list(z, room->polling.members, stamp);

        if (ws) {
            ngx_sio_stamp_list(z, room->ws.members, stamp);
        }
    }

    for (i = 0; i < t->n[NGX_SIO_NOT_SOCKETS]; i++) {
        k = ngx_sio_ptr(z, t->refs[NGX_SIO_NOT_SOCKETS][i]);
        k->stamp = stamp;
    }

    return stamp;
}


static void
ngx_sio_select_socket(ngx_sio_zone_t *z, ngx_sio_ref_t ref,
    ngx_sio_selection_t *sel)
{
    ngx_sio_socket_sh_t  *k;

    k = ngx_sio_ptr(z, ref);

    if (k->stamp == sel->stamp || (k->flags & NGX_SIO_SOCKET_REMOVED)) {
        return;
    }

    k->stamp = sel->stamp;
    sel->total++;

    if (sel->n < sel->max) {
        sel->handles[sel->n].ref = ref;
        sel->handles[sel->n].gen = k->gen;
        sel->n++;
    }
}


static void
ngx_sio_select_list(ngx_sio_zone_t *z, ngx_sio_ref_t ref,
    ngx_sio_selection_t *sel)
{
    ngx_sio_member_sh_t  *m;

    for ( /* void */ ; ref; ref = m->room_next) {
        m = ngx_sio_ptr(z, ref);
        ngx_sio_select_socket(z, m->socket, sel);
    }
}


ngx_int_t
ngx_sio_select(ngx_sio_zone_t *z, const ngx_sio_target_t *target,
    ngx_uint_t max, ngx_pool_t *pool, ngx_sio_handle_t **handles,
    ngx_uint_t *n, ngx_uint_t *total)
{
    ngx_int_t            rc;
    ngx_uint_t           i, bound;
    ngx_sio_room_sh_t   *room;
    ngx_sio_targets_t    t;
    ngx_sio_selection_t  sel;

    *handles = NULL;
    *n = 0;
    *total = 0;

    ngx_memzero(&sel, sizeof(ngx_sio_selection_t));

    rc = ngx_sio_reserve(z, 0, ngx_sio_targets_refs(target));
    if (rc != NGX_OK) {
        return rc;
    }

    /* how many at most; then, with room for them, who */

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_sio_targets_locked(z, target, &t) != NGX_OK) {
        return ngx_sio_finish(z, NGX_OK);
    }

    bound = t.n[NGX_SIO_TO_SOCKETS];

    for (i = 0; i < t.n[NGX_SIO_TO_ROOMS]; i++) {
        room = ngx_sio_ptr(z, t.refs[NGX_SIO_TO_ROOMS][i]);
        bound += ngx_sio_room_members(room);
    }

    rc = ngx_sio_finish(z, NGX_OK);
    if (rc != NGX_OK) {
        return rc;
    }

    sel.max = ngx_min(max, bound);

    if (sel.max) {
        sel.handles = ngx_palloc(pool, sel.max * sizeof(ngx_sio_handle_t));
        if (sel.handles == NULL) {
            return NGX_ERROR;
        }
    }

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_sio_targets_locked(z, target, &t) == NGX_OK) {

        sel.stamp = ngx_sio_stamp_locked(z, &t, 1);

        for (i = 0; i < t.n[NGX_SIO_TO_ROOMS]; i++) {
            room = ngx_sio_ptr(z, t.refs[NGX_SIO_TO_ROOMS][i]);
            ngx_sio_select_list(z, room->polling.members, &sel);
            ngx_sio_select_list(z, room->ws.members, &sel);
        }

        for (i = 0; i < t.n[NGX_SIO_TO_SOCKETS]; i++) {
            ngx_sio_select_socket(z, t.refs[NGX_SIO_TO_SOCKETS][i], &sel);
        }
    }

    rc = ngx_sio_finish(z, NGX_OK);

    *handles = sel.handles;
    *n = sel.n;
    *total = sel.total;

    return rc;
}
