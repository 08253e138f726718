
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Blobs: messages, names, data.  A chain of cells, never more than one page
 * each, so that any free page will do.
 *
 * Small ones are copied in the section that publishes them.  For large ones
 * cells are taken in sections of their own, 64 at a time, and filled without
 * the lock; meanwhile the blob is listed at the worker's slot, and freed from
 * there if the worker dies.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


#define NGX_SIO_PREPARE_CELLS  64
#define NGX_SIO_BLOB_WHOLE     2048    /* bytes: names are never cut */

#define NGX_SIO_BLOB_HEAD      sizeof(ngx_sio_blob_sh_t)
#define NGX_SIO_SEG_HEAD       sizeof(ngx_sio_seg_sh_t)


static ngx_uint_t ngx_sio_blob_class(ngx_sio_zone_t *z, size_t size);
static ngx_sio_ref_t ngx_sio_blob_start(ngx_sio_zone_t *z, size_t head,
    size_t len, size_t *cap);
static void ngx_sio_blob_extend(ngx_sio_zone_t *z, ngx_sio_blob_sh_t *blob,
    size_t *cap, ngx_uint_t max);
static size_t ngx_sio_blob_cell(ngx_sio_zone_t *z, ngx_sio_blob_sh_t *blob,
    ngx_sio_ref_t ref, u_char **data, ngx_sio_ref_t *next);
static void ngx_sio_blob_fill(ngx_sio_zone_t *z, ngx_sio_ref_t ref,
    const ngx_sio_body_t *body, size_t from, size_t to);
static void ngx_sio_blob_free_cells(ngx_sio_zone_t *z, ngx_sio_ref_t ref,
    ngx_uint_t *max);


/* the class for so many bytes, or for the first of them: a smaller one, if
   only that has a cell left */

static ngx_uint_t
ngx_sio_blob_class(ngx_sio_zone_t *z, size_t size)
{
    ngx_uint_t  class, c;

    for (class = NGX_SIO_CLASS_DATA; class < NGX_SIO_CLASS_LAST; class++) {
        if (ngx_sio_class_size(class) >= size) {
            break;
        }
    }

    if (size <= NGX_SIO_BLOB_WHOLE) {
        return class;
    }

    for (c = class; c > NGX_SIO_CLASS_DATA; c--) {
        if (ngx_sio_available(z, c)) {
            return c;
        }
    }

    return class;
}


/* the first cell; written without the journal, it was free */

static ngx_sio_ref_t
ngx_sio_blob_start(ngx_sio_zone_t *z, size_t head, size_t len, size_t *cap)
{
    ngx_uint_t          class;
    ngx_sio_ref_t       ref;
    ngx_sio_blob_sh_t  *blob;

    class = ngx_sio_blob_class(z, NGX_SIO_BLOB_HEAD + head + len);

    ref = ngx_sio_alloc(z, class);
    if (ref == 0) {
        return 0;
    }

    blob = ngx_sio_ptr(z, ref);

    ngx_memzero(blob, sizeof(ngx_sio_blob_sh_t));

    blob->cells = 1;
    blob->len = len;
    blob->start = head;
    blob->last = ref;

    *cap = ngx_sio_class_size(class) - NGX_SIO_BLOB_HEAD;

    ngx_sio_add(z, &z->root->counts.blobs, 1);

    return ref;
}


static void
ngx_sio_blob_extend(ngx_sio_zone_t *z, ngx_sio_blob_sh_t *blob, size_t *cap,
    ngx_uint_t max)
{
    size_t              total;
    ngx_uint_t          class;
    ngx_sio_ref_t       ref;
    ngx_sio_seg_sh_t   *seg, *last;

    total = (size_t) blob->start + blob->len;

    while (*cap < total && max--) {

        class = ngx_sio_blob_class(z, total - *cap + NGX_SIO_SEG_HEAD);

        ref = ngx_sio_alloc(z, class);
        if (ref == 0) {
            return;
        }

        seg = ngx_sio_ptr(z, ref);
        seg->seg = 0;
        seg->unused = 0;

        if (blob->seg == 0) {
            ngx_sio_set(z, &blob->seg, ref);

        } else {
            last = ngx_sio_ptr(z, blob->last);
            ngx_sio_set(z, &last->seg, ref);
        }

        ngx_sio_set(z, &blob->last, ref);
        ngx_sio_add(z, &blob->cells, 1);

        if (ngx_sio_failed(z)) {
            return;
        }

        *cap += ngx_sio_class_size(class) - NGX_SIO_SEG_HEAD;
    }
}


/* where the content of a cell of the chain lies, and how much it holds */

static size_t
ngx_sio_blob_cell(ngx_sio_zone_t *z, ngx_sio_blob_sh_t *blob,
    ngx_sio_ref_t ref, u_char **data, ngx_sio_ref_t *next)
{
    u_char            *p;
    size_t             size;
    ngx_sio_seg_sh_t  *seg;

    size = ngx_sio_class_size(ngx_sio_class(z, ref));
    p = ngx_sio_ptr(z, ref);

    if (p == (u_char *) blob) {
        *data = p + NGX_SIO_BLOB_HEAD;
        *next = blob->seg;

        return (size > NGX_SIO_BLOB_HEAD) ? size - NGX_SIO_BLOB_HEAD : 0;
    }

    seg = (ngx_sio_seg_sh_t *) p;

    *data = p + NGX_SIO_SEG_HEAD;
    *next = seg->seg;

    return (size > NGX_SIO_SEG_HEAD) ? size - NGX_SIO_SEG_HEAD : 0;
}


/* copies the bytes of the body that lie in [from, to) of the content */

static void
ngx_sio_blob_fill(ngx_sio_zone_t *z, ngx_sio_ref_t ref,
    const ngx_sio_body_t *body, size_t from, size_t to)
{
    size_t              pos, cap, start, end;
    u_char             *data;
    ngx_sio_ref_t       next;
    ngx_sio_blob_sh_t  *blob;

    blob = ngx_sio_ptr(z, ref);

    for (pos = 0; ref && pos < to; pos += cap, ref = next) {

        cap = ngx_sio_blob_cell(z, blob, ref, &data, &next);

        start = ngx_max(ngx_max(pos, from), (size_t) blob->start);
        end = ngx_min(ngx_min(pos + cap, to),
                      (size_t) blob->start + blob->len);

        if (start < end) {
            ngx_sio_body_read(z, body, start - blob->start,
                              data + (start - pos), end - start);
        }
    }
}


ngx_sio_ref_t
ngx_sio_blob_create_locked(ngx_sio_zone_t *z, size_t head,
    const ngx_sio_body_t *body)
{
    size_t              cap;
    ngx_sio_ref_t       ref;
    ngx_sio_blob_sh_t  *blob;

    cap = 0;

    ref = ngx_sio_blob_start(z, head, body->len, &cap);
    if (ref == 0) {
        return 0;
    }

    ngx_sio_blob_extend(z, ngx_sio_ptr(z, ref), &cap, NGX_MAX_INT32_VALUE);

    if (ngx_sio_failed(z)) {
        return 0;
    }

    blob = ngx_sio_ptr(z, ref);
    blob->refs = 1;

    ngx_sio_blob_fill(z, ref, body, 0, head + body->len);

    return ref;
}


ngx_sio_ref_t
ngx_sio_blob_string_locked(ngx_sio_zone_t *z, const ngx_str_t *s)
{
    ngx_sio_body_t  body;

    ngx_memzero(&body, sizeof(ngx_sio_body_t));
    body.len = s->len;
    body.bufs = s;
    body.nbufs = 1;

    return ngx_sio_blob_create_locked(z, 0, &body);
}


/* a string on its way into the zone: prepared before the section if it is
   long, published in it */

ngx_int_t
ngx_sio_string_prepare(ngx_sio_zone_t *z, const ngx_str_t *s,
    ngx_sio_ref_t *ref)
{
    ngx_sio_body_t  body;

    *ref = 0;

    if (s == NULL || s->len <= NGX_SIO_COPY_MAX || z->slot_gen == 0) {
        return NGX_OK;
    }

    ngx_memzero(&body, sizeof(ngx_sio_body_t));
    body.len = s->len;
    body.bufs = s;
    body.nbufs = 1;

    return ngx_sio_blob_prepare(z, 0, &body, ref);
}


ngx_sio_ref_t
ngx_sio_string_publish_locked(ngx_sio_zone_t *z, const ngx_str_t *s,
    ngx_sio_ref_t prepared)
{
    if (prepared) {
        ngx_sio_blob_publish_locked(z, prepared);
        return prepared;
    }

    if (s == NULL || s->len == 0) {
        return 0;
    }

    return ngx_sio_blob_string_locked(z, s);
}


void
ngx_sio_string_replace_locked(ngx_sio_zone_t *z, uint32_t *word,
    const ngx_str_t *s, ngx_sio_ref_t prepared)
{
    ngx_sio_ref_t  old;

    old = *word;

    ngx_sio_set(z, word, ngx_sio_string_publish_locked(z, s, prepared));

    if (old && !ngx_sio_failed(z)) {
        ngx_sio_blob_release_locked(z, old);
    }
}


ngx_int_t
ngx_sio_blob_prepare(ngx_sio_zone_t *z, size_t head,
    const ngx_sio_body_t *body, ngx_sio_ref_t *refp)
{
    size_t              cap, from, total;
    ngx_int_t           rc;
    ngx_sio_ref_t       ref;
    ngx_sio_blob_sh_t  *blob, *next;
    ngx_sio_slot_sh_t  *slot;

    *refp = 0;

    if (z->slot_gen == 0 || z->slot == NGX_SIO_NO_SLOT) {
        /* nowhere to list it */
        return NGX_BUSY;
    }

    ref = 0;
    cap = 0;
    from = 0;
    total = head + body->len;

    do {
        rc = ngx_sio_begin(z);
        if (rc != NGX_OK) {
            goto failed;
        }

        if (ref == 0) {
            ref = ngx_sio_blob_start(z, head, body->len, &cap);

            if (ref) {
                slot = ngx_sio_slot(z, z->slot);
                blob = ngx_sio_ptr(z, ref);
                blob->next = slot->prepared;

                if (slot->prepared) {
                    next = ngx_sio_ptr(z, slot->prepared);
                    ngx_sio_set(z, &next->prev, ref);
                }

                ngx_sio_set(z, &slot->prepared, ref);
            }
        }

        if (ref) {
            ngx_sio_blob_extend(z, ngx_sio_ptr(z, ref), &cap,
                                NGX_SIO_PREPARE_CELLS);
        }

        rc = ngx_sio_finish(z, NGX_OK);

        if (rc != NGX_OK) {

            if (from == 0) {
                /* not even the first cell is there */
                ref = 0;
            }

            goto failed;
        }

        ngx_sio_blob_fill(z, ref, body, from, cap);

        from = cap;

    } while (cap < total);

    *refp = ref;

    return NGX_OK;

failed:

    if (ref && rc != NGX_ABORT) {
        ngx_sio_blob_discard(z, ref);
    }

    return rc;
}


/* takes a prepared blob off its slot's list; the reference is the caller's */

void
ngx_sio_blob_publish_locked(ngx_sio_zone_t *z, ngx_sio_ref_t ref)
{
    ngx_sio_blob_sh_t  *blob, *p;
    ngx_sio_slot_sh_t  *slot;

    blob = ngx_sio_ptr(z, ref);
    slot = ngx_sio_slot(z, z->slot);

    if (blob->prev) {
        p = ngx_sio_ptr(z, blob->prev);
        ngx_sio_set(z, &p->next, blob->next);

    } else {
        ngx_sio_set(z, &slot->prepared, blob->next);
    }

    if (blob->next) {
        p = ngx_sio_ptr(z, blob->next);
        ngx_sio_set(z, &p->prev, blob->prev);
    }

    ngx_sio_set(z, &blob->next, 0);
    ngx_sio_set(z, &blob->prev, 0);
    ngx_sio_set(z, &blob->refs, 1);
}


void
ngx_sio_blob_discard(ngx_sio_zone_t *z, ngx_sio_ref_t ref)
{
    if (ngx_sio_begin(z) != NGX_OK) {
        return;
    }

    ngx_sio_blob_publish_locked(z, ref);
    ngx_sio_blob_release_locked(z, ref);

    (void) ngx_sio_finish(z, NGX_OK);
}


void
ngx_sio_blob_retain_locked(ngx_sio_zone_t *z, ngx_sio_ref_t ref)
{
    ngx_sio_blob_sh_t  *blob;

    blob = ngx_sio_ptr(z, ref);

    ngx_sio_add(z, &blob->refs, 1);
}


void
ngx_sio_blob_release_locked(ngx_sio_zone_t *z, ngx_sio_ref_t ref)
{
    ngx_uint_t          max;
    ngx_sio_blob_sh_t  *blob;

    blob = ngx_sio_ptr(z, ref);

    if (blob->refs > 1) {
        ngx_sio_add(z, &blob->refs, -1);
        return;
    }

    ngx_sio_set(z, &blob->refs, 0);

    if (blob->cells > NGX_SIO_BLOB_NOW) {
        ngx_sio_blob_trash_locked(z, ref);
        return;
    }

    max = NGX_SIO_BLOB_NOW;
    ngx_sio_blob_free_cells(z, ref, &max);
}


void
ngx_sio_blob_trash_locked(ngx_sio_zone_t *z, ngx_sio_ref_t ref)
{
    ngx_sio_blob_sh_t  *blob;

    blob = ngx_sio_ptr(z, ref);

    ngx_sio_set(z, &blob->next, z->root->trash_blobs);
    ngx_sio_set(z, &z->root->trash_blobs, ref);
}


/* a whole list */

void
ngx_sio_blobs_trash_locked(ngx_sio_zone_t *z, uint32_t *list)
{
    ngx_sio_ref_t       ref, next;
    ngx_sio_blob_sh_t  *blob;

    for (ref = *list; ref; ref = next) {
        blob = ngx_sio_ptr(z, ref);
        next = blob->next;
        ngx_sio_blob_trash_locked(z, ref);
    }

    ngx_sio_set(z, list, 0);
}


/* frees at most *max cells of the chain, its head last */

static void
ngx_sio_blob_free_cells(ngx_sio_zone_t *z, ngx_sio_ref_t ref, ngx_uint_t *max)
{
    uint32_t            cells;
    ngx_sio_ref_t       next, after;
    ngx_sio_seg_sh_t   *seg;
    ngx_sio_blob_sh_t  *blob;

    blob = ngx_sio_ptr(z, ref);
    cells = blob->cells;

    for (next = blob->seg; next && *max; next = after) {
        seg = ngx_sio_ptr(z, next);
        after = seg->seg;
        ngx_sio_free(z, next);
        cells--;
        (*max)--;
    }

    if (next || *max == 0) {
        ngx_sio_set(z, &blob->seg, next);
        ngx_sio_set(z, &blob->cells, cells);
        return;
    }

    ngx_sio_add(z, &z->root->counts.blobs, -1);
    ngx_sio_free(z, ref);
    (*max)--;
}


ngx_int_t
ngx_sio_trash_locked(ngx_sio_zone_t *z)
{
    uint32_t            next;
    ngx_uint_t          n;
    ngx_sio_ref_t       ref;
    ngx_sio_root_t     *root;
    ngx_sio_node_sh_t  *node;
    ngx_sio_slot_sh_t  *slot;
    ngx_sio_blob_sh_t  *blob;

    root = z->root;
    n = NGX_SIO_TRASH_NODES;

    if (z->slot != NGX_SIO_NO_SLOT) {
        slot = ngx_sio_slot(z, z->slot);

        for (ref = slot->used; ref && n; ref = next, n--) {
            node = ngx_sio_ptr(z, ref);
            next = (ref == slot->used_last) ? 0 : node->next;
            ngx_sio_node_free_locked(z, ref);
        }

        ngx_sio_set(z, &slot->used, ref);

        if (ref == 0) {
            ngx_sio_set(z, &slot->used_last, 0);
        }

        ngx_sio_blobs_trash_locked(z, &slot->read);
    }

    for (ref = root->trash; ref && n; ref = next, n--) {
        node = ngx_sio_ptr(z, ref);
        next = (ref == root->trash_last) ? 0 : node->next;
        ngx_sio_node_free_locked(z, ref);
    }

    ngx_sio_set(z, &root->trash, ref);

    if (ref == 0) {
        ngx_sio_set(z, &root->trash_last, 0);
    }

    if (n == 0) {
        return NGX_AGAIN;
    }

    n = NGX_SIO_TRASH_CELLS;

    for (ref = root->trash_blobs; ref && n; ref = root->trash_blobs) {

        if (ngx_sio_failed(z)) {
            return NGX_AGAIN;
        }

        blob = ngx_sio_ptr(z, ref);
        next = blob->next;

        ngx_sio_blob_free_cells(z, ref, &n);

        if (ngx_sio_class(z, ref) != NGX_SIO_CLASS_FREE) {
            return NGX_AGAIN;
        }

        ngx_sio_set(z, &root->trash_blobs, next);
    }

    return ref ? NGX_AGAIN : NGX_OK;
}


void
ngx_sio_blob_read(ngx_sio_zone_t *z, ngx_sio_ref_t ref, size_t off,
    u_char *dst, size_t len)
{
    size_t              cap, n;
    u_char             *data;
    ngx_sio_ref_t       next;
    ngx_sio_blob_sh_t  *blob;

    blob = ngx_sio_ptr(z, ref);

    for ( /* void */ ; ref && len; ref = next) {

        cap = ngx_sio_blob_cell(z, blob, ref, &data, &next);

        if (off >= cap) {
            off -= cap;
            continue;
        }

        n = ngx_min(cap - off, len);

        dst = ngx_cpymem(dst, data + off, n);
        len -= n;
        off = 0;
    }
}


void
ngx_sio_blob_write(ngx_sio_zone_t *z, ngx_sio_ref_t ref, size_t off,
    const void *src, size_t len)
{
    size_t              cap, n;
    u_char             *data;
    const u_char       *p;
    ngx_sio_ref_t       next;
    ngx_sio_blob_sh_t  *blob;

    blob = ngx_sio_ptr(z, ref);
    p = src;

    for ( /* void */ ; ref && len; ref = next) {

        cap = ngx_sio_blob_cell(z, blob, ref, &data, &next);

        if (off >= cap) {
            off -= cap;
            continue;
        }

        n = ngx_min(cap - off, len);

        ngx_memcpy(data + off, p, n);
        p += n;
        len -= n;
        off = 0;
    }
}


ngx_int_t
ngx_sio_blob_copy(ngx_sio_zone_t *z, ngx_sio_ref_t ref, ngx_pool_t *pool,
    ngx_str_t *s)
{
    ngx_sio_blob_sh_t  *blob;

    ngx_str_null(s);

    if (ref == 0) {
        return NGX_OK;
    }

    blob = ngx_sio_ptr(z, ref);

    s->data = ngx_pnalloc(pool, blob->len + 1);
    if (s->data == NULL) {
        return NGX_ERROR;
    }

    s->len = blob->len;

    ngx_sio_blob_read(z, ref, blob->start, s->data, s->len);

    return NGX_OK;
}


void
ngx_sio_body_read(ngx_sio_zone_t *z, const ngx_sio_body_t *body, size_t off,
    u_char *dst, size_t len)
{
    size_t      n;
    ngx_uint_t  i;

    if (body->ref) {
        ngx_sio_blob_read(z, body->ref, body->start + off, dst, len);
        return;
    }

    for (i = 0; i < body->nbufs && len; i++) {

        if (off >= body->bufs[i].len) {
            off -= body->bufs[i].len;
            continue;
        }

        n = ngx_min(body->bufs[i].len - off, len);

        dst = ngx_cpymem(dst, body->bufs[i].data + off, n);
        len -= n;
        off = 0;
    }
}
