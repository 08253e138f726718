
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Whose sockets are these: a name kept with each, a room that holds all of one
 * user's, and how many these may be.
 *
 * That room is the index: a socket counts when it is there by its user, that
 * is k->user_room, whoever else may be a member.  The oldest is the one that
 * connected first: generations only grow.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


#define NGX_SIO_USER_DYING                                                    \
    (NGX_SIO_SOCKET_REMOVED|NGX_SIO_SOCKET_KICKED|NGX_SIO_SOCKET_LEAVING      \
     |NGX_SIO_SOCKET_MUTED)


static ngx_int_t ngx_sio_user_limit_locked(ngx_sio_zone_t *z,
    ngx_sio_socket_sh_t *k, ngx_sio_room_sh_t *room,
    const ngx_sio_user_t *user);
static ngx_sio_socket_sh_t *ngx_sio_user_oldest(ngx_sio_zone_t *z,
    ngx_sio_socket_sh_t *k, ngx_sio_room_sh_t *room, ngx_uint_t *n);
static ngx_uint_t ngx_sio_user_dying(ngx_sio_zone_t *z,
    ngx_sio_socket_sh_t *k);
static ngx_int_t ngx_sio_user_identify_section(ngx_sio_zone_t *z,
    ngx_sio_handle_t socket, const ngx_sio_user_t *user);
static ngx_int_t ngx_sio_user_thin_section(ngx_sio_zone_t *z,
    const ngx_str_t *nsp, const ngx_sio_handle_t *socket,
    const ngx_sio_user_t *user);


ngx_int_t
ngx_sio_user_set_locked(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    const ngx_sio_user_t *user)
{
    ngx_sio_room_sh_t    *room;
    ngx_sio_member_sh_t  *m;

    if (user->name.len > NGX_SIO_MAX_NAME
        || user->room.len > NGX_SIO_MAX_NAME)
    {
        return NGX_ERROR;
    }

    if (k->user || user->name.len) {
        ngx_sio_string_replace_locked(z, &k->user, &user->name, 0);
    }

    room = NULL;

    if (user->room.len) {
        room = ngx_sio_room_lookup_locked(z, k->nsp, &user->room);

        if (room && k->user_room == ngx_sio_ref(z, room)) {
            return NGX_OK;
        }
    }

    if (k->user_room) {
        m = ngx_sio_member_locked(z, k, k->user_room);
        if (m) {
            ngx_sio_member_leave_locked(z, k, m);
        }
    }

    if (user->room.len == 0 || ngx_sio_failed(z)) {
        return NGX_OK;
    }

    if (room == NULL) {
        room = ngx_sio_room_create_locked(z, k->nsp, &user->room);
        if (room == NULL) {
            return NGX_OK;
        }
    }

    /* it may have joined before a reload made it a room of users */

    if (ngx_sio_member_locked(z, k, ngx_sio_ref(z, room)) == NULL) {
        ngx_sio_member_join_locked(z, k, room);
    }

    ngx_sio_set(z, &k->user_room, ngx_sio_ref(z, room));

    return ngx_sio_user_limit_locked(z, k, room, user);
}


/* k: stays, NULL: none in particular.  Never the last member goes, so the room
   is there afterwards */

static ngx_int_t
ngx_sio_user_limit_locked(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    ngx_sio_room_sh_t *room, const ngx_sio_user_t *user)
{
    ngx_uint_t            i, n;
    ngx_sio_socket_sh_t  *oldest;

    if (user->max == 0) {
        return NGX_OK;
    }

    for (i = 0; !ngx_sio_failed(z); i++) {

        if (ngx_sio_room_members(room) <= user->max) {
            return NGX_OK;
        }

        oldest = ngx_sio_user_oldest(z, k, room, &n);

        if (n <= user->max || oldest == NULL) {
            return NGX_OK;
        }

        if (i == NGX_SIO_USER_KICKS) {
            return NGX_SIO_USER_THIN;
        }

        /* one that is about to end counts no more */

        if (!ngx_sio_user_dying(z, oldest)) {

            if (!user->kick) {
                return NGX_AGAIN;
            }

            ngx_sio_kick_locked(z, ngx_sio_socket_session(z, oldest), oldest,
                                1);
        }

        ngx_sio_member_leave_locked(z, oldest,
                                    ngx_sio_member_locked(z, oldest,
                                                      oldest->user_room));
    }

    return NGX_OK;
}


/* one that is dying, else the oldest, but not k; n: all there are, k too */

static ngx_sio_socket_sh_t *
ngx_sio_user_oldest(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    ngx_sio_room_sh_t *room, ngx_uint_t *n)
{
    ngx_uint_t            i, dying;
    ngx_sio_ref_t         ref, rref;
    ngx_sio_socket_sh_t  *other, *oldest;
    ngx_sio_member_sh_t  *m;

    rref = ngx_sio_ref(z, room);
    oldest = NULL;
    dying = 0;
    *n = 0;

    for (i = 0; i < 2; i++) {

        ref = i ? room->ws.members : room->polling.members;

        for ( /* void */ ; ref; ref = m->room_next) {
            m = ngx_sio_ptr(z, ref);
            other = ngx_sio_ptr(z, m->socket);

            if (other->user_room != rref) {
                continue;
            }

            (*n)++;

            if (other == k || dying) {
                continue;
            }

            dying = ngx_sio_user_dying(z, other);

            if (dying || oldest == NULL
                || ngx_sio_before(other->gen, oldest->gen))
            {
                oldest = other;
            }
        }
    }

    return oldest;
}


static ngx_uint_t
ngx_sio_user_dying(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k)
{
    ngx_sio_session_sh_t  *s;

    s = ngx_sio_socket_session(z, k);

    return (k->flags & NGX_SIO_USER_DYING)
           || s->state != NGX_SIO_SESSION_OPEN;
}


ngx_int_t
ngx_sio_socket_identify(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    const ngx_sio_user_t *user)
{
    ngx_int_t  rc;

    for ( ;; ) {
        rc = ngx_sio_user_identify_section(z, socket, user);

        if (rc != NGX_SIO_USER_THIN) {
            return rc;
        }

        do {
            rc = ngx_sio_user_thin_section(z, NULL, &socket, user);
        } while (rc == NGX_SIO_USER_THIN);

        if (rc != NGX_OK) {
            return rc;
        }
    }
}


static ngx_int_t
ngx_sio_user_identify_section(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    const ngx_sio_user_t *user)
{
    ngx_int_t             rc;
    ngx_sio_socket_sh_t  *k;

    rc = ngx_sio_reserve(z, NGX_SIO_USER_CHANGES, 0);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_sio_life_reserve(z, NULL, 0, user);

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    k = ngx_sio_socket_connected(z, socket);

    if (k == NULL || ngx_sio_user_dying(z, k)) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    rc = ngx_sio_user_set_locked(z, k, user);

    if (rc != NGX_OK) {
        ngx_sio_undo_section(z);
        return ngx_sio_finish(z, rc);
    }

    ngx_sio_inbox_take_locked(z);

    return ngx_sio_finish(z, NGX_OK);
}


ngx_int_t
ngx_sio_user_thin(ngx_sio_zone_t *z, const ngx_str_t *nsp,
    const ngx_sio_user_t *user)
{
    ngx_int_t  rc;

    do {
        rc = ngx_sio_user_thin_section(z, nsp, NULL, user);
    } while (rc == NGX_SIO_USER_THIN);

    return rc;
}


/* the namespace by its name, or a socket's */

static ngx_int_t
ngx_sio_user_thin_section(ngx_sio_zone_t *z, const ngx_str_t *nsp,
    const ngx_sio_handle_t *socket, const ngx_sio_user_t *user)
{
    ngx_int_t             rc;
    ngx_sio_ref_t         nref;
    ngx_sio_room_sh_t    *room;
    ngx_sio_socket_sh_t  *k;

    rc = ngx_sio_reserve(z, NGX_SIO_USER_CHANGES, 0);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_sio_life_reserve(z, NULL, 0, user);

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    nref = 0;

    if (socket) {
        k = ngx_sio_socket_lookup(z, *socket);

        if (k) {
            nref = k->nsp;
        }

    } else {
        room = ngx_sio_room_lookup_locked(z, 0, nsp);

        if (room) {
            nref = ngx_sio_ref(z, room);
        }
    }

    room = nref ? ngx_sio_room_lookup_locked(z, nref, &user->room) : NULL;

    if (room == NULL) {
        return ngx_sio_finish(z, NGX_OK);
    }

    ngx_sio_inbox_take_locked(z);

    rc = ngx_sio_user_limit_locked(z, NULL, room, user);

    return ngx_sio_finish(z, rc);
}


ngx_int_t
ngx_sio_socket_user(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_pool_t *pool, ngx_str_t *user)
{
    ngx_int_t             rc;
    ngx_sio_socket_sh_t  *k;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    k = ngx_sio_socket_lookup(z, socket);

    rc = (k == NULL) ? NGX_DONE : ngx_sio_blob_copy(z, k->user, pool, user);

    return ngx_sio_finish(z, rc);
}
