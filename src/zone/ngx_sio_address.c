
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Sessions counted by the address of their client, for the limit on them, and
 * those that have joined no namespace yet.  A session counts until its record
 * goes: closed ones take memory, too.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


#define ngx_sio_address_hash(z, key)                                          \
    ngx_sio_hash(z, NGX_SIO_TABLE_ADDRESSES, (const u_char *) (key),          \
                 NGX_SIO_ADDRESS_LEN)


ngx_int_t
ngx_sio_address_count_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    const u_char *key)
{
    uint32_t              *bucket, max;
    ngx_sio_ref_t          ref;
    ngx_sio_address_sh_t  *a;

    max = z->root->limits.max_sessions;

    if (key == NULL || max == 0) {
        return NGX_OK;
    }

    bucket = ngx_sio_bucket(z, NGX_SIO_TABLE_ADDRESSES,
                            ngx_sio_address_hash(z, key));

    a = NULL;

    for (ref = *bucket; ref; ref = a->next) {
        a = ngx_sio_ptr(z, ref);

        if (ngx_memcmp(a->key, key, NGX_SIO_ADDRESS_LEN) == 0) {
            break;
        }
    }

    if (ref) {

        if (a->count >= max) {
            return NGX_DECLINED;
        }

        ngx_sio_add(z, &a->count, 1);

    } else {
        ref = ngx_sio_alloc(z, NGX_SIO_CLASS_ADDRESS);
        if (ref == 0) {
            return NGX_OK;
        }

        a = ngx_sio_ptr(z, ref);

        ngx_memzero(a, ngx_sio_class_size(NGX_SIO_CLASS_ADDRESS));

        a->count = 1;
        a->next = *bucket;
        ngx_memcpy(a->key, key, NGX_SIO_ADDRESS_LEN);

        ngx_sio_set(z, bucket, ref);
    }

    s->address = ref;

    return NGX_OK;
}


void
ngx_sio_address_uncount_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s)
{
    uint32_t              *p;
    ngx_sio_address_sh_t  *a, *other;

    if (s->address == 0) {
        return;
    }

    a = ngx_sio_ptr(z, s->address);

    if (a->count > 1) {
        ngx_sio_add(z, &a->count, -1);
        return;
    }

    p = ngx_sio_bucket(z, NGX_SIO_TABLE_ADDRESSES,
                       ngx_sio_address_hash(z, a->key));

    while (*p && *p != s->address) {
        other = ngx_sio_ptr(z, *p);
        p = &other->next;
    }

    if (*p) {
        ngx_sio_set(z, p, a->next);
    }

    ngx_sio_free(z, s->address);
}


void
ngx_sio_session_joined_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s)
{
    if (s->flags & NGX_SIO_SESSION_JOINED) {
        return;
    }

    ngx_sio_set(z, &s->flags, s->flags | NGX_SIO_SESSION_JOINED);
    ngx_sio_add(z, &z->root->counts.handshakes, -1);
}
