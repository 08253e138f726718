
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * A socket's answer, for the worker that waits for it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


static ngx_uint_t ngx_sio_reply_fits(ngx_sio_zone_t *z,
    ngx_sio_slot_sh_t *slot, size_t len);


ngx_int_t
ngx_sio_reply(ngx_sio_zone_t *z, ngx_uint_t n, uint32_t gen, uint32_t id,
    const ngx_sio_body_t *body)
{
    ngx_int_t           rc;
    ngx_sio_ref_t       blob, ref, prepared;
    ngx_sio_entry_t     entry;
    ngx_sio_node_sh_t  *node;
    ngx_sio_slot_sh_t  *slot;

    if (n >= NGX_SIO_MAX_SLOTS) {
        return NGX_DONE;
    }

    prepared = 0;

again:

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    slot = ngx_sio_slot(z, n);

    if (slot->state != NGX_SIO_SLOT_LIVE || slot->gen != gen) {
        rc = ngx_sio_finish(z, NGX_DONE);
        goto discard;
    }

    if (n == z->slot) {
        ngx_memzero(&entry, sizeof(ngx_sio_entry_t));

        entry.type = NGX_SIO_ENTRY_REPLY;
        entry.body = *body;
        entry.ack_id = id;

        ngx_sio_inbox_take_locked(z);
        ngx_sio_private(z)->own = &entry;

        rc = ngx_sio_finish(z, NGX_OK);
        goto discard;
    }

    if (!ngx_sio_reply_fits(z, slot, body->len)) {
        ngx_sio_refused(z, NGX_SIO_REFUSED_INBOX);
        rc = ngx_sio_finish(z, NGX_DECLINED);
        goto discard;
    }

    if (prepared) {
        ngx_sio_blob_publish_locked(z, prepared);
        blob = prepared;

    } else if (body->len > NGX_SIO_COPY_MAX && z->slot != NGX_SIO_NO_SLOT) {

        /* start again, with its bytes in the zone */

        (void) ngx_sio_finish(z, NGX_OK);

        rc = ngx_sio_blob_prepare(z, 0, body, &prepared);
        if (rc != NGX_OK) {
            return rc;
        }

        goto again;

    } else {
        blob = ngx_sio_blob_create_locked(z, 0, body);
    }

    ref = blob ? ngx_sio_node_create_locked(z, NGX_SIO_ENTRY_REPLY, 0, blob)
               : 0;

    if (ref) {
        node = ngx_sio_ptr(z, ref);
        node->ref = id;

        ngx_sio_inbox_push_locked(z, n, ref);
        ngx_sio_blob_release_locked(z, blob);
    }

    rc = ngx_sio_finish(z, NGX_OK);

    if (rc == NGX_OK) {
        prepared = 0;
    }

discard:

    if (prepared && rc != NGX_ABORT) {
        ngx_sio_blob_discard(z, prepared);
    }

    return rc;
}


/*
 * An inbox that overflows costs all WebSockets of its worker: clients that
 * answer at length shall not bring that about.
 */

static ngx_uint_t
ngx_sio_reply_fits(ngx_sio_zone_t *z, ngx_sio_slot_sh_t *slot, size_t len)
{
    ngx_sio_limits_sh_t  *limits;

    limits = &z->root->limits;

    return !slot->overflowed
           && (limits->max_inbox == 0
               || slot->inbox_count < (limits->max_inbox + 1) / 2)
           && (limits->max_inbox_size == 0
               || slot->inbox_size + len <= limits->max_inbox_size / 2);
}
