
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Sockets: a session's place in a namespace.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


static ngx_int_t ngx_sio_socket_connect_section(ngx_sio_zone_t *z,
    ngx_sio_handle_t session, const ngx_sio_socket_params_t *params,
    const ngx_sio_body_t *answer, ngx_sio_handle_t *socket);
static ngx_int_t ngx_sio_socket_create_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s, const ngx_sio_socket_params_t *params,
    ngx_sio_ref_t prepared[2], ngx_sio_socket_sh_t **socket);
static void ngx_sio_socket_answer_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s, const ngx_sio_body_t *answer,
    ngx_sio_entry_t *entry);
static ngx_int_t ngx_sio_join_locked(ngx_sio_zone_t *z,
    ngx_sio_socket_sh_t *k, const ngx_str_t *rooms, const ngx_uint_t *max,
    ngx_uint_t n);
static ngx_uint_t ngx_sio_socket_is(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    const ngx_str_t *name);

#define ngx_sio_socket_hash(z, id)                                            \
    ngx_sio_hash(z, NGX_SIO_TABLE_SOCKETS, (const u_char *) (id),             \
                 NGX_SIO_ID_LEN)


/* nsp 0: in any namespace, not by an id with a prefix */

ngx_sio_socket_sh_t *
ngx_sio_socket_by_id_locked(ngx_sio_zone_t *z, ngx_sio_ref_t nsp,
    const ngx_str_t *id)
{
    u_char               *p;
    uint32_t              prefixed;
    ngx_str_t             prefix;
    ngx_sio_ref_t         ref;
    ngx_sio_room_sh_t    *room;
    ngx_sio_socket_sh_t  *k;

    p = id->data;
    prefixed = 0;

    if (id->len != NGX_SIO_ID_LEN) {

        if (nsp == 0 || id->len < NGX_SIO_ID_LEN + 2) {
            return NULL;
        }

        p += id->len - NGX_SIO_ID_LEN;

        if (p[-1] != '#') {
            return NULL;
        }

        prefix.data = id->data;
        prefix.len = p - 1 - id->data;

        room = ngx_sio_room_lookup_locked(z, 0, &prefix);

        if (room == NULL || ngx_sio_ref(z, room) != nsp) {
            return NULL;
        }

        prefixed = NGX_SIO_SOCKET_PREFIXED;
    }

    ref = *ngx_sio_bucket(z, NGX_SIO_TABLE_SOCKETS,
                          ngx_sio_socket_hash(z, p));

    for ( /* void */ ; ref; ref = k->next) {
        k = ngx_sio_ptr(z, ref);

        if ((nsp == 0 || k->nsp == nsp)
            && (k->flags & NGX_SIO_SOCKET_PREFIXED) == prefixed
            && ngx_memcmp(k->id, p, NGX_SIO_ID_LEN) == 0)
        {
            return k;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_sio_socket_is(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    const ngx_str_t *name)
{
    if (k->flags & NGX_SIO_SOCKET_PREFIXED) {
        return ngx_sio_socket_by_id_locked(z, k->nsp, name) == k;
    }

    return name->len == NGX_SIO_ID_LEN
           && ngx_memcmp(k->id, name->data, NGX_SIO_ID_LEN) == 0;
}


ngx_int_t
ngx_sio_socket_connect(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    const ngx_sio_socket_params_t *params, const ngx_sio_body_t *answer,
    ngx_sio_handle_t *socket)
{
    ngx_int_t  rc;

    if (params->data.len > z->root->limits.max_data
        && z->root->limits.max_data)
    {
        return NGX_DECLINED;
    }

    for ( ;; ) {
        rc = ngx_sio_socket_connect_section(z, session, params, answer,
                                            socket);

        if (rc != NGX_SIO_USER_THIN) {
            return rc;
        }

        rc = ngx_sio_user_thin(z, &params->nsp, &params->user);

        if (rc != NGX_OK) {
            return rc;
        }
    }
}


static ngx_int_t
ngx_sio_socket_connect_section(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    const ngx_sio_socket_params_t *params, const ngx_sio_body_t *answer,
    ngx_sio_handle_t *socket)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_sio_ref_t          prepared[2];
    ngx_sio_entry_t        entry;
    ngx_sio_socket_sh_t   *k;
    ngx_sio_session_sh_t  *s;

    rc = ngx_sio_reserve(z, params->nrooms + 1 + NGX_SIO_USER_CHANGES, 0);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_sio_life_reserve(z, params->rooms, params->nrooms, &params->user);

    prepared[1] = 0;

    k = NULL;
    rc = ngx_sio_string_prepare(z, &params->auth, &prepared[0]);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_sio_string_prepare(z, &params->data, &prepared[1]);
    if (rc != NGX_OK) {
        goto discard;
    }

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_lookup(z, session);

    if (s == NULL || s->state != NGX_SIO_SESSION_OPEN) {
        rc = NGX_DONE;
        goto done;
    }

    rc = ngx_sio_socket_create_locked(z, s, params, prepared, &k);

    if (rc != NGX_OK || ngx_sio_failed(z)) {
        goto done;
    }

    socket->ref = ngx_sio_ref(z, k);
    socket->gen = k->gen;

    ngx_sio_socket_answer_locked(z, s, answer, &entry);

    ngx_sio_member_join_locked(z, k, ngx_sio_ptr(z, k->nsp));

    ngx_sio_token_create_locked(z, k, &params->token);

    if (ngx_sio_failed(z)) {
        goto done;
    }

    rc = ngx_sio_user_set_locked(z, k, &params->user);

    if (rc != NGX_OK) {
        ngx_sio_undo_section(z);
        rc = (rc == NGX_ERROR) ? NGX_DECLINED : rc;
        goto done;
    }

    rc = ngx_sio_join_locked(z, k, params->rooms, params->max,
                             params->nrooms);

    if (rc != NGX_OK) {
        ngx_sio_undo_section(z);
        rc = NGX_DECLINED;
        goto done;
    }

    ngx_sio_session_joined_locked(z, s);
    ngx_sio_set(z, &s->connect_at, 0);

    ngx_sio_inbox_take_locked(z);

done:

    rc = ngx_sio_finish(z, rc);

discard:

    if (rc != NGX_OK && rc != NGX_ABORT) {
        for (i = 0; i < 2; i++) {
            if (prepared[i]) {
                ngx_sio_blob_discard(z, prepared[i]);
            }
        }
    }

    return rc;
}


static ngx_int_t
ngx_sio_socket_create_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    const ngx_sio_socket_params_t *params, ngx_sio_ref_t prepared[2],
    ngx_sio_socket_sh_t **socket)
{
    uint32_t             *bucket, max;
    ngx_str_t             id;
    ngx_sio_ref_t         ref, nref;
    ngx_sio_room_sh_t    *nsp;
    ngx_sio_socket_sh_t  *k, *last;

    nsp = ngx_sio_room_lookup_locked(z, 0, &params->nsp);

    if (nsp) {
        nref = ngx_sio_ref(z, nsp);

        for (ref = s->sockets; ref; ref = k->session_next) {
            k = ngx_sio_ptr(z, ref);

            if (k->nsp == nref) {
                return NGX_ERROR;
            }
        }
    }

    max = z->root->limits.max_namespaces;

    if ((max && s->sockets_count >= max)
        || params->nsp.len > NGX_SIO_MAX_NAME)
    {
        return NGX_DECLINED;
    }

    id.len = NGX_SIO_ID_LEN;
    id.data = (u_char *) params->id;

    if (!params->prefixed && ngx_sio_socket_by_id_locked(z, 0, &id)) {
        return NGX_ERROR;
    }

    if (nsp == NULL) {
        nsp = ngx_sio_room_create_locked(z, 0, &params->nsp);
        if (nsp == NULL) {
            return NGX_OK;
        }
    }

    ref = ngx_sio_alloc(z, NGX_SIO_CLASS_SOCKET);
    if (ref == 0) {
        return NGX_OK;
    }

    k = ngx_sio_ptr(z, ref);

    ngx_memzero(k, ngx_sio_class_size(NGX_SIO_CLASS_SOCKET));

    bucket = ngx_sio_bucket(z, NGX_SIO_TABLE_SOCKETS,
                            ngx_sio_socket_hash(z, params->id));

    k->gen = ngx_sio_next_gen(z);
    k->next = *bucket;
    k->session = ngx_sio_ref(z, s);
    k->nsp = ngx_sio_ref(z, nsp);
    k->session_prev = s->sockets_last;
    k->flags = params->prefixed ? NGX_SIO_SOCKET_PREFIXED : 0;

    ngx_memcpy(k->id, params->id, NGX_SIO_ID_LEN);

    k->auth = ngx_sio_string_publish_locked(z, &params->auth, prepared[0]);
    k->data = ngx_sio_string_publish_locked(z, &params->data, prepared[1]);

    ngx_sio_set(z, bucket, ref);

    if (s->sockets_last) {
        last = ngx_sio_ptr(z, s->sockets_last);
        ngx_sio_set(z, &last->session_next, ref);

    } else {
        ngx_sio_set(z, &s->sockets, ref);
    }

    ngx_sio_set(z, &s->sockets_last, ref);
    ngx_sio_add(z, &s->sockets_count, 1);
    ngx_sio_add(z, &z->root->counts.sockets, 1);

    *socket = k;

    return NGX_OK;
}


static void
ngx_sio_socket_answer_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    const ngx_sio_body_t *answer, ngx_sio_entry_t *entry)
{
    ngx_sio_ref_t       blob, node;
    ngx_sio_node_sh_t  *n;

    if (answer == NULL || answer->len == 0) {
        return;
    }

    if (!ngx_sio_session_polling(s) && s->slot == z->slot) {
        ngx_memzero(entry, sizeof(ngx_sio_entry_t));

        entry->type = NGX_SIO_ENTRY_SEND;
        entry->body = *answer;
        ngx_sio_session_handle(z, s, &entry->session);

        ngx_sio_private(z)->own = entry;
        return;
    }

    blob = ngx_sio_blob_create_locked(z, 0, answer);
    if (blob == 0) {
        return;
    }

    if (ngx_sio_session_polling(s)) {
        ngx_sio_queue_locked(z, s, NGX_SIO_ENTRY_MESSAGE, 0, blob);

    } else {
        node = ngx_sio_node_create_locked(z, NGX_SIO_ENTRY_SEND, 0, blob);
        if (node == 0) {
            return;
        }

        n = ngx_sio_ptr(z, node);
        n->ref = ngx_sio_ref(z, s);
        n->gen = s->gen;

        ngx_sio_inbox_push_locked(z, s->slot, node);
    }

    ngx_sio_blob_release_locked(z, blob);
}


/* NGX_OK, also when the memory ran out; NGX_DECLINED, NGX_ERROR: see
   ngx_sio_join(), some may be done */

static ngx_int_t
ngx_sio_join_locked(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    const ngx_str_t *rooms, const ngx_uint_t *max, ngx_uint_t n)
{
    ngx_uint_t            i;
    ngx_sio_room_sh_t    *room;
    ngx_sio_limits_sh_t  *limits;

    limits = &z->root->limits;

    for (i = 0; i < n && !ngx_sio_failed(z); i++) {

        if (ngx_sio_socket_is(z, k, &rooms[i])) {
            continue;
        }

        if (rooms[i].len > NGX_SIO_MAX_NAME
            || (limits->max_room_name
                && rooms[i].len > limits->max_room_name))
        {
            return NGX_ERROR;
        }

        room = ngx_sio_room_lookup_locked(z, k->nsp, &rooms[i]);

        if (room) {

            if (ngx_sio_member_locked(z, k, ngx_sio_ref(z, room))) {
                continue;
            }

            if (max && max[i] && ngx_sio_room_members(room) >= max[i]) {
                return NGX_DECLINED;
            }
        }

        /* the first membership is the namespace's; its user's is not asked
           for */

        if (limits->max_rooms
            && k->members_count > limits->max_rooms + (k->user_room != 0))
        {
            return NGX_ERROR;
        }

        if (room == NULL) {
            room = ngx_sio_room_create_locked(z, k->nsp, &rooms[i]);
            if (room == NULL) {
                return NGX_OK;
            }
        }

        ngx_sio_member_join_locked(z, k, room);
    }

    return NGX_OK;
}


/* a socket that is there, and connected; NULL: neither */

ngx_sio_socket_sh_t *
ngx_sio_socket_connected(ngx_sio_zone_t *z, ngx_sio_handle_t socket)
{
    ngx_sio_socket_sh_t   *k;
    ngx_sio_session_sh_t  *s;

    k = ngx_sio_socket_lookup(z, socket);

    if (k == NULL || (k->flags & NGX_SIO_SOCKET_REMOVED)) {
        return NULL;
    }

    s = ngx_sio_socket_session(z, k);

    return (s->state == NGX_SIO_SESSION_OPEN) ? k : NULL;
}


ngx_int_t
ngx_sio_join_counted(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    const ngx_str_t *rooms, const ngx_uint_t *max, ngx_uint_t n,
    ngx_uint_t *sizes)
{
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_sio_socket_sh_t  *k;

    rc = ngx_sio_reserve(z, n, 0);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_sio_life_reserve(z, rooms, n, NULL);

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    k = ngx_sio_socket_connected(z, socket);

    if (k == NULL) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    rc = ngx_sio_join_locked(z, k, rooms, max, n);

    if (rc != NGX_OK) {
        ngx_sio_undo_section(z);
        return ngx_sio_finish(z, rc);
    }

    for (i = 0; sizes && !ngx_sio_failed(z) && i < n; i++) {
        sizes[i] = ngx_sio_room_size_locked(z, k->nsp, &rooms[i]);
    }

    ngx_sio_inbox_take_locked(z);

    return ngx_sio_finish(z, NGX_OK);
}


ngx_int_t
ngx_sio_leave(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    const ngx_str_t *rooms, ngx_uint_t n)
{
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_sio_room_sh_t    *room;
    ngx_sio_socket_sh_t  *k;
    ngx_sio_member_sh_t  *m;

    rc = ngx_sio_reserve(z, n, 0);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_sio_life_reserve(z, rooms, n, NULL);

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    k = ngx_sio_socket_connected(z, socket);

    if (k == NULL) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    ngx_sio_inbox_take_locked(z);

    for (i = 0; i < n && !ngx_sio_failed(z); i++) {

        room = ngx_sio_room_lookup_locked(z, k->nsp, &rooms[i]);
        if (room == NULL) {
            continue;
        }

        m = ngx_sio_member_locked(z, k, ngx_sio_ref(z, room));
        if (m && m->room != k->user_room) {
            ngx_sio_member_leave_locked(z, k, m);
        }
    }

    return ngx_sio_finish(z, NGX_OK);
}


ngx_int_t
ngx_sio_member(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    const ngx_str_t *name)
{
    ngx_int_t             rc;
    ngx_sio_room_sh_t    *room;
    ngx_sio_socket_sh_t  *k;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    k = ngx_sio_socket_lookup(z, socket);

    if (k == NULL) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    rc = NGX_DECLINED;

    if (ngx_sio_socket_is(z, k, name)) {
        rc = NGX_OK;

    } else {
        room = ngx_sio_room_lookup_locked(z, k->nsp, name);

        if (room && ngx_sio_member_locked(z, k, ngx_sio_ref(z, room))) {
            rc = NGX_OK;
        }
    }

    return ngx_sio_finish(z, rc);
}


ngx_int_t
ngx_sio_socket_rooms(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_pool_t *pool, ngx_str_t **rooms, ngx_uint_t *n)
{
    u_char               *p;
    ngx_int_t             rc;
    ngx_str_t            *name;
    ngx_sio_ref_t         ref;
    ngx_sio_room_sh_t    *room;
    ngx_sio_socket_sh_t  *k;
    ngx_sio_member_sh_t  *m;

    *n = 0;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    k = ngx_sio_socket_lookup(z, socket);

    if (k == NULL) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    room = ngx_sio_ptr(z, k->nsp);

    name = ngx_palloc(pool, (k->members_count + 1) * sizeof(ngx_str_t));
    p = ngx_pnalloc(pool, room->name_len + 1 + NGX_SIO_ID_LEN);

    if (name == NULL || p == NULL) {
        return ngx_sio_finish(z, NGX_ERROR);
    }

    *rooms = name;

    name->data = p;

    if (k->flags & NGX_SIO_SOCKET_PREFIXED) {
        ngx_sio_room_name(z, room, p);
        p += room->name_len;
        *p++ = '#';
    }

    p = ngx_cpymem(p, k->id, NGX_SIO_ID_LEN);
    name->len = p - name->data;
    name++;

    for (ref = k->members; ref; ref = m->socket_next) {
        m = ngx_sio_ptr(z, ref);

        if (m->room == k->nsp) {
            continue;
        }

        room = ngx_sio_ptr(z, m->room);

        name->len = room->name_len;
        name->data = ngx_pnalloc(pool, name->len + 1);

        if (name->data == NULL) {
            return ngx_sio_finish(z, NGX_ERROR);
        }

        ngx_sio_room_name(z, room, name->data);
        name++;
    }

    *n = name - *rooms;

    return ngx_sio_finish(z, NGX_OK);
}


/* from the last membership to the first, which is the namespace's: rooms
   refer to that one */

ngx_int_t
ngx_sio_socket_remove_locked(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    ngx_uint_t max)
{
    uint32_t              *p;
    ngx_sio_ref_t          ref;
    ngx_sio_socket_sh_t   *other;
    ngx_sio_session_sh_t  *s;

    ngx_sio_set(z, &k->flags, k->flags | NGX_SIO_SOCKET_REMOVED);

    while (k->members && max-- && !ngx_sio_failed(z)
           && !ngx_sio_life_full(z))
    {
        ngx_sio_member_leave_locked(z, k, ngx_sio_ptr(z, k->members_last));
    }

    if (k->members || ngx_sio_failed(z)) {
        return NGX_AGAIN;
    }

    while (k->acks && !ngx_sio_failed(z)) {
        ngx_sio_ack_free_locked(z, ngx_sio_ptr(z, k->acks));
    }

    if (k->data) {
        ngx_sio_blob_release_locked(z, k->data);
    }

    if (k->auth) {
        ngx_sio_blob_release_locked(z, k->auth);
    }

    if (k->user) {
        ngx_sio_blob_release_locked(z, k->user);
    }

    ngx_sio_token_free_locked(z, k);

    ref = ngx_sio_ref(z, k);
    s = ngx_sio_socket_session(z, k);

    p = ngx_sio_bucket(z, NGX_SIO_TABLE_SOCKETS,
                       ngx_sio_socket_hash(z, k->id));

    while (*p && *p != ref) {
        other = ngx_sio_ptr(z, *p);
        p = &other->next;
    }

    if (*p) {
        ngx_sio_set(z, p, k->next);
    }

    if (k->session_prev) {
        other = ngx_sio_ptr(z, k->session_prev);
        ngx_sio_set(z, &other->session_next, k->session_next);

    } else {
        ngx_sio_set(z, &s->sockets, k->session_next);
    }

    if (k->session_next) {
        other = ngx_sio_ptr(z, k->session_next);
        ngx_sio_set(z, &other->session_prev, k->session_prev);

    } else {
        ngx_sio_set(z, &s->sockets_last, k->session_prev);
    }

    ngx_sio_add(z, &s->sockets_count, -1);
    ngx_sio_add(z, &z->root->counts.sockets, -1);

    ngx_sio_free(z, ref);

    return NGX_OK;
}


ngx_int_t
ngx_sio_socket_remove(ngx_sio_zone_t *z, ngx_sio_handle_t socket)
{
    ngx_int_t             rc;
    ngx_sio_socket_sh_t  *k;

    do {
        rc = ngx_sio_reserve(z, NGX_SIO_REMOVE_MAX, 0);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_sio_life_reserve_any(z);

        rc = ngx_sio_begin(z);
        if (rc != NGX_OK) {
            return rc;
        }

        k = ngx_sio_socket_lookup(z, socket);

        if (k == NULL) {
            return ngx_sio_finish(z, NGX_DONE);
        }

        ngx_sio_inbox_take_locked(z);

        rc = ngx_sio_socket_remove_locked(z, k, NGX_SIO_REMOVE_MAX);

        rc = ngx_sio_finish(z, rc);

    } while (rc == NGX_AGAIN);

    return rc;
}
