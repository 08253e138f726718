
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Nodes: the entries of inboxes and of polling sessions' queues.  A list is
 * taken by moving it, whole, behind the list of used nodes of the slot that
 * takes it; its nodes are read without the lock, and freed, some in each of
 * this worker's next sections, or when it dies.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


static void ngx_sio_nodes_append(ngx_sio_zone_t *z, uint32_t *head,
    uint32_t *tail, ngx_sio_ref_t first, ngx_sio_ref_t last);


ngx_sio_ref_t
ngx_sio_node_create_locked(ngx_sio_zone_t *z, ngx_uint_t type,
    ngx_uint_t flags, ngx_sio_ref_t blob)
{
    ngx_sio_ref_t       ref;
    ngx_sio_node_sh_t  *node;

    ref = ngx_sio_alloc(z, NGX_SIO_CLASS_LINK);
    if (ref == 0) {
        return 0;
    }

    node = ngx_sio_ptr(z, ref);

    ngx_memzero(node, sizeof(ngx_sio_node_sh_t));

    node->type = (uint32_t) (type | flags << 8);
    node->blob = blob;

    if (blob) {
        ngx_sio_blob_retain_locked(z, blob);
    }

    ngx_sio_add(z, &z->root->counts.nodes, 1);

    return ref;
}


void
ngx_sio_node_free_locked(ngx_sio_zone_t *z, ngx_sio_ref_t ref)
{
    ngx_sio_node_sh_t  *node;

    node = ngx_sio_ptr(z, ref);

    if (node->blob) {
        ngx_sio_blob_release_locked(z, node->blob);
    }

    ngx_sio_add(z, &z->root->counts.nodes, -1);
    ngx_sio_free(z, ref);
}


void
ngx_sio_nodes_trash_locked(ngx_sio_zone_t *z, ngx_sio_ref_t first,
    ngx_sio_ref_t last)
{
    ngx_sio_nodes_append(z, &z->root->trash, &z->root->trash_last, first,
                         last);
}


void
ngx_sio_nodes_used_locked(ngx_sio_zone_t *z, ngx_sio_ref_t first,
    ngx_sio_ref_t last)
{
    ngx_sio_slot_sh_t  *slot;

    if (z->slot == NGX_SIO_NO_SLOT) {
        ngx_sio_nodes_trash_locked(z, first, last);
        return;
    }

    slot = ngx_sio_slot(z, z->slot);

    ngx_sio_nodes_append(z, &slot->used, &slot->used_last, first, last);
}


static void
ngx_sio_nodes_append(ngx_sio_zone_t *z, uint32_t *head, uint32_t *tail,
    ngx_sio_ref_t first, ngx_sio_ref_t last)
{
    ngx_sio_node_sh_t  *node;

    if (first == 0) {
        return;
    }

    if (*tail) {
        node = ngx_sio_ptr(z, *tail);
        ngx_sio_set(z, &node->next, first);

    } else {
        ngx_sio_set(z, head, first);
    }

    ngx_sio_set(z, tail, last);
}


/*
 * What the callers see.  The references of targets lie in the first cell, and
 * are not copied, unless there are many.
 */

ngx_int_t
ngx_sio_node_entry(ngx_sio_zone_t *z, ngx_sio_ref_t ref,
    ngx_sio_entry_t *entry)
{
    size_t              head, size;
    u_char             *data;
    ngx_sio_blob_sh_t  *blob;
    ngx_sio_node_sh_t  *node;
    ngx_sio_private_t  *p;

    ngx_memzero(entry, sizeof(ngx_sio_entry_t));

    node = ngx_sio_ptr(z, ref);

    entry->type = ngx_sio_link_type(node->type);
    entry->flags = ngx_sio_link_flags(node->type);

    switch (entry->type) {

    case NGX_SIO_ENTRY_ADD:
    case NGX_SIO_ENTRY_REMOVE:
    case NGX_SIO_ENTRY_KICK:
        entry->socket.ref = node->ref;
        entry->socket.gen = node->gen;
        entry->room = node->room;

        if (entry->type == NGX_SIO_ENTRY_ADD) {
            entry->session.ref = node->session;
            entry->session.gen = node->session_gen;
        }

        return NGX_OK;

    case NGX_SIO_ENTRY_SEND:
        entry->session.ref = node->ref;
        entry->session.gen = node->gen;
        break;

    case NGX_SIO_ENTRY_REPLY:
        entry->ack_id = node->ref;
        break;

    default:
        break;
    }

    if (node->blob == 0) {
        return NGX_OK;
    }

    blob = ngx_sio_ptr(z, node->blob);

    entry->body.ref = node->blob;
    entry->body.start = blob->start;
    entry->body.len = blob->len;

    head = (size_t) (blob->n[0] + blob->n[1] + blob->n[2] + blob->n[3])
           * sizeof(ngx_sio_ref_t) + blob->name_len;

    if (head == 0 || entry->type != NGX_SIO_ENTRY_MESSAGE) {
        return NGX_OK;
    }

    data = (u_char *) blob + sizeof(ngx_sio_blob_sh_t);
    size = ngx_sio_class_size(ngx_sio_class(z, node->blob));

    if (head > size - sizeof(ngx_sio_blob_sh_t)) {
        p = ngx_sio_private(z);

        if (p->buf_size < head) {
            data = ngx_alloc(head * 2, z->log);
            if (data == NULL) {
                return NGX_ERROR;
            }

            if (p->buf) {
                ngx_free(p->buf);
            }

            p->buf = data;
            p->buf_size = head * 2;
        }

        data = p->buf;

        ngx_sio_blob_read(z, node->blob, 0, data, head);
    }

    entry->to_rooms = (ngx_sio_ref_t *) data;
    entry->nto_rooms = blob->n[NGX_SIO_TO_ROOMS];

    entry->to_sockets = entry->to_rooms + entry->nto_rooms;
    entry->nto_sockets = blob->n[NGX_SIO_TO_SOCKETS];

    entry->except_rooms = entry->to_sockets + entry->nto_sockets;
    entry->nexcept_rooms = blob->n[NGX_SIO_NOT_ROOMS];

    entry->except_sockets = entry->except_rooms + entry->nexcept_rooms;
    entry->nexcept_sockets = blob->n[NGX_SIO_NOT_SOCKETS];

    entry->ack_id = blob->ack_id;
    entry->ack_timeout = blob->ack_timeout;
    entry->ack_name.len = blob->name_len;
    entry->ack_name.data = (u_char *)
                           (entry->except_sockets + entry->nexcept_sockets);

    return NGX_OK;
}


ngx_int_t
ngx_sio_batch_next(ngx_sio_zone_t *z, ngx_sio_batch_t *batch,
    ngx_sio_entry_t *entry)
{
    ngx_sio_node_sh_t  *node;

    /* the queue was taken last: behind it nothing follows yet */

    if (batch->next == 0) {
        return NGX_DONE;
    }

    node = ngx_sio_ptr(z, batch->next);

    (void) ngx_sio_node_entry(z, batch->next, entry);

    batch->next = node->next;

    return NGX_OK;
}
