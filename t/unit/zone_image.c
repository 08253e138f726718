
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Images of the zone, their comparison, and the hooks into the zone.
 */


#include "zone_lib.h"
#include "../../src/zone/ngx_sio_internal.h"


ngx_int_t __real_ngx_sio_begin(ngx_sio_zone_t *z);
ngx_int_t __wrap_ngx_sio_begin(ngx_sio_zone_t *z);
void __real_ngx_sio_commit(ngx_sio_zone_t *z);
void __wrap_ngx_sio_commit(ngx_sio_zone_t *z);
ngx_sio_ref_t __real_ngx_sio_alloc(ngx_sio_zone_t *z, ngx_uint_t class);
ngx_sio_ref_t __wrap_ngx_sio_alloc(ngx_sio_zone_t *z, ngx_uint_t class);
ngx_uint_t __real_ngx_shmtx_trylock(ngx_shmtx_t *mtx);
ngx_uint_t __wrap_ngx_shmtx_trylock(ngx_shmtx_t *mtx);

static const char *zt_range(const char *what, size_t n, const u_char *a,
    const u_char *b, size_t off, size_t len);
static const char *zt_page(zt_zone_t *zone, const u_char *a, const u_char *b,
    size_t i);


zt_hooks_t  zt_hooks;


ngx_int_t
__wrap_ngx_sio_begin(ngx_sio_zone_t *z)
{
    ngx_int_t  rc;

    rc = __real_ngx_sio_begin(z);

    if (rc == NGX_OK && zt_hooks.begun) {
        zt_hooks.begun(z);
    }

    return rc;
}


void
__wrap_ngx_sio_commit(ngx_sio_zone_t *z)
{
    __real_ngx_sio_commit(z);

    if (zt_hooks.committed) {
        zt_hooks.committed(z);
    }
}


ngx_sio_ref_t
__wrap_ngx_sio_alloc(ngx_sio_zone_t *z, ngx_uint_t class)
{
    if (zt_hooks.alloc && !ngx_sio_failed(z) && !zt_hooks.alloc(z)) {
        ngx_sio_private(z)->failed = 1;
        return 0;
    }

    return __real_ngx_sio_alloc(z, class);
}


ngx_uint_t
__wrap_ngx_shmtx_trylock(ngx_shmtx_t *mtx)
{
    if (!__real_ngx_shmtx_trylock(mtx)) {
        return 0;
    }

    if (zt_hooks.locked) {
        zt_hooks.locked();
    }

    return 1;
}


void
zt_image_init(zt_image_t *image, zt_zone_t *zone)
{
    image->size = zone->size;
    image->mem = mmap(NULL, zone->size, PROT_READ|PROT_WRITE,
                      MAP_ANON|MAP_SHARED, -1, 0);
    zt_ok(image->mem != MAP_FAILED, "%s", strerror(errno));
}


void
zt_image_free(zt_image_t *image)
{
    munmap(image->mem, image->size);
}


void
zt_image_save(zt_image_t *image, zt_zone_t *zone)
{
    memcpy(image->mem, zone->shpool, zone->size);
}


void
zt_image_restore(zt_image_t *image, zt_zone_t *zone)
{
    memcpy(zone->shpool, image->mem, zone->size);
}


static const char *
zt_range(const char *what, size_t n, const u_char *a, const u_char *b,
    size_t off, size_t len)
{
    size_t       i;
    static char  text[256];

    if (memcmp(a + off, b + off, len) == 0) {
        return NULL;
    }

    for (i = 0; a[off + i] == b[off + i]; i++) { /* void */ }

    i &= ~(size_t) 3;

    snprintf(text, sizeof(text), "%s %zu differs at byte %zu of %zu: "
             "%02x%02x%02x%02x, %02x%02x%02x%02x", what, n, i, len,
             a[off + i + 3], a[off + i + 2], a[off + i + 1], a[off + i],
             b[off + i + 3], b[off + i + 2], b[off + i + 1], b[off + i]);

    return text;
}


/* blobs in preparation have no content yet: in the cells of their chains only
   the heads count */

static ngx_uint_t
zt_prepared(const u_char *mem, size_t base, ngx_sio_ref_t cell)
{
    ngx_uint_t                i;
    ngx_sio_ref_t             ref, seg;
    const ngx_sio_root_t     *root;
    const ngx_sio_seg_sh_t   *s;
    const ngx_sio_blob_sh_t  *blob;

    root = (const ngx_sio_root_t *) (mem + base);

    for (i = 0; i < NGX_SIO_MAX_SLOTS; i++) {

        for (ref = root->slots[i].prepared; ref; ref = blob->next) {
            blob = (const ngx_sio_blob_sh_t *) (mem + base
                                                + (size_t) ref * 16);

            if (ref == cell) {
                return sizeof(ngx_sio_blob_sh_t);
            }

            for (seg = blob->seg; seg; seg = s->seg) {
                s = (const ngx_sio_seg_sh_t *) (mem + base
                                                + (size_t) seg * 16);

                if (seg == cell) {
                    return sizeof(ngx_sio_seg_sh_t);
                }
            }
        }
    }

    return 0;
}


/* a page: its descriptor, and of its cells those in use */

static const char *
zt_page(zt_zone_t *zone, const u_char *a, const u_char *b, size_t i)
{
    size_t                    off, base, cell, class, size, skip, len;
    const char               *text;
    const ngx_sio_root_t     *root;
    const ngx_sio_page_sh_t  *page;

    static const char  *names[] = {
        "free", "session", "socket", "room", "link", "ack", "address",
        "token"
    };

    base = (u_char *) zone->root - (u_char *) zone->shpool;
    root = (const ngx_sio_root_t *) (a + base);

    off = base + root->pages_off + i * sizeof(ngx_sio_page_sh_t);
    page = (const ngx_sio_page_sh_t *) (a + off);

    text = zt_range("descriptor of page", i, a, b, off,
                    offsetof(ngx_sio_page_sh_t, freed));
    if (text) {
        return text;
    }

    text = zt_range("bit map of page", i, a, b,
                    off + offsetof(ngx_sio_page_sh_t, used),
                    sizeof(page->used));
    if (text) {
        return text;
    }

    class = page->state & 0xff;

    if (class == NGX_SIO_CLASS_FREE) {
        return NULL;
    }

    size = ngx_sio_class_size(class);
    off = base + root->heap_off + i * NGX_SIO_PAGE_SIZE;

    /* the fields that are scratch */

    switch (class) {

    case NGX_SIO_CLASS_SOCKET:
        skip = offsetof(ngx_sio_socket_sh_t, stamp);
        break;

    case NGX_SIO_CLASS_ADDRESS:
        skip = offsetof(ngx_sio_address_sh_t, mark);
        break;

    case NGX_SIO_CLASS_SESSION:
    case NGX_SIO_CLASS_ROOM:
    case NGX_SIO_CLASS_LINK:
    case NGX_SIO_CLASS_ACK:
    case NGX_SIO_CLASS_TOKEN:
        skip = size;
        break;

    default:
        skip = offsetof(ngx_sio_blob_sh_t, mark);
    }

    for (cell = 0; cell < ngx_sio_class_cells(class); cell++, off += size) {

        if (!(page->used[cell / 32] & ((uint32_t) 1 << (cell % 32)))) {
            continue;
        }

        len = (class < NGX_SIO_CLASS_DATA) ? 0
              : zt_prepared(a, base, (off - base) / 16);

        if (len == 0) {
            len = size;
        }

        text = zt_range(class < NGX_SIO_CLASS_DATA ? names[class] : "data",
                        i * 1000 + cell, a, b, off, ngx_min(skip, len));

        if (text == NULL && skip + 4 < len) {
            text = zt_range("rest of", i * 1000 + cell, a, b, off + skip + 4,
                            len - skip - 4);
        }

        if (text) {
            return text;
        }
    }

    return NULL;
}


const char *
zt_image_diff(zt_zone_t *zone, const u_char *a, const u_char *b)
{
    size_t                 i, base, off;
    const char            *text;
    const ngx_sio_root_t  *root;

    base = (u_char *) zone->root - (u_char *) zone->shpool;
    root = (const ngx_sio_root_t *) (a + base);

    /* nginx's header: all but the lock word is never touched */

    text = zt_range("slab", 0, a, b, sizeof(ngx_shmtx_sh_t),
                    base - sizeof(ngx_shmtx_sh_t));
    if (text) {
        return text;
    }

    text = zt_range("root", 0, a, b, base, offsetof(ngx_sio_root_t, journal));
    if (text) {
        return text;
    }

    off = offsetof(ngx_sio_root_t, limits);

    text = zt_range("root from limits", off, a, b, base + off,
                    sizeof(ngx_sio_root_t) - off);
    if (text) {
        return text;
    }

    off = root->pages_off;

    text = zt_range("wheels and tables", 0, a, b,
                    base + sizeof(ngx_sio_root_t),
                    off - sizeof(ngx_sio_root_t));
    if (text) {
        return text;
    }

    for (i = 0; i < root->npages; i++) {
        text = zt_page(zone, a, b, i);
        if (text) {
            return text;
        }
    }

    off = base + root->heap_off + (size_t) root->npages * NGX_SIO_PAGE_SIZE;

    return zt_range("the rest", 0, a, b, off, zone->size - off);
}
