
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The checker.  It is run after every roll-back, on memory that may hold
 * anything: each reference is tested before it is followed, each list has an
 * end after as many steps as there are cells.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_check.h"


static void ngx_sio_check_pages(ngx_sio_check_t *ck);
static void ngx_sio_check_page_list(ngx_sio_check_t *ck, uint32_t head,
    ngx_uint_t class, uint32_t *count);
static void ngx_sio_check_tables(ngx_sio_check_t *ck);
static void ngx_sio_check_timers(ngx_sio_check_t *ck);
static void ngx_sio_check_slots(ngx_sio_check_t *ck);
static void ngx_sio_check_counts(ngx_sio_check_t *ck);


ngx_uint_t
ngx_sio_check_step(ngx_sio_check_t *ck)
{
    if (ck->what) {
        return 0;
    }

    if (ck->steps == 0) {
        ck->what = "a list has no end";
        return 0;
    }

    ck->steps--;

    return 1;
}


static void
ngx_sio_check_page_list(ngx_sio_check_t *ck, uint32_t i, ngx_uint_t class,
    uint32_t *count)
{
    uint32_t            prev;
    ngx_uint_t          n;
    ngx_sio_page_sh_t  *page;

    prev = 0;

    for ( /* void */ ; i; i = page->next) {

        if (i > ck->z->root->fresh || !ngx_sio_check_step(ck)) {
            ngx_sio_wrong(ck, "a list of pages leads out of the heap");
            return;
        }

        page = ngx_sio_pages(ck->z) + i - 1;
        n = (page->state >> 8) & 0xff;

        if ((page->state & 0xff) != class || page->prev != prev
            || (class && n >= ngx_sio_class_cells(class))
            || (class == 0 && n))
        {
            ngx_sio_wrong(ck, "a page is in the wrong list");
            return;
        }

        prev = i;
        (*count)++;
    }
}


static void
ngx_sio_check_pages(ngx_sio_check_t *ck)
{
    uint32_t            i, w, n, partial, lists, free;
    ngx_uint_t          class, cells;
    ngx_sio_root_t     *root;
    ngx_sio_page_sh_t  *page;

    root = ck->z->root;

    if (root->fresh > root->npages) {
        ngx_sio_wrong(ck, "more pages than there are");
        return;
    }

    partial = 0;
    free = 0;

    for (i = 0; i < root->fresh; i++) {
        page = ngx_sio_pages(ck->z) + i;
        class = page->state & 0xff;

        if (class >= NGX_SIO_NCLASSES) {
            ngx_sio_wrong(ck, "a page has no class");
            return;
        }

        n = 0;
        cells = ngx_sio_class_cells(class);

        for (w = 0; w < NGX_SIO_PAGE_CELLS / 32; w++) {
            n += (uint32_t) __builtin_popcount(page->used[w]);

            if (cells <= w * 32) {
                if (page->used[w]) {
                    ngx_sio_wrong(ck, "a cell beyond the page is in use");
                }

            } else if (cells < w * 32 + 32
                       && page->used[w] >> (cells - w * 32))
            {
                ngx_sio_wrong(ck, "a cell beyond the page is in use");
            }
        }

        if (n != ((page->state >> 8) & 0xff)) {
            ngx_sio_wrong(ck, "a page miscounts its cells");
            return;
        }

        if (class == NGX_SIO_CLASS_FREE) {
            free++;
            continue;
        }

        if (n == 0) {
            ngx_sio_wrong(ck, "an empty page was not freed");
        }

        if (n < cells) {
            partial++;
        }

        ck->live[class] += n;

        if (class >= NGX_SIO_CLASS_DATA) {
            ck->data += n;
        }

        ck->steps += n;
    }

    /* lists are at most as long as all cells are many; each kind of list is
       walked a few times */

    ck->steps = ck->steps * 8 + root->npages * 4 + 65536;

    lists = 0;

    for (i = 1; i < NGX_SIO_NCLASSES; i++) {
        ngx_sio_check_page_list(ck, root->partial[i], i, &lists);
    }

    if (lists != partial) {
        ngx_sio_wrong(ck, "a page with free cells is in no list");
    }

    lists = 0;
    ngx_sio_check_page_list(ck, root->pages, NGX_SIO_CLASS_FREE, &lists);

    if (lists != free) {
        ngx_sio_wrong(ck, "a free page is in no list");
    }

    if (root->counts.free_pages != free + root->npages - root->fresh) {
        ngx_sio_wrong(ck, "free pages are miscounted");
    }
}


/* calls the handler for each live record of a class */

void
ngx_sio_check_records(ngx_sio_check_t *ck, ngx_uint_t class,
    ngx_sio_check_pt handler)
{
    uint32_t            i, cell;
    uint64_t            off;
    ngx_sio_root_t     *root;
    ngx_sio_page_sh_t  *page;

    root = ck->z->root;

    for (i = 0; i < root->fresh && ck->what == NULL; i++) {
        page = ngx_sio_pages(ck->z) + i;

        if ((page->state & 0xff) != class) {
            continue;
        }

        off = root->heap_off + (uint64_t) i * NGX_SIO_PAGE_SIZE;

        for (cell = 0; cell < ngx_sio_class_cells(class); cell++) {

            if (page->used[cell / 32] & ((uint32_t) 1 << (cell % 32))) {
                handler(ck, (ngx_sio_ref_t)
                        ((off + cell * ngx_sio_class_size(class)) / 16));
            }
        }
    }
}


static void
ngx_sio_check_tables(ngx_sio_check_t *ck)
{
    uint32_t        n, *bucket;
    ngx_uint_t      table, class, i;
    ngx_sio_ref_t   ref;
    uint32_t        count[NGX_SIO_NTABLES];

    for (table = 0; table < NGX_SIO_NTABLES; table++) {
        count[table] = 0;

        class = (table == NGX_SIO_TABLE_SESSIONS) ? NGX_SIO_CLASS_SESSION
                : (table == NGX_SIO_TABLE_SOCKETS) ? NGX_SIO_CLASS_SOCKET
                : (table == NGX_SIO_TABLE_ADDRESSES) ? NGX_SIO_CLASS_ADDRESS
                : NGX_SIO_CLASS_ROOM;

        for (n = 0; n < ck->z->root->nbuckets; n++) {
            bucket = ngx_sio_bucket(ck->z, table, n);

            for (ref = *bucket;
                 ref;
                 ref = ((uint32_t *) ngx_sio_ptr(ck->z, ref))[1])
            {
                if (!ngx_sio_check_step(ck)
                    || !ngx_sio_check_is(ck, ref, class))
                {
                    ngx_sio_wrong(ck, "a hash bucket leads to something else");
                    return;
                }

                count[table]++;
            }
        }
    }

    if (count[NGX_SIO_TABLE_SESSIONS] != ck->hashed
        || count[NGX_SIO_TABLE_SOCKETS] != ck->sockets
        || count[NGX_SIO_TABLE_ROOMS] != ck->rooms + ck->namespaces
        || count[NGX_SIO_TABLE_ADDRESSES] != ck->live[NGX_SIO_CLASS_ADDRESS])
    {
        ngx_sio_wrong(ck, "a record cannot be found by its name");
    }

    for (i = 0; i < NGX_SIO_NWHEELS; i++) {
        if (ck->z->root->wheels[i].count != ck->timers[i]) {
            ngx_sio_wrong(ck, "deadlines are miscounted");
        }
    }
}


static void
ngx_sio_check_timers(ngx_sio_check_t *ck)
{
    uint32_t             i, count, *head;
    ngx_uint_t           wheel;
    ngx_sio_ref_t        ref, prev;
    ngx_sio_timer_sh_t  *timer;

    static const struct {
        uint32_t  class;
        uint32_t  off;
    } owner[NGX_SIO_NWHEELS] = {
        { NGX_SIO_CLASS_SESSION, offsetof(ngx_sio_session_sh_t, timer) },
        { NGX_SIO_CLASS_ACK, offsetof(ngx_sio_ack_sh_t, timer) },
        { NGX_SIO_CLASS_TOKEN, offsetof(ngx_sio_token_sh_t, timer) }
    };

    for (wheel = 0; wheel < NGX_SIO_NWHEELS; wheel++) {

        count = 0;

        for (i = 0; i <= NGX_SIO_WHEEL_SIZE; i++) {

            head = (i == NGX_SIO_WHEEL_SIZE)
                   ? &ck->z->root->wheels[wheel].due
                   : (uint32_t *) (ck->z->base + ck->z->root->wheel_off)
                     + wheel * NGX_SIO_WHEEL_SIZE + i;

            prev = 0;

            for (ref = *head; ref; ref = timer->next) {

                if (!ngx_sio_check_step(ck)
                    || !ngx_sio_check_is(ck, ref - owner[wheel].off / 16,
                                         owner[wheel].class))
                {
                    ngx_sio_wrong(ck, "a deadline is of nothing");
                    return;
                }

                timer = ngx_sio_ptr(ck->z, ref);

                if (timer->bucket != i + 1 || timer->prev != prev) {
                    ngx_sio_wrong(ck, "a deadline is in the wrong bucket");
                    return;
                }

                prev = ref;
                count++;
            }
        }

        if (count != ck->timers[wheel]) {
            ngx_sio_wrong(ck, "a deadline is in no bucket");
        }
    }
}


static void
ngx_sio_check_slots(ngx_sio_check_t *ck)
{
    ngx_uint_t          i, index;
    ngx_sio_ref_t       ref, prev;
    ngx_sio_role_sh_t  *role;
    ngx_sio_slot_sh_t  *slot;

    for (i = 0; i < NGX_SIO_MAX_SLOTS; i++) {
        slot = &ck->z->root->slots[i];

        if (slot->roles != ck->roles[i] || slot->sessions != ck->slots[i]) {
            ngx_sio_wrong(ck, "a slot miscounts its sessions");
        }

        prev = 0;

        for (ref = slot->ready; ref; ref = role->next) {

            if (!ngx_sio_check_step(ck)
                || (uint64_t) ref * 16 < ck->z->root->heap_off
                || (uint64_t) ref * 16 > ck->z->root->size - 16)
            {
                ngx_sio_wrong(ck, "a ready list leads to something else");
                return;
            }

            role = ngx_sio_ptr(ck->z, ref);
            index = ngx_sio_role_index(role->info);

            if (index >= NGX_SIO_NROLES
                || !ngx_sio_check_is(ck, ref - index - 1,
                                     NGX_SIO_CLASS_SESSION)
                || !(role->info & NGX_SIO_ROLE_QUEUED)
                || ngx_sio_role_slot(role->info) != i
                || role->prev != prev)
            {
                ngx_sio_wrong(ck, "a role is on the wrong ready list");
                return;
            }

            prev = ref;
        }

        if (slot->ready_last != prev) {
            ngx_sio_wrong(ck, "a ready list has another end");
        }
    }
}


static void
ngx_sio_check_counts(ngx_sio_check_t *ck)
{
    ngx_sio_counts_sh_t  *c;

    c = &ck->z->root->counts;

    if (ck->sessions != c->sessions || ck->polling != c->polling
        || ck->sockets != c->sockets || ck->rooms != c->rooms
        || ck->namespaces != c->namespaces || ck->members != c->memberships
        || ck->nodes != c->nodes || ck->acks != c->acks
        || ck->tokens != c->tokens
        || ck->blobs != c->blobs || ck->handshakes != c->handshakes)
    {
        ngx_sio_wrong(ck, "the zone's counts are wrong");
    }

    if (ck->members != ck->room_members) {
        ngx_sio_wrong(ck, "a membership is in one list only");
    }

    if (ck->live[NGX_SIO_CLASS_SOCKET] != ck->sockets
        || ck->live[NGX_SIO_CLASS_ACK] != ck->acks
        || ck->live[NGX_SIO_CLASS_TOKEN] != ck->tokens
        || ck->live[NGX_SIO_CLASS_LINK] != ck->nodes + ck->members
        || ck->data != ck->cells)
    {
        ngx_sio_wrong(ck, "a cell belongs to nothing");
    }
}


const char *
ngx_sio_check_locked(ngx_sio_zone_t *z)
{
    ngx_uint_t       pass;
    ngx_sio_check_t  ck;

    ngx_memzero(&ck, sizeof(ngx_sio_check_t));

    ck.z = z;

    ngx_sio_check_pages(&ck);

    for (pass = 0; pass < 3 && ck.what == NULL; pass++) {
        ngx_sio_check_pass(&ck, pass);
    }

    if (ck.what == NULL) {
        ngx_sio_check_tables(&ck);
    }

    if (ck.what == NULL) {
        ngx_sio_check_timers(&ck);
    }

    if (ck.what == NULL) {
        ngx_sio_check_slots(&ck);
    }

    if (ck.what == NULL) {
        ngx_sio_check_counts(&ck);
    }

    return ck.what;
}


ngx_int_t
ngx_sio_zone_check(ngx_sio_zone_t *z, const char **what)
{
    ngx_int_t  rc;

    *what = NULL;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    *what = ngx_sio_check_locked(z);

    return ngx_sio_finish(z, *what ? NGX_ERROR : NGX_OK);
}
