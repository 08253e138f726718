
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The checker: sessions, sockets, rooms, acks, nodes and blobs.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_check.h"


/* Blobs: in the first pass their marks are cleared and their chains walked,
   in the second each reference counts up the mark, in the third it must be
   what the blob says. */

static void
ngx_sio_check_blob_pass(ngx_sio_check_t *ck, ngx_sio_ref_t ref,
    ngx_uint_t pass)
{
    uint32_t            cells;
    size_t              cap;
    ngx_sio_ref_t       next;
    ngx_sio_seg_sh_t   *seg;
    ngx_sio_blob_sh_t  *blob;

    if (ref == 0) {
        return;
    }

    if (ngx_sio_class(ck->z, ref) < NGX_SIO_CLASS_DATA) {
        ngx_sio_wrong(ck, "a reference leads to no blob");
        return;
    }

    blob = ngx_sio_ptr(ck->z, ref);

    switch (pass) {

    case 0:
        blob->mark = 0;
        return;

    case 1:
        blob->mark++;

        if (blob->mark > 1) {
            return;
        }

        break;

    default:

        if (blob->refs && blob->mark != blob->refs) {
            ngx_sio_wrong(ck, "a blob miscounts its references");
        }

        if (blob->refs == 0 && blob->mark != 1) {
            ngx_sio_wrong(ck, "a blob without references is used");
        }

        return;
    }

    /* met for the first time */

    ck->blobs++;
    ck->cells++;

    cells = 1;
    cap = ngx_sio_class_size(ngx_sio_class(ck->z, ref))
          - sizeof(ngx_sio_blob_sh_t);

    for (next = blob->seg; next; next = seg->seg) {

        if (!ngx_sio_check_step(ck)
            || ngx_sio_class(ck->z, next) < NGX_SIO_CLASS_DATA)
        {
            ngx_sio_wrong(ck, "a blob's chain leads to no cell");
            return;
        }

        seg = ngx_sio_ptr(ck->z, next);
        cap += ngx_sio_class_size(ngx_sio_class(ck->z, next))
               - sizeof(ngx_sio_seg_sh_t);
        cells++;
    }

    ck->cells += cells - 1;

    if (cells != blob->cells) {
        ngx_sio_wrong(ck, "a blob miscounts its cells");
    }

    if (blob->refs && cap < (size_t) blob->start + blob->len) {
        ngx_sio_wrong(ck, "a blob is shorter than its body");
    }
}


static void
ngx_sio_check_nodes(ngx_sio_check_t *ck, ngx_sio_ref_t ref,
    ngx_sio_ref_t last, ngx_uint_t pass, uint32_t *count, uint32_t *size)
{
    uint32_t            type;
    ngx_sio_ref_t       prev;
    ngx_sio_blob_sh_t  *blob;
    ngx_sio_node_sh_t  *node;

    prev = 0;

    for ( /* void */ ; ref; ref = node->next) {

        if (!ngx_sio_check_step(ck)
            || !ngx_sio_check_is(ck, ref, NGX_SIO_CLASS_LINK))
        {
            ngx_sio_wrong(ck, "a list of nodes leads to something else");
            return;
        }

        node = ngx_sio_ptr(ck->z, ref);
        type = ngx_sio_link_type(node->type);

        if (type == 0 || type >= NGX_SIO_ENTRY_OVERFLOW) {
            ngx_sio_wrong(ck, "a node is of no type");
            return;
        }

        ngx_sio_check_blob_pass(ck, node->blob, pass);

        if (ck->what) {
            return;
        }

        if (node->blob) {
            blob = ngx_sio_ptr(ck->z, node->blob);
            *size += blob->len;
        }

        (*count)++;

        prev = ref;

        if (ref == last) {
            break;
        }
    }

    if (prev != last) {
        ngx_sio_wrong(ck, "a list of nodes has another end");
    }
}


/* all that refers to blobs, and is not a record of its own class */

static void
ngx_sio_check_lists(ngx_sio_check_t *ck, ngx_uint_t pass)
{
    uint32_t            count, size, total;
    ngx_uint_t          i, n;
    ngx_sio_ref_t       ref;
    ngx_sio_root_t     *root;
    ngx_sio_slot_sh_t  *slot;
    ngx_sio_blob_sh_t  *blob;
    ngx_sio_ref_t       lists[3];

    root = ck->z->root;
    total = 0;
    size = 0;

    ngx_sio_check_nodes(ck, root->trash, root->trash_last, pass, &total,
                        &size);

    for (i = 0; i < NGX_SIO_MAX_SLOTS; i++) {
        slot = &root->slots[i];

        count = 0;
        size = 0;

        ngx_sio_check_nodes(ck, slot->inbox, slot->inbox_last, pass, &count,
                            &size);

        if (count != slot->inbox_count || size != slot->inbox_size) {
            ngx_sio_wrong(ck, "an inbox is miscounted");
        }

        total += count;
        size = 0;

        ngx_sio_check_nodes(ck, slot->used, slot->used_last, pass, &total,
                            &size);

        lists[0] = slot->prepared;
        lists[1] = slot->read;
        lists[2] = i ? 0 : root->trash_blobs;

        for (n = 0; n < 3; n++) {
            for (ref = lists[n]; ref; ref = blob->next) {

                if (!ngx_sio_check_step(ck)) {
                    return;
                }

                ngx_sio_check_blob_pass(ck, ref, pass);

                if (ck->what) {
                    return;
                }

                blob = ngx_sio_ptr(ck->z, ref);

                if (blob->refs) {
                    ngx_sio_wrong(ck, "a blob to be freed is referred to");
                }
            }
        }
    }

    if (pass == 1) {
        ck->nodes += total;
    }
}


static void
ngx_sio_check_session(ngx_sio_check_t *ck, ngx_sio_ref_t ref, ngx_uint_t pass)
{
    uint32_t               count, size, info;
    ngx_uint_t             i;
    ngx_sio_ref_t          kref, prev;
    ngx_sio_socket_sh_t   *k;
    ngx_sio_address_sh_t  *a;
    ngx_sio_session_sh_t  *s;

    s = ngx_sio_ptr(ck->z, ref);

    count = 0;
    size = 0;

    ngx_sio_check_nodes(ck, s->queue, s->queue_last, pass, &count, &size);
    ngx_sio_check_blob_pass(ck, s->partial, pass);
    ngx_sio_check_blob_pass(ck, s->info, pass);

    if (pass != 1 || ck->what) {
        return;
    }

    if (count != s->queue_count || size != s->queue_size) {
        ngx_sio_wrong(ck, "a queue is miscounted");
    }

    ck->nodes += count;
    ck->sessions++;

    if (s->flags & NGX_SIO_SESSION_HASHED) {
        ck->hashed++;
    }

    if (!(s->flags & NGX_SIO_SESSION_JOINED)) {
        ck->handshakes++;
    }

    if (s->timer.bucket) {
        ck->timers[NGX_SIO_WHEEL_SESSIONS]++;
    }

    if (s->address) {

        if (!ngx_sio_check_is(ck, s->address, NGX_SIO_CLASS_ADDRESS)) {
            ngx_sio_wrong(ck, "a session's address is something else");
            return;
        }

        a = ngx_sio_ptr(ck->z, s->address);
        a->mark++;
    }

    if (s->gen == 0 || s->state < NGX_SIO_SESSION_OPEN
        || s->state > NGX_SIO_SESSION_ENDED)
    {
        ngx_sio_wrong(ck, "a session is in no state");
    }

    if (s->slot == NGX_SIO_NO_SLOT) {
        ck->polling++;

    } else if (s->slot >= NGX_SIO_MAX_SLOTS || s->queue) {
        ngx_sio_wrong(ck, "a session is at no slot");

    } else {
        ck->slots[s->slot]++;
    }

    for (i = 0; i < NGX_SIO_NROLES; i++) {
        info = s->roles[i].info;

        if (info == 0) {
            continue;
        }

        if (!(info & NGX_SIO_ROLE_HELD) || ngx_sio_role_index(info) != i
            || ngx_sio_role_slot(info) >= NGX_SIO_MAX_SLOTS)
        {
            ngx_sio_wrong(ck, "a role is held by nobody");
            return;
        }

        ck->roles[ngx_sio_role_slot(info)]++;
    }

    count = 0;
    prev = 0;

    for (kref = s->sockets; kref; kref = k->session_next) {

        if (!ngx_sio_check_step(ck)
            || !ngx_sio_check_is(ck, kref, NGX_SIO_CLASS_SOCKET))
        {
            ngx_sio_wrong(ck, "a session's sockets lead to something else");
            return;
        }

        k = ngx_sio_ptr(ck->z, kref);

        if (k->session != ref || k->session_prev != prev) {
            ngx_sio_wrong(ck, "a socket is of another session");
        }

        prev = kref;
        count++;
    }

    if (count != s->sockets_count || prev != s->sockets_last) {
        ngx_sio_wrong(ck, "a session miscounts its sockets");
    }

    ck->sockets += count;
}


static void
ngx_sio_check_socket(ngx_sio_check_t *ck, ngx_sio_ref_t ref, ngx_uint_t pass)
{
    uint32_t               count;
    ngx_sio_ref_t          mref, prev, user_room;
    ngx_sio_ack_sh_t      *ack;
    ngx_sio_token_sh_t    *token;
    ngx_sio_member_sh_t   *m;
    ngx_sio_socket_sh_t   *k;
    ngx_sio_session_sh_t  *s;

    k = ngx_sio_ptr(ck->z, ref);

    ngx_sio_check_blob_pass(ck, k->data, pass);
    ngx_sio_check_blob_pass(ck, k->auth, pass);
    ngx_sio_check_blob_pass(ck, k->user, pass);

    if (pass != 1 || ck->what) {
        return;
    }

    if (!ngx_sio_check_is(ck, k->session, NGX_SIO_CLASS_SESSION)
        || !ngx_sio_check_is(ck, k->nsp, NGX_SIO_CLASS_ROOM))
    {
        ngx_sio_wrong(ck, "a socket has no session or namespace");
        return;
    }

    s = ngx_sio_ptr(ck->z, k->session);

    count = 0;
    prev = 0;
    user_room = 0;

    for (mref = k->members; mref; mref = m->socket_next) {

        if (!ngx_sio_check_step(ck)
            || !ngx_sio_check_is(ck, mref, NGX_SIO_CLASS_LINK))
        {
            ngx_sio_wrong(ck, "memberships lead to something else");
            return;
        }

        m = ngx_sio_ptr(ck->z, mref);

        if (m->type != NGX_SIO_LINK_MEMBER || m->socket != ref
            || m->socket_prev != prev || m->slot != s->slot
            || !ngx_sio_check_is(ck, m->room, NGX_SIO_CLASS_ROOM))
        {
            ngx_sio_wrong(ck, "a membership is not its socket's");
            return;
        }

        if ((prev == 0) != (m->room == k->nsp)) {
            ngx_sio_wrong(ck, "the first membership is not the namespace's");
        }

        if (prev && m->room == k->user_room) {
            user_room = m->room;
        }

        prev = mref;
        count++;
    }

    if (count != k->members_count || prev != k->members_last) {
        ngx_sio_wrong(ck, "a socket miscounts its memberships");
    }

    if (count == 0) {
        ngx_sio_wrong(ck, "a socket is in no namespace");
    }

    if (user_room != k->user_room) {
        ngx_sio_wrong(ck, "a socket is not in its user's room");
    }

    ck->members += count;
    count = 0;
    prev = 0;

    for (mref = k->acks; mref; mref = ack->next) {

        if (!ngx_sio_check_step(ck)
            || !ngx_sio_check_is(ck, mref, NGX_SIO_CLASS_ACK))
        {
            ngx_sio_wrong(ck, "acks lead to something else");
            return;
        }

        ack = ngx_sio_ptr(ck->z, mref);

        if (ack->socket != ref || ack->prev != prev) {
            ngx_sio_wrong(ck, "an ack is of another socket");
        }

        prev = mref;
        count++;
    }

    if (count != k->acks_count || prev != k->acks_last) {
        ngx_sio_wrong(ck, "a socket miscounts its acks");
    }

    ck->acks += count;

    if (k->token) {

        if (!ngx_sio_check_is(ck, k->token, NGX_SIO_CLASS_TOKEN)) {
            ngx_sio_wrong(ck, "a socket's token is something else");
            return;
        }

        token = ngx_sio_ptr(ck->z, k->token);

        if (token->socket != ref) {
            ngx_sio_wrong(ck, "a token is of another socket");
            return;
        }

        ck->tokens++;
    }
}


static void
ngx_sio_check_room(ngx_sio_check_t *ck, ngx_sio_ref_t ref, ngx_uint_t pass)
{
    uint32_t               count, i, slots[NGX_SIO_MAX_SLOTS];
    ngx_uint_t             n;
    ngx_sio_ref_t          mref, prev;
    ngx_sio_room_sh_t     *room;
    ngx_sio_member_sh_t   *m;
    ngx_sio_members_sh_t  *list;

    room = ngx_sio_ptr(ck->z, ref);

    ngx_sio_check_blob_pass(ck, room->name_blob, pass);

    if (pass != 1 || ck->what) {
        return;
    }

    if (room->name_len > (room->name_blob ? NGX_SIO_MAX_NAME
                                          : NGX_SIO_ROOM_INLINE)
        || (room->nsp
            && !ngx_sio_check_is(ck, room->nsp, NGX_SIO_CLASS_ROOM)))
    {
        ngx_sio_wrong(ck, "a room has no name or namespace");
        return;
    }

    if (room->table) {

        if (!ngx_sio_check_is(ck, room->table, NGX_SIO_CLASS_DATA + 4)) {
            ngx_sio_wrong(ck, "a room's table is something else");
            return;
        }

        ck->cells++;
    }

    if (room->nsp) {
        ck->rooms++;

    } else {
        ck->namespaces++;
    }

    ngx_memzero(slots, sizeof(slots));

    for (n = 0; n < 2; n++) {
        list = n ? &room->ws : &room->polling;
        count = 0;
        prev = 0;

        for (mref = list->members; mref; mref = m->room_next) {

            if (!ngx_sio_check_step(ck)
                || !ngx_sio_check_is(ck, mref, NGX_SIO_CLASS_LINK))
            {
                ngx_sio_wrong(ck, "members lead to something else");
                return;
            }

            m = ngx_sio_ptr(ck->z, mref);

            if (m->type != NGX_SIO_LINK_MEMBER || m->room != ref
                || m->room_prev != prev
                || (n == 0) != (m->slot == NGX_SIO_NO_SLOT))
            {
                ngx_sio_wrong(ck, "a membership is not its room's");
                return;
            }

            if (n && m->slot < NGX_SIO_MAX_SLOTS) {
                slots[m->slot]++;
            }

            prev = mref;
            count++;
        }

        if (count != list->count || prev != list->members_last) {
            ngx_sio_wrong(ck, "a room miscounts its members");
        }

        ck->room_members += count;
    }

    if (ngx_sio_room_members(room) == 0) {
        ngx_sio_wrong(ck, "a room is empty");
    }

    for (i = 0; i < NGX_SIO_MAX_SLOTS; i++) {
        if (ngx_sio_room_count(ck->z, room, i) != slots[i]) {
            ngx_sio_wrong(ck, "a room miscounts a worker's members");
        }
    }
}


static void
ngx_sio_check_ack(ngx_sio_check_t *ck, ngx_sio_ref_t ref, ngx_uint_t pass)
{
    ngx_sio_ack_sh_t  *ack;

    ack = ngx_sio_ptr(ck->z, ref);

    ngx_sio_check_blob_pass(ck, ack->name, pass);

    if (pass == 1 && ack->timer.bucket) {
        ck->timers[NGX_SIO_WHEEL_ACKS]++;
    }
}


static void
ngx_sio_check_token(ngx_sio_check_t *ck, ngx_sio_ref_t ref, ngx_uint_t pass)
{
    ngx_sio_token_sh_t  *token;

    token = ngx_sio_ptr(ck->z, ref);

    ngx_sio_check_blob_pass(ck, token->claims, pass);

    if (pass == 1 && token->timer.bucket) {
        ck->timers[NGX_SIO_WHEEL_TOKENS]++;
    }
}


/* a mark as with blobs */

static void
ngx_sio_check_address(ngx_sio_check_t *ck, ngx_sio_ref_t ref, ngx_uint_t pass)
{
    ngx_sio_address_sh_t  *a;

    a = ngx_sio_ptr(ck->z, ref);

    if (pass == 0) {
        a->mark = 0;

    } else if (pass == 2 && (a->count == 0 || a->mark != a->count)) {
        ngx_sio_wrong(ck, "an address miscounts its sessions");
    }
}


#define NGX_SIO_CHECK_PASSES(name)                                            \
                                                                              \
static void                                                                   \
ngx_sio_check_##name##_0(ngx_sio_check_t *ck, ngx_sio_ref_t ref)              \
{                                                                             \
    ngx_sio_check_##name(ck, ref, 0);                                         \
}                                                                             \
                                                                              \
                                                                              \
static void                                                                   \
ngx_sio_check_##name##_1(ngx_sio_check_t *ck, ngx_sio_ref_t ref)              \
{                                                                             \
    ngx_sio_check_##name(ck, ref, 1);                                         \
}                                                                             \
                                                                              \
                                                                              \
static void                                                                   \
ngx_sio_check_##name##_2(ngx_sio_check_t *ck, ngx_sio_ref_t ref)              \
{                                                                             \
    ngx_sio_check_##name(ck, ref, 2);                                         \
}


NGX_SIO_CHECK_PASSES(session)
NGX_SIO_CHECK_PASSES(socket)
NGX_SIO_CHECK_PASSES(room)
NGX_SIO_CHECK_PASSES(ack)
NGX_SIO_CHECK_PASSES(address)
NGX_SIO_CHECK_PASSES(token)


static const ngx_sio_check_pt  ngx_sio_check_handlers[6][3] = {
    { ngx_sio_check_session_0, ngx_sio_check_session_1,
      ngx_sio_check_session_2 },
    { ngx_sio_check_socket_0, ngx_sio_check_socket_1,
      ngx_sio_check_socket_2 },
    { ngx_sio_check_room_0, ngx_sio_check_room_1, ngx_sio_check_room_2 },
    { ngx_sio_check_ack_0, ngx_sio_check_ack_1, ngx_sio_check_ack_2 },
    { ngx_sio_check_address_0, ngx_sio_check_address_1,
      ngx_sio_check_address_2 },
    { ngx_sio_check_token_0, ngx_sio_check_token_1, ngx_sio_check_token_2 }
};

static const ngx_uint_t  ngx_sio_check_classes[6] = {
    NGX_SIO_CLASS_SESSION, NGX_SIO_CLASS_SOCKET, NGX_SIO_CLASS_ROOM,
    NGX_SIO_CLASS_ACK, NGX_SIO_CLASS_ADDRESS, NGX_SIO_CLASS_TOKEN
};


void
ngx_sio_check_pass(ngx_sio_check_t *ck, ngx_uint_t pass)
{
    ngx_uint_t  i;

    for (i = 0; i < 6; i++) {
        ngx_sio_check_records(ck, ngx_sio_check_classes[i],
                              ngx_sio_check_handlers[i][pass]);
    }

    if (ck->what == NULL) {
        ngx_sio_check_lists(ck, pass);
    }
}
