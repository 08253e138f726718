
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The checker.  It is run after every roll-back, on memory that may hold
 * anything: each reference is tested before it is followed, each list has an
 * end after as many steps as there are cells.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


typedef struct {
    ngx_sio_zone_t       *z;
    const char           *what;
    uint32_t              steps;          /* left, for all lists */
    uint32_t              live[NGX_SIO_NCLASSES];
    uint32_t              data;           /* live cells of all data classes */
    uint32_t              cells;          /* of those, found to belong to
                                             something */
    uint32_t              blobs;
    uint32_t              nodes;
    uint32_t              members;
    uint32_t              room_members;
    uint32_t              acks;
    uint32_t              sockets;
    uint32_t              sessions;
    uint32_t              polling;
    uint32_t              rooms;
    uint32_t              namespaces;
    uint32_t              timers[NGX_SIO_NWHEELS];
    uint32_t              hashed;
    uint32_t              roles[NGX_SIO_MAX_SLOTS];
    uint32_t              slots[NGX_SIO_MAX_SLOTS];
} ngx_sio_check_t;


typedef void (*ngx_sio_check_pt)(ngx_sio_check_t *ck, ngx_sio_ref_t ref);


#define ngx_sio_wrong(ck, text)                                               \
    do {                                                                      \
        if ((ck)->what == NULL) {                                             \
            (ck)->what = text;                                                \
        }                                                                     \
    } while (0)

#define ngx_sio_check_is(ck, ref, cl)                                         \
    (ngx_sio_class((ck)->z, ref) == (ngx_uint_t) (cl))


static void ngx_sio_check_pages(ngx_sio_check_t *ck);
static void ngx_sio_check_page_list(ngx_sio_check_t *ck, uint32_t head,
    ngx_uint_t class, uint32_t *count);
static void ngx_sio_check_records(ngx_sio_check_t *ck, ngx_uint_t class,
    ngx_sio_check_pt handler);
static ngx_uint_t ngx_sio_check_step(ngx_sio_check_t *ck);


static ngx_uint_t
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

static void
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

    if (s->timer.bucket) {
        ck->timers[NGX_SIO_WHEEL_SESSIONS]++;
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
    ngx_sio_ref_t          mref, prev;
    ngx_sio_ack_sh_t      *ack;
    ngx_sio_member_sh_t   *m;
    ngx_sio_socket_sh_t   *k;
    ngx_sio_session_sh_t  *s;

    k = ngx_sio_ptr(ck->z, ref);

    ngx_sio_check_blob_pass(ck, k->data, pass);
    ngx_sio_check_blob_pass(ck, k->auth, pass);

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

        prev = mref;
        count++;
    }

    if (count != k->members_count || prev != k->members_last) {
        ngx_sio_wrong(ck, "a socket miscounts its memberships");
    }

    if (count == 0) {
        ngx_sio_wrong(ck, "a socket is in no namespace");
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


static const ngx_sio_check_pt  ngx_sio_check_handlers[4][3] = {
    { ngx_sio_check_session_0, ngx_sio_check_session_1,
      ngx_sio_check_session_2 },
    { ngx_sio_check_socket_0, ngx_sio_check_socket_1,
      ngx_sio_check_socket_2 },
    { ngx_sio_check_room_0, ngx_sio_check_room_1, ngx_sio_check_room_2 },
    { ngx_sio_check_ack_0, ngx_sio_check_ack_1, ngx_sio_check_ack_2 }
};

static const ngx_uint_t  ngx_sio_check_classes[4] = {
    NGX_SIO_CLASS_SESSION, NGX_SIO_CLASS_SOCKET, NGX_SIO_CLASS_ROOM,
    NGX_SIO_CLASS_ACK
};


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
        || count[NGX_SIO_TABLE_ROOMS] != ck->rooms + ck->namespaces)
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
    ngx_uint_t           wheel, class, off;
    ngx_sio_ref_t        ref, prev;
    ngx_sio_timer_sh_t  *timer;

    for (wheel = 0; wheel < NGX_SIO_NWHEELS; wheel++) {

        class = wheel ? NGX_SIO_CLASS_ACK : NGX_SIO_CLASS_SESSION;
        off = wheel ? offsetof(ngx_sio_ack_sh_t, timer)
                    : offsetof(ngx_sio_session_sh_t, timer);
        count = 0;

        for (i = 0; i <= NGX_SIO_WHEEL_SIZE; i++) {

            head = (i == NGX_SIO_WHEEL_SIZE)
                   ? &ck->z->root->wheels[wheel].due
                   : (uint32_t *) (ck->z->base + ck->z->root->wheel_off)
                     + wheel * NGX_SIO_WHEEL_SIZE + i;

            prev = 0;

            for (ref = *head; ref; ref = timer->next) {

                if (!ngx_sio_check_step(ck)
                    || !ngx_sio_check_is(ck, ref - off / 16, class))
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
        || ck->blobs != c->blobs)
    {
        ngx_sio_wrong(ck, "the zone's counts are wrong");
    }

    if (ck->members != ck->room_members) {
        ngx_sio_wrong(ck, "a membership is in one list only");
    }

    if (ck->live[NGX_SIO_CLASS_SOCKET] != ck->sockets
        || ck->live[NGX_SIO_CLASS_ACK] != ck->acks
        || ck->live[NGX_SIO_CLASS_LINK] != ck->nodes + ck->members
        || ck->data != ck->cells)
    {
        ngx_sio_wrong(ck, "a cell belongs to nothing");
    }
}


const char *
ngx_sio_check_locked(ngx_sio_zone_t *z)
{
    ngx_uint_t       pass, i;
    ngx_sio_check_t  ck;

    ngx_memzero(&ck, sizeof(ngx_sio_check_t));

    ck.z = z;

    ngx_sio_check_pages(&ck);

    for (pass = 0; pass < 3 && ck.what == NULL; pass++) {

        for (i = 0; i < 4; i++) {
            ngx_sio_check_records(&ck, ngx_sio_check_classes[i],
                                  ngx_sio_check_handlers[i][pass]);
        }

        if (ck.what == NULL) {
            ngx_sio_check_lists(&ck, pass);
        }
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
