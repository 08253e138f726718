
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Private hash tables by a zone ref: clients, peers, arrays, parked GETs.
 */


#include "ngx_sio_worker.h"


static void ngx_sio_table_grow(ngx_sio_table_t *t);


#define ngx_sio_table_index(t, ref)                                           \
    (((ref) * 2654435761u >> 7) & (t)->mask)


ngx_int_t
ngx_sio_table_init(ngx_sio_table_t *t)
{
    t->buckets = ngx_calloc(NGX_SIO_HASH_MIN * sizeof(ngx_sio_link_t *),
                            ngx_cycle->log);
    if (t->buckets == NULL) {
        return NGX_ERROR;
    }

    t->mask = NGX_SIO_HASH_MIN - 1;
    t->n = 0;

    return NGX_OK;
}


ngx_sio_link_t *
ngx_sio_table_lookup(ngx_sio_table_t *t, ngx_sio_ref_t ref)
{
    ngx_sio_link_t  *link;

    link = t->buckets[ngx_sio_table_index(t, ref)];

    while (link && link->ref != ref) {
        link = link->next;
    }

    return link;
}


void
ngx_sio_table_insert(ngx_sio_table_t *t, ngx_sio_link_t *link,
    ngx_sio_ref_t ref)
{
    ngx_uint_t  i;

    if (t->n > 2 * t->mask) {
        ngx_sio_table_grow(t);
    }

    i = ngx_sio_table_index(t, ref);

    link->ref = ref;
    link->next = t->buckets[i];
    t->buckets[i] = link;
    t->n++;
}


void
ngx_sio_table_remove(ngx_sio_table_t *t, ngx_sio_link_t *link)
{
    ngx_sio_link_t  **p;

    p = &t->buckets[ngx_sio_table_index(t, link->ref)];

    while (*p) {

        if (*p == link) {
            *p = link->next;
            t->n--;
            return;
        }

        p = &(*p)->next;
    }
}


/* without memory the chains only get longer */

static void
ngx_sio_table_grow(ngx_sio_table_t *t)
{
    ngx_uint_t        i, k, mask;
    ngx_sio_link_t   *link, *next, **buckets;
    ngx_sio_table_t   new;

    mask = 4 * (t->mask + 1) - 1;

    buckets = ngx_calloc((mask + 1) * sizeof(ngx_sio_link_t *),
                         ngx_cycle->log);
    if (buckets == NULL) {
        return;
    }

    new.buckets = buckets;
    new.mask = mask;
    new.n = t->n;

    for (i = 0; i <= t->mask; i++) {

        for (link = t->buckets[i]; link; link = next) {
            next = link->next;

            k = ngx_sio_table_index(&new, link->ref);
            link->next = buckets[k];
            buckets[k] = link;
        }
    }

    ngx_free(t->buckets);
    *t = new;
}
