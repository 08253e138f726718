
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The heap.  Pages of 4096 bytes, each cut in cells of one class; which cells
 * are taken is told by a bit map in the page's descriptor, outside of them, so
 * that a free cell has no byte that matters: its new owner writes it without
 * the journal.  A page without cells in use goes back and may get any class.
 *
 * A cell freed in a section is not given out again in the same section: if
 * that is undone its old bytes must still be there.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


#define NGX_SIO_HEAP_TRIES    16

/* references count units of 16 bytes */
#define ngx_sio_cell(type)    ((sizeof(type) + 15) / 16 * 16)


static const uint16_t  ngx_sio_class_sizes[NGX_SIO_NCLASSES] = {
    0,
    ngx_sio_cell(ngx_sio_session_sh_t),
    ngx_sio_cell(ngx_sio_socket_sh_t),
    ngx_sio_cell(ngx_sio_room_sh_t),
    ngx_sio_cell(ngx_sio_member_sh_t),
    ngx_sio_cell(ngx_sio_ack_sh_t),
    ngx_sio_cell(ngx_sio_address_sh_t),
    ngx_sio_cell(ngx_sio_token_sh_t),
    128, 192, 256, 384, 512, 768, 1024, 1360, 2048, 4096
};


static uint32_t ngx_sio_page_alloc(ngx_sio_zone_t *z);
static void ngx_sio_page_link(ngx_sio_zone_t *z, uint32_t *head, uint32_t i);
static void ngx_sio_page_unlink(ngx_sio_zone_t *z, uint32_t *head, uint32_t i);


#define ngx_sio_page_class(page)      ((page)->state & 0xff)
#define ngx_sio_page_used(page)       (((page)->state >> 8) & 0xff)
#define ngx_sio_page_state(class, n)  ((uint32_t) (n) << 8 | (uint32_t) (class))


size_t
ngx_sio_class_size(ngx_uint_t class)
{
    return ngx_sio_class_sizes[class];
}


ngx_uint_t
ngx_sio_class_cells(ngx_uint_t class)
{
    return class ? NGX_SIO_PAGE_SIZE / ngx_sio_class_sizes[class] : 0;
}


ngx_sio_ref_t
ngx_sio_alloc(ngx_sio_zone_t *z, ngx_uint_t class)
{
    uint32_t            i, w, bit, free;
    uint64_t            off;
    ngx_uint_t          n, used, cells;
    ngx_sio_root_t     *root;
    ngx_sio_page_sh_t  *page;

    root = z->root;

    if (ngx_sio_failed(z)) {
        return 0;
    }

    page = NULL;
    n = 0;

    for (i = root->partial[class]; i; i = page->next) {
        page = ngx_sio_pages(z) + i - 1;

        if (page->freed != root->scratch.section) {
            break;
        }

        if (++n == NGX_SIO_HEAP_TRIES) {
            i = 0;
            break;
        }
    }

    if (i == 0) {
        i = ngx_sio_page_alloc(z);

        if (i == 0) {
            ngx_sio_private(z)->failed = 1;
            return 0;
        }

        page = ngx_sio_pages(z) + i - 1;

        ngx_sio_set(z, &page->state, ngx_sio_page_state(class, 0));
        ngx_sio_page_link(z, &root->partial[class], i);
    }

    cells = ngx_sio_class_cells(class);
    used = ngx_sio_page_used(page);

    for (w = 0; w < NGX_SIO_PAGE_CELLS / 32; w++) {

        free = ~page->used[w];

        if (free == 0) {
            continue;
        }

        bit = (uint32_t) __builtin_ctz(free);

        if (w * 32 + bit >= cells) {
            break;
        }

        ngx_sio_set(z, &page->used[w], page->used[w] | (uint32_t) 1 << bit);
        ngx_sio_set(z, &page->state, ngx_sio_page_state(class, used + 1));

        if (used + 1 == cells) {
            ngx_sio_page_unlink(z, &root->partial[class], i);
        }

        if (ngx_sio_failed(z)) {
            return 0;
        }

        off = root->heap_off + (uint64_t) (i - 1) * NGX_SIO_PAGE_SIZE
              + (w * 32 + bit) * ngx_sio_class_sizes[class];

        return (ngx_sio_ref_t) (off / 16);
    }

    /* a page in the list without a free cell */

    ngx_sio_private(z)->failed = 1;

    return 0;
}


ngx_uint_t
ngx_sio_available(ngx_sio_zone_t *z, ngx_uint_t class)
{
    ngx_sio_root_t  *root;

    root = z->root;

    return root->partial[class] || root->pages || root->fresh < root->npages;
}


void
ngx_sio_free(ngx_sio_zone_t *z, ngx_sio_ref_t ref)
{
    uint32_t            i, cell;
    uint64_t            off;
    ngx_uint_t          class, used;
    ngx_sio_root_t     *root;
    ngx_sio_page_sh_t  *page;

    class = ngx_sio_class(z, ref);

    if (class == NGX_SIO_CLASS_FREE) {
        return;
    }

    root = z->root;

    off = (uint64_t) ref * 16 - root->heap_off;
    i = (uint32_t) (off / NGX_SIO_PAGE_SIZE) + 1;
    cell = (uint32_t) (off % NGX_SIO_PAGE_SIZE) / ngx_sio_class_sizes[class];

    page = ngx_sio_pages(z) + i - 1;
    used = ngx_sio_page_used(page);

    page->freed = root->scratch.section;

    ngx_sio_set(z, &page->used[cell / 32],
                page->used[cell / 32] & ~((uint32_t) 1 << (cell % 32)));

    if (used == ngx_sio_class_cells(class)) {

        if (used != 1) {
            ngx_sio_page_link(z, &root->partial[class], i);
        }

    } else if (used == 1) {
        ngx_sio_page_unlink(z, &root->partial[class], i);
    }

    if (used > 1) {
        ngx_sio_set(z, &page->state, ngx_sio_page_state(class, used - 1));
        return;
    }

    ngx_sio_set(z, &page->state, NGX_SIO_CLASS_FREE);
    ngx_sio_page_link(z, &root->pages, i);
    ngx_sio_add(z, &root->counts.free_pages, 1);
}


static uint32_t
ngx_sio_page_alloc(ngx_sio_zone_t *z)
{
    uint32_t            i;
    ngx_uint_t          n;
    ngx_sio_root_t     *root;
    ngx_sio_page_sh_t  *page;

    root = z->root;
    n = 0;

    for (i = root->pages; i; i = page->next) {
        page = ngx_sio_pages(z) + i - 1;

        if (page->freed != root->scratch.section) {
            ngx_sio_page_unlink(z, &root->pages, i);
            ngx_sio_add(z, &root->counts.free_pages, -1);
            return i;
        }

        if (++n == NGX_SIO_HEAP_TRIES) {
            break;
        }
    }

    if (root->fresh < root->npages) {
        i = root->fresh + 1;
        ngx_sio_set(z, &root->fresh, i);
        ngx_sio_add(z, &root->counts.free_pages, -1);
        return i;
    }

    return 0;
}


static void
ngx_sio_page_link(ngx_sio_zone_t *z, uint32_t *head, uint32_t i)
{
    ngx_sio_page_sh_t  *pages;

    pages = ngx_sio_pages(z);

    ngx_sio_set(z, &pages[i - 1].next, *head);
    ngx_sio_set(z, &pages[i - 1].prev, 0);

    if (*head) {
        ngx_sio_set(z, &pages[*head - 1].prev, i);
    }

    ngx_sio_set(z, head, i);
}


static void
ngx_sio_page_unlink(ngx_sio_zone_t *z, uint32_t *head, uint32_t i)
{
    ngx_sio_page_sh_t  *pages, *page;

    pages = ngx_sio_pages(z);
    page = &pages[i - 1];

    if (page->prev) {
        ngx_sio_set(z, &pages[page->prev - 1].next, page->next);

    } else {
        ngx_sio_set(z, head, page->next);
    }

    if (page->next) {
        ngx_sio_set(z, &pages[page->next - 1].prev, page->prev);
    }
}


ngx_uint_t
ngx_sio_class(ngx_sio_zone_t *z, ngx_sio_ref_t ref)
{
    uint32_t            i, cell;
    uint64_t            off;
    ngx_uint_t          class;
    ngx_sio_root_t     *root;
    ngx_sio_page_sh_t  *page;

    root = z->root;
    off = (uint64_t) ref * 16;

    if (off < root->heap_off) {
        return NGX_SIO_CLASS_FREE;
    }

    off -= root->heap_off;
    i = (uint32_t) (off / NGX_SIO_PAGE_SIZE);

    if (i >= root->npages) {
        return NGX_SIO_CLASS_FREE;
    }

    page = ngx_sio_pages(z) + i;
    class = ngx_sio_page_class(page);

    if (class == NGX_SIO_CLASS_FREE || class >= NGX_SIO_NCLASSES) {
        return NGX_SIO_CLASS_FREE;
    }

    off %= NGX_SIO_PAGE_SIZE;
    cell = (uint32_t) off / ngx_sio_class_sizes[class];

    if (off % ngx_sio_class_sizes[class]
        || cell >= ngx_sio_class_cells(class)
        || !(page->used[cell / 32] & ((uint32_t) 1 << (cell % 32))))
    {
        return NGX_SIO_CLASS_FREE;
    }

    return class;
}


void *
ngx_sio_lookup(ngx_sio_zone_t *z, ngx_sio_handle_t handle, ngx_uint_t class)
{
    uint32_t  *gen;

    if (handle.gen == 0 || ngx_sio_class(z, handle.ref) != class) {
        return NULL;
    }

    /* the generation is the first word of each such record */

    gen = ngx_sio_ptr(z, handle.ref);

    return (*gen == handle.gen) ? gen : NULL;
}


uint32_t
ngx_sio_next_gen(ngx_sio_zone_t *z)
{
    uint32_t  gen;

    gen = z->root->gen + 1;

    if (gen == 0) {
        gen = 1;
    }

    ngx_sio_set(z, &z->root->gen, gen);

    return gen;
}
