
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Rooms, namespaces (rooms of their own kind), memberships.
 *
 * Polling members and those with a WebSocket are in two lists, each in the
 * order of joining: an emit walks the first one only, for the other it needs
 * the workers and their counts.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


#define NGX_SIO_ROOM_TABLE    512     /* bytes: a count for each slot */

#define ngx_sio_pair_slot(pair)    ((pair) >> 24)
#define ngx_sio_pair_count(pair)   ((pair) & 0xffffff)


static ngx_uint_t ngx_sio_room_named(ngx_sio_zone_t *z,
    ngx_sio_room_sh_t *room, const ngx_str_t *name);
static void ngx_sio_room_adjust_locked(ngx_sio_zone_t *z,
    ngx_sio_room_sh_t *room, ngx_uint_t slot, ngx_int_t n);
static void ngx_sio_member_link_locked(ngx_sio_zone_t *z,
    ngx_sio_member_sh_t *m, ngx_uint_t slot);
static void ngx_sio_member_unlink_locked(ngx_sio_zone_t *z,
    ngx_sio_member_sh_t *m);


ngx_sio_room_sh_t *
ngx_sio_room_lookup_locked(ngx_sio_zone_t *z, ngx_sio_ref_t nsp,
    const ngx_str_t *name)
{
    uint32_t            hash;
    ngx_sio_ref_t       ref;
    ngx_sio_room_sh_t  *room;

    hash = ngx_sio_hash(z, nsp, name->data, name->len);

    ref = *ngx_sio_bucket(z, NGX_SIO_TABLE_ROOMS, hash);

    for ( /* void */ ; ref; ref = room->next) {
        room = ngx_sio_ptr(z, ref);

        if (room->hash != hash || room->nsp != nsp
            || room->name_len != name->len)
        {
            continue;
        }

        if (ngx_sio_room_named(z, room, name)) {
            return room;
        }
    }

    return NULL;
}


/* the lengths are equal */

static ngx_uint_t
ngx_sio_room_named(ngx_sio_zone_t *z, ngx_sio_room_sh_t *room,
    const ngx_str_t *name)
{
    size_t  off, n;
    u_char  buf[256];

    if (room->name_blob == 0) {
        return ngx_memcmp(room->name, name->data, name->len) == 0;
    }

    for (off = 0; off < name->len; off += n) {

        n = ngx_min(name->len - off, sizeof(buf));

        ngx_sio_blob_read(z, room->name_blob, off, buf, n);

        if (ngx_memcmp(buf, name->data + off, n) != 0) {
            return 0;
        }
    }

    return 1;
}


/* copies room->name_len bytes */

void
ngx_sio_room_name(ngx_sio_zone_t *z, ngx_sio_room_sh_t *room, u_char *dst)
{
    if (room->name_blob) {
        ngx_sio_blob_read(z, room->name_blob, 0, dst, room->name_len);

    } else {
        ngx_memcpy(dst, room->name, room->name_len);
    }
}


/* it must get a member in the same section; NULL: no memory */

ngx_sio_room_sh_t *
ngx_sio_room_create_locked(ngx_sio_zone_t *z, ngx_sio_ref_t nsp,
    const ngx_str_t *name)
{
    uint32_t           *bucket, blob;
    ngx_sio_ref_t       ref;
    ngx_sio_room_sh_t  *room;

    if (name->len > NGX_SIO_MAX_NAME) {
        ngx_sio_private(z)->failed = 1;
        return NULL;
    }

    blob = 0;

    if (name->len > NGX_SIO_ROOM_INLINE) {
        blob = ngx_sio_blob_string_locked(z, name);
        if (blob == 0) {
            return NULL;
        }
    }

    ref = ngx_sio_alloc(z, NGX_SIO_CLASS_ROOM);
    if (ref == 0) {
        return NULL;
    }

    room = ngx_sio_ptr(z, ref);

    ngx_memzero(room, sizeof(ngx_sio_room_sh_t));

    room->hash = ngx_sio_hash(z, nsp, name->data, name->len);

    bucket = ngx_sio_bucket(z, NGX_SIO_TABLE_ROOMS, room->hash);

    room->gen = ngx_sio_next_gen(z);
    room->next = *bucket;
    room->nsp = nsp;
    room->name_blob = blob;
    room->name_len = name->len;

    if (blob == 0) {
        ngx_memcpy(room->name, name->data, name->len);
    }

    ngx_sio_set(z, bucket, ref);

    if (nsp) {
        ngx_sio_add(z, &z->root->counts.rooms, 1);

    } else {
        ngx_sio_add(z, &z->root->counts.namespaces, 1);
    }

    return room;
}


/* a room without members is gone */

void
ngx_sio_room_settle_locked(ngx_sio_zone_t *z, ngx_sio_room_sh_t *room)
{
    uint32_t           *p;
    ngx_sio_ref_t       ref;
    ngx_sio_room_sh_t  *other;

    if (ngx_sio_room_members(room)) {
        return;
    }

    ref = ngx_sio_ref(z, room);
    p = ngx_sio_bucket(z, NGX_SIO_TABLE_ROOMS, room->hash);

    while (*p && *p != ref) {
        other = ngx_sio_ptr(z, *p);
        p = &other->next;
    }

    if (*p) {
        ngx_sio_set(z, p, room->next);
    }

    if (room->name_blob) {
        ngx_sio_blob_release_locked(z, room->name_blob);
    }

    if (room->table) {
        ngx_sio_free(z, room->table);
    }

    if (room->nsp) {
        ngx_sio_add(z, &z->root->counts.rooms, -1);

    } else {
        ngx_sio_add(z, &z->root->counts.namespaces, -1);
    }

    ngx_sio_free(z, ref);
}


/* its WebSocket members at a slot */

ngx_uint_t
ngx_sio_room_count(ngx_sio_zone_t *z, ngx_sio_room_sh_t *room,
    ngx_uint_t slot)
{
    uint32_t    *table;
    ngx_uint_t   i;

    if (slot >= NGX_SIO_MAX_SLOTS) {
        return 0;
    }

    if (room->table) {
        table = ngx_sio_ptr(z, room->table);
        return table[slot];
    }

    for (i = 0; i < NGX_SIO_ROOM_PAIRS; i++) {
        if (room->pairs[i] && ngx_sio_pair_slot(room->pairs[i]) == slot) {
            return ngx_sio_pair_count(room->pairs[i]);
        }
    }

    return 0;
}


/* sets a bit for each slot with WebSocket members */

void
ngx_sio_room_slots(ngx_sio_zone_t *z, ngx_sio_room_sh_t *room, uint32_t *mask)
{
    uint32_t    *table;
    ngx_uint_t   i, slot;

    if (room->ws.count == 0) {
        return;
    }

    if (room->table) {
        table = ngx_sio_ptr(z, room->table);

        for (i = 0; i < NGX_SIO_MAX_SLOTS; i++) {
            if (table[i]) {
                mask[i / 32] |= (uint32_t) 1 << (i % 32);
            }
        }

        return;
    }

    for (i = 0; i < NGX_SIO_ROOM_PAIRS; i++) {
        if (room->pairs[i]) {
            slot = ngx_sio_pair_slot(room->pairs[i]);
            mask[slot / 32] |= (uint32_t) 1 << (slot % 32);
        }
    }
}


static void
ngx_sio_room_adjust_locked(ngx_sio_zone_t *z, ngx_sio_room_sh_t *room,
    ngx_uint_t slot, ngx_int_t n)
{
    uint32_t       *table, *p, pair, count;
    ngx_uint_t      i;
    ngx_sio_ref_t   ref;

    if (room->table) {
        table = ngx_sio_ptr(z, room->table);
        ngx_sio_add(z, &table[slot], n);
        return;
    }

    p = NULL;

    for (i = 0; i < NGX_SIO_ROOM_PAIRS; i++) {
        pair = room->pairs[i];

        if (pair == 0) {
            p = &room->pairs[i];
            continue;
        }

        if (ngx_sio_pair_slot(pair) == slot) {
            count = ngx_sio_pair_count(pair) + (uint32_t) n;

            ngx_sio_set(z, &room->pairs[i],
                        count ? (uint32_t) slot << 24 | count : 0);
            return;
        }
    }

    if (n < 0) {
        return;
    }

    if (p) {
        ngx_sio_set(z, p, (uint32_t) slot << 24 | (uint32_t) n);
        return;
    }

    ref = ngx_sio_alloc(z, NGX_SIO_CLASS_DATA + 4);
    if (ref == 0) {
        return;
    }

    table = ngx_sio_ptr(z, ref);

    ngx_memzero(table, NGX_SIO_ROOM_TABLE);

    for (i = 0; i < NGX_SIO_ROOM_PAIRS; i++) {
        pair = room->pairs[i];
        table[ngx_sio_pair_slot(pair)] = ngx_sio_pair_count(pair);
        ngx_sio_set(z, &room->pairs[i], 0);
    }

    table[slot] = (uint32_t) n;

    ngx_sio_set(z, &room->table, ref);
}


/* the membership of a socket in a room; NULL: it is not a member */

ngx_sio_member_sh_t *
ngx_sio_member_locked(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    ngx_sio_ref_t room)
{
    ngx_sio_ref_t         ref;
    ngx_sio_member_sh_t  *m;

    for (ref = k->members; ref; ref = m->socket_next) {
        m = ngx_sio_ptr(z, ref);

        if (m->room == room) {
            return m;
        }
    }

    return NULL;
}


static void
ngx_sio_member_link_locked(ngx_sio_zone_t *z, ngx_sio_member_sh_t *m,
    ngx_uint_t slot)
{
    ngx_sio_ref_t          ref;
    ngx_sio_room_sh_t     *room;
    ngx_sio_member_sh_t   *last;
    ngx_sio_members_sh_t  *list;

    room = ngx_sio_ptr(z, m->room);
    ref = ngx_sio_ref(z, m);
    list = (slot == NGX_SIO_NO_SLOT) ? &room->polling : &room->ws;

    ngx_sio_set(z, &m->slot, slot);
    ngx_sio_set(z, &m->room_next, 0);
    ngx_sio_set(z, &m->room_prev, list->members_last);

    if (list->members_last) {
        last = ngx_sio_ptr(z, list->members_last);
        ngx_sio_set(z, &last->room_next, ref);

    } else {
        ngx_sio_set(z, &list->members, ref);
    }

    ngx_sio_set(z, &list->members_last, ref);
    ngx_sio_add(z, &list->count, 1);

    if (slot != NGX_SIO_NO_SLOT) {
        ngx_sio_room_adjust_locked(z, room, slot, 1);
    }
}


static void
ngx_sio_member_unlink_locked(ngx_sio_zone_t *z, ngx_sio_member_sh_t *m)
{
    ngx_sio_room_sh_t     *room;
    ngx_sio_member_sh_t   *other;
    ngx_sio_members_sh_t  *list;

    room = ngx_sio_ptr(z, m->room);
    list = (m->slot == NGX_SIO_NO_SLOT) ? &room->polling : &room->ws;

    if (m->room_prev) {
        other = ngx_sio_ptr(z, m->room_prev);
        ngx_sio_set(z, &other->room_next, m->room_next);

    } else {
        ngx_sio_set(z, &list->members, m->room_next);
    }

    if (m->room_next) {
        other = ngx_sio_ptr(z, m->room_next);
        ngx_sio_set(z, &other->room_prev, m->room_prev);

    } else {
        ngx_sio_set(z, &list->members_last, m->room_prev);
    }

    ngx_sio_add(z, &list->count, -1);

    if (m->slot != NGX_SIO_NO_SLOT) {
        ngx_sio_room_adjust_locked(z, room, m->slot, -1);
    }
}


/* the session's transport changed */

void
ngx_sio_member_move_locked(ngx_sio_zone_t *z, ngx_sio_member_sh_t *m,
    ngx_uint_t slot)
{
    ngx_sio_member_unlink_locked(z, m);
    ngx_sio_member_link_locked(z, m, slot);
}


/* tells the worker that has the socket's WebSocket; "own" changes are applied
   after the section */

void
ngx_sio_change_own(ngx_sio_zone_t *z, ngx_uint_t type,
    ngx_sio_socket_sh_t *k, ngx_sio_ref_t room)
{
    ngx_sio_change_t      *change;
    ngx_sio_private_t     *p;
    ngx_sio_session_sh_t  *s;

    p = ngx_sio_private(z);

    if (p->nchanges == p->max_changes) {
        p->failed = 1;
        return;
    }

    change = &p->changes[p->nchanges++];

    s = ngx_sio_socket_session(z, k);

    change->type = type;
    ngx_sio_session_handle(z, s, &change->session);
    change->socket.ref = ngx_sio_ref(z, k);
    change->socket.gen = k->gen;
    change->room = room;
}


void
ngx_sio_member_join_locked(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    ngx_sio_room_sh_t *room)
{
    ngx_uint_t             slot;
    ngx_sio_ref_t          ref, node;
    ngx_sio_node_sh_t     *n;
    ngx_sio_member_sh_t   *m, *last;
    ngx_sio_session_sh_t  *s;

    s = ngx_sio_socket_session(z, k);
    slot = s->slot;

    ngx_sio_life_note(z, ngx_sio_room_members(room)
                         ? NGX_SIO_LIFE_JOINED
                         : NGX_SIO_LIFE_CREATED|NGX_SIO_LIFE_JOINED,
                      k, room);

    ref = ngx_sio_alloc(z, NGX_SIO_CLASS_LINK);
    if (ref == 0) {
        return;
    }

    m = ngx_sio_ptr(z, ref);

    ngx_memzero(m, sizeof(ngx_sio_member_sh_t));

    m->type = NGX_SIO_LINK_MEMBER;
    m->socket = ngx_sio_ref(z, k);
    m->room = ngx_sio_ref(z, room);
    m->socket_prev = k->members_last;

    if (k->members_last) {
        last = ngx_sio_ptr(z, k->members_last);
        ngx_sio_set(z, &last->socket_next, ref);

    } else {
        ngx_sio_set(z, &k->members, ref);
    }

    ngx_sio_set(z, &k->members_last, ref);
    ngx_sio_add(z, &k->members_count, 1);
    ngx_sio_add(z, &z->root->counts.memberships, 1);

    ngx_sio_member_link_locked(z, m, slot);

    if (slot == NGX_SIO_NO_SLOT) {
        return;
    }

    if (slot == z->slot) {
        ngx_sio_change_own(z, NGX_SIO_ENTRY_ADD, k, m->room);

    } else if (ngx_sio_slot_live(z, slot)) {

        node = ngx_sio_node_create_locked(z, NGX_SIO_ENTRY_ADD, 0, 0);
        if (node == 0) {
            return;
        }

        n = ngx_sio_ptr(z, node);
        n->ref = m->socket;
        n->gen = k->gen;
        n->room = m->room;
        n->session = k->session;
        n->session_gen = s->gen;

        ngx_sio_inbox_push_locked(z, slot, node);
    }
}


/* needs no memory: the record becomes the node that tells the other worker */

void
ngx_sio_member_leave_locked(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    ngx_sio_member_sh_t *m)
{
    uint32_t              slot;
    ngx_sio_ref_t         ref, room;
    ngx_sio_room_sh_t    *r;
    ngx_sio_node_sh_t    *n;
    ngx_sio_member_sh_t  *other;

    slot = m->slot;
    room = m->room;
    ref = ngx_sio_ref(z, m);

    ngx_sio_member_unlink_locked(z, m);

    r = ngx_sio_ptr(z, room);

    ngx_sio_life_note(z, ngx_sio_room_members(r)
                         ? NGX_SIO_LIFE_LEFT
                         : NGX_SIO_LIFE_LEFT|NGX_SIO_LIFE_DELETED,
                      k, r);

    if (m->socket_prev) {
        other = ngx_sio_ptr(z, m->socket_prev);
        ngx_sio_set(z, &other->socket_next, m->socket_next);

    } else {
        ngx_sio_set(z, &k->members, m->socket_next);
    }

    if (m->socket_next) {
        other = ngx_sio_ptr(z, m->socket_next);
        ngx_sio_set(z, &other->socket_prev, m->socket_prev);

    } else {
        ngx_sio_set(z, &k->members_last, m->socket_prev);
    }

    if (room == k->user_room) {
        ngx_sio_set(z, &k->user_room, 0);
    }

    ngx_sio_add(z, &k->members_count, -1);
    ngx_sio_add(z, &z->root->counts.memberships, -1);

    if (slot != z->slot && ngx_sio_slot_live(z, slot)) {
        n = ngx_sio_ptr(z, ref);

        ngx_sio_set(z, &n->type, NGX_SIO_ENTRY_REMOVE);
        ngx_sio_set(z, &n->next, 0);
        ngx_sio_set(z, &n->blob, 0);
        ngx_sio_set(z, &n->ref, ngx_sio_ref(z, k));
        ngx_sio_set(z, &n->gen, k->gen);
        ngx_sio_set(z, &n->room, room);

        ngx_sio_add(z, &z->root->counts.nodes, 1);

        ngx_sio_inbox_push_locked(z, slot, ref);

    } else {

        if (slot == z->slot && slot != NGX_SIO_NO_SLOT) {
            ngx_sio_change_own(z, NGX_SIO_ENTRY_REMOVE, k, room);
        }

        ngx_sio_free(z, ref);
    }

    ngx_sio_room_settle_locked(z, r);
}


/* each socket is in the room of its id's name */

ngx_uint_t
ngx_sio_room_size_locked(ngx_sio_zone_t *z, ngx_sio_ref_t nsp,
    const ngx_str_t *name)
{
    ngx_uint_t          n;
    ngx_sio_room_sh_t  *room;

    n = ngx_sio_socket_by_id_locked(z, nsp, name) ? 1 : 0;

    room = ngx_sio_room_lookup_locked(z, nsp, name);

    return room ? n + ngx_sio_room_members(room) : n;
}


ngx_int_t
ngx_sio_room_size(ngx_sio_zone_t *z, const ngx_str_t *nsp,
    const ngx_str_t *room, ngx_uint_t *size)
{
    ngx_int_t           rc;
    ngx_sio_room_sh_t  *n;

    *size = 0;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    n = ngx_sio_room_lookup_locked(z, 0, nsp);

    if (n == NULL) {
        return ngx_sio_finish(z, NGX_OK);
    }

    *size = room ? ngx_sio_room_size_locked(z, ngx_sio_ref(z, n), room)
                 : ngx_sio_room_members(n);

    return ngx_sio_finish(z, NGX_OK);
}
