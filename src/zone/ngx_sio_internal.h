
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What the zone's files share with one another.
 *
 * A section:
 *
 *     rc = ngx_sio_begin(z);               the lock is held
 *     if (rc != NGX_OK) {
 *         return rc;
 *     }
 *
 *     ...                                  words are changed by ngx_sio_set()
 *
 *     return ngx_sio_finish(z, rc);        committed, or undone when the
 *                                          memory or the journal ran out;
 *                                          the lock is not held; what was
 *                                          taken was applied
 *
 * Nothing between the two may call back, log, block or return early.  Where
 * memory is missing, ngx_sio_alloc() has noted it: the callers in between
 * only have to stop soon and may leave anything half done.
 */


#ifndef _NGX_SIO_INTERNAL_H_INCLUDED_
#define _NGX_SIO_INTERNAL_H_INCLUDED_


#include "ngx_sio_shared.h"


#define NGX_SIO_READY_MAX     64      /* roles taken in one section */
#define NGX_SIO_TRASH_NODES   128     /* nodes freed in one section */
#define NGX_SIO_TRASH_CELLS   64      /* cells of blobs freed in one section */
#define NGX_SIO_BLOB_NOW      8       /* a blob of so many cells is freed at
                                         once */
#define NGX_SIO_COPY_MAX      16384   /* bytes copied while the lock is held */

#define NGX_SIO_REMOVE_MAX    64      /* memberships taken apart in one
                                         section */

#define NGX_SIO_LINGER_TIME   30000   /* milliseconds */

/* crash_at: this bit set, the k-th write outside of the operation itself is
   meant: returning used cells before it, taking the ready list after it */
#define NGX_SIO_CRASH_OUTSIDE 0x80000000


typedef struct {
    ngx_sio_handle_t      session;
    ngx_uint_t            role;
    ngx_uint_t            wake;
} ngx_sio_woken_t;


/* a change of the caller's own, for z->apply after the inbox */

typedef struct {
    ngx_uint_t            type;
    ngx_sio_handle_t      session;
    ngx_sio_handle_t      socket;
    ngx_sio_ref_t         room;
} ngx_sio_change_t;


/* whom a message is for, resolved; in private memory */

typedef struct {
    ngx_sio_ref_t        *refs[4];      /* as in ngx_sio_blob_sh_t */
    ngx_uint_t            n[4];
} ngx_sio_targets_t;

#define NGX_SIO_TO_ROOMS      0
#define NGX_SIO_TO_SOCKETS    1
#define NGX_SIO_NOT_ROOMS     2
#define NGX_SIO_NOT_SOCKETS   3


/* z->scratch */

typedef struct {
    ngx_uint_t            failed;       /* the section cannot be completed */
    ngx_uint_t            outside;      /* not in the operation itself */
    ngx_uint_t            writes;
    uint64_t              locked_at;    /* nanoseconds */

    uint32_t              wake[NGX_SIO_MAX_SLOTS / 32];

    /* taken in this section */
    ngx_uint_t            taken;
    ngx_uint_t            overflowed;
    ngx_sio_ref_t         inbox;
    ngx_uint_t            inbox_count;

    ngx_uint_t            nwoken;
    ngx_sio_woken_t       woken[NGX_SIO_READY_MAX];

    /* the caller's own entries */
    ngx_sio_entry_t      *own;          /* first of them; or NULL */
    ngx_sio_change_t     *changes;
    ngx_uint_t            nchanges;
    ngx_uint_t            max_changes;

    ngx_sio_ref_t        *refs;
    ngx_uint_t            max_refs;

    u_char               *buf;          /* heads of blobs, for entries */
    size_t                buf_size;

    /* for z->life */
    u_char               *life;
    size_t                life_len;
    size_t                life_size;
    ngx_uint_t            life_lost;
    ngx_sio_ref_t         life_nsp;     /* of the last one */
    uint64_t              life_seq;
} ngx_sio_private_t;


#define ngx_sio_private(z)    ((ngx_sio_private_t *) (z)->scratch)

/* the order of stores in this process is all that matters: who rolls back
   sees them all, the lock was taken from a dead process */
#define ngx_sio_barrier()     __asm__ volatile ("" ::: "memory")

#define ngx_sio_ptr(z, r)     ((void *) ((z)->base + (uint64_t) (r) * 16))
#define ngx_sio_ref(z, p)                                                     \
    ((ngx_sio_ref_t) (((u_char *) (p) - (z)->base) / 16))

#define ngx_sio_pages(z)                                                      \
    ((ngx_sio_page_sh_t *) ((z)->base + (z)->root->pages_off))
#define ngx_sio_undo(z)                                                       \
    ((ngx_sio_undo_sh_t *) ((z)->base + (z)->root->journal_off))

#define ngx_sio_failed(z)     (ngx_sio_private(z)->failed)

#define ngx_sio_add(z, p, n)  ngx_sio_set(z, p, *(p) + (uint32_t) (n))


/* the lock and the sections (ngx_sio_lock.c) */

ngx_int_t ngx_sio_begin(ngx_sio_zone_t *z);
ngx_int_t ngx_sio_finish(ngx_sio_zone_t *z, ngx_int_t rc);

/* room for a call's own entries and references, before ngx_sio_begin() */
ngx_int_t ngx_sio_reserve(ngx_sio_zone_t *z, ngx_uint_t nchanges,
    ngx_uint_t nrefs);

/* only the bare lock: no journal, no epoch, no slot are looked at */
void ngx_sio_lock(ngx_sio_zone_t *z);
void ngx_sio_unlock(ngx_sio_zone_t *z);

/* puts all back to where the section began; it goes on */
void ngx_sio_undo_section(ngx_sio_zone_t *z);

void ngx_sio_private_free(ngx_sio_zone_t *z);

ngx_uint_t ngx_sio_process_start(ngx_pid_t pid, uint32_t start[2]);


/* the journal (ngx_sio_journal.c) */

void ngx_sio_set(ngx_sio_zone_t *z, uint32_t *word, uint32_t value);
void ngx_sio_commit(ngx_sio_zone_t *z);

void ngx_sio_rollback(ngx_sio_zone_t *z);


/* cells (ngx_sio_heap.c) */

/* 0: there is none; noted as the section's failure */
ngx_sio_ref_t ngx_sio_alloc(ngx_sio_zone_t *z, ngx_uint_t class);
void ngx_sio_free(ngx_sio_zone_t *z, ngx_sio_ref_t ref);

/* whether a cell of the class is left */
ngx_uint_t ngx_sio_available(ngx_sio_zone_t *z, ngx_uint_t class);

size_t ngx_sio_class_size(ngx_uint_t class);
ngx_uint_t ngx_sio_class_cells(ngx_uint_t class);

/* the class of a live cell that begins at ref, NGX_SIO_CLASS_FREE: none */
ngx_uint_t ngx_sio_class(ngx_sio_zone_t *z, ngx_sio_ref_t ref);

/* a record by its handle; NULL if it is gone */
void *ngx_sio_lookup(ngx_sio_zone_t *z, ngx_sio_handle_t handle,
    ngx_uint_t class);

#define ngx_sio_session_lookup(z, h)                                          \
    ((ngx_sio_session_sh_t *) ngx_sio_lookup(z, h, NGX_SIO_CLASS_SESSION))
#define ngx_sio_socket_lookup(z, h)                                           \
    ((ngx_sio_socket_sh_t *) ngx_sio_lookup(z, h, NGX_SIO_CLASS_SOCKET))

/* to a client a closed one is there only while it has a last GET to come */

#define ngx_sio_session_known(s)                                              \
    ((s) != NULL                                                              \
     && ((s)->state == NGX_SIO_SESSION_OPEN                                   \
         || ((s)->flags & NGX_SIO_SESSION_LINGER)))

uint32_t ngx_sio_next_gen(ngx_sio_zone_t *z);


/* blobs (ngx_sio_blob.c) */

ngx_sio_ref_t ngx_sio_blob_create_locked(ngx_sio_zone_t *z, size_t head,
    const ngx_sio_body_t *body);
ngx_sio_ref_t ngx_sio_blob_string_locked(ngx_sio_zone_t *z,
    const ngx_str_t *s);

/* in sections of its own; the blob is listed at this worker's slot until
   ngx_sio_blob_publish_locked() */
ngx_int_t ngx_sio_blob_prepare(ngx_sio_zone_t *z, size_t head,
    const ngx_sio_body_t *body, ngx_sio_ref_t *ref);
void ngx_sio_blob_publish_locked(ngx_sio_zone_t *z, ngx_sio_ref_t ref);
void ngx_sio_blob_discard(ngx_sio_zone_t *z, ngx_sio_ref_t ref);

void ngx_sio_blob_retain_locked(ngx_sio_zone_t *z, ngx_sio_ref_t ref);
void ngx_sio_blob_release_locked(ngx_sio_zone_t *z, ngx_sio_ref_t ref);
void ngx_sio_blob_trash_locked(ngx_sio_zone_t *z, ngx_sio_ref_t ref);

/* bytes of a blob, from the beginning of its content */
void ngx_sio_blob_read(ngx_sio_zone_t *z, ngx_sio_ref_t ref, size_t off,
    u_char *dst, size_t len);
void ngx_sio_blob_write(ngx_sio_zone_t *z, ngx_sio_ref_t ref, size_t off,
    const void *src, size_t len);

/* the content as a string; NGX_ERROR: no memory in the pool */
ngx_int_t ngx_sio_blob_copy(ngx_sio_zone_t *z, ngx_sio_ref_t ref,
    ngx_pool_t *pool, ngx_str_t *s);

ngx_int_t ngx_sio_string_prepare(ngx_sio_zone_t *z, const ngx_str_t *s,
    ngx_sio_ref_t *ref);
ngx_sio_ref_t ngx_sio_string_publish_locked(ngx_sio_zone_t *z,
    const ngx_str_t *s, ngx_sio_ref_t prepared);
void ngx_sio_string_replace_locked(ngx_sio_zone_t *z, uint32_t *word,
    const ngx_str_t *s, ngx_sio_ref_t prepared);

void ngx_sio_blobs_trash_locked(ngx_sio_zone_t *z, uint32_t *list);

/* returns cells of what is no longer used; NGX_AGAIN: there is more */
ngx_int_t ngx_sio_trash_locked(ngx_sio_zone_t *z);


/* nodes (ngx_sio_node.c) */

ngx_sio_ref_t ngx_sio_node_create_locked(ngx_sio_zone_t *z, ngx_uint_t type,
    ngx_uint_t flags, ngx_sio_ref_t blob);
void ngx_sio_node_free_locked(ngx_sio_zone_t *z, ngx_sio_ref_t ref);
void ngx_sio_nodes_trash_locked(ngx_sio_zone_t *z, ngx_sio_ref_t first,
    ngx_sio_ref_t last);
void ngx_sio_nodes_used_locked(ngx_sio_zone_t *z, ngx_sio_ref_t first,
    ngx_sio_ref_t last);
ngx_int_t ngx_sio_node_entry(ngx_sio_zone_t *z, ngx_sio_ref_t ref,
    ngx_sio_entry_t *entry);


/* hash (ngx_sio_hash.c) */

typedef enum {
    NGX_SIO_TABLE_SESSIONS = 0,
    NGX_SIO_TABLE_SOCKETS,
    NGX_SIO_TABLE_ROOMS,
    NGX_SIO_TABLE_ADDRESSES,
    NGX_SIO_NTABLES
} ngx_sio_table_e;

uint32_t ngx_sio_hash(ngx_sio_zone_t *z, uint32_t seed, const u_char *data,
    size_t len);
uint64_t ngx_sio_hash64(ngx_sio_zone_t *z, uint32_t seed, const u_char *data,
    size_t len);
uint32_t *ngx_sio_bucket(ngx_sio_zone_t *z, ngx_uint_t table, uint32_t hash);


/* deadlines (ngx_sio_wheel.c) */

#define ngx_sio_before(a, b)  ((int32_t) ((uint32_t) (a) - (uint32_t) (b)) < 0)
#define ngx_sio_passed(t, now)  ((t) && !ngx_sio_before(now, t))

/* 0 stands for "none" */
#define ngx_sio_time(t)       ((uint32_t) (t) ? (uint32_t) (t) : 1)

/* and back to the callers' clock */
#define ngx_sio_msec(t)                                                       \
    (ngx_current_msec                                                         \
     + (ngx_msec_int_t) (int32_t) ((t) - (uint32_t) ngx_current_msec))

typedef enum {
    NGX_SIO_WHEEL_SESSIONS = 0,
    NGX_SIO_WHEEL_ACKS,
    NGX_SIO_WHEEL_TOKENS
} ngx_sio_wheel_e;

void ngx_sio_timer_set_locked(ngx_sio_zone_t *z, ngx_uint_t wheel,
    ngx_sio_timer_sh_t *timer, uint32_t due, uint32_t now);
void ngx_sio_timer_del_locked(ngx_sio_zone_t *z, ngx_uint_t wheel,
    ngx_sio_timer_sh_t *timer);

/* moves at most max timers that have passed to wheel->due; NGX_AGAIN: it
   stopped before now */
ngx_int_t ngx_sio_wheel_turn_locked(ngx_sio_zone_t *z, ngx_uint_t wheel,
    uint32_t now, ngx_uint_t max);


/* slots (ngx_sio_slot.c) */

#define ngx_sio_slot(z, i)    (&(z)->root->slots[i])

#define ngx_sio_slot_live(z, i)                                               \
    ((i) < NGX_SIO_MAX_SLOTS                                                  \
     && (z)->root->slots[i].state == NGX_SIO_SLOT_LIVE)

/* a system call or two */
ngx_uint_t ngx_sio_slot_alive(ngx_sio_slot_sh_t *slot);

void ngx_sio_inbox_push_locked(ngx_sio_zone_t *z, ngx_uint_t slot,
    ngx_sio_ref_t node);
void ngx_sio_inbox_take_locked(ngx_sio_zone_t *z);
void ngx_sio_ready_take_locked(ngx_sio_zone_t *z);
void ngx_sio_slot_wake_locked(ngx_sio_zone_t *z, ngx_uint_t slot);

uint32_t ngx_sio_role_acquire_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s, ngx_uint_t role);
uint32_t ngx_sio_role_give_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_uint_t role, ngx_uint_t slot);
void ngx_sio_role_drop_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_uint_t role);
void ngx_sio_role_wake_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_uint_t role, ngx_uint_t wake);

#define ngx_sio_role_held(s, r)   ((s)->roles[r].info & NGX_SIO_ROLE_HELD)

/* is it this worker's, with this generation */
#define ngx_sio_role_mine(z, s, r, g)                                         \
    (ngx_sio_role_held(s, r)                                                  \
     && ngx_sio_role_slot((s)->roles[r].info) == (z)->slot                    \
     && (s)->roles[r].gen == (g))


/* sessions (ngx_sio_session.c, ngx_sio_poll.c) */

#define ngx_sio_session_handle(z, s, h)                                       \
    (h)->ref = ngx_sio_ref(z, s); (h)->gen = (s)->gen

#define ngx_sio_session_polling(s)    ((s)->slot == NGX_SIO_NO_SLOT)

ngx_sio_session_sh_t *ngx_sio_session_by_sid_locked(ngx_sio_zone_t *z,
    const u_char *sid);
void ngx_sio_session_info_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_sio_session_info_t *info);
ngx_int_t ngx_sio_session_close_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s, ngx_sio_reason_e reason, ngx_uint_t linger);
void ngx_sio_session_assign_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s, ngx_uint_t wake);
void ngx_sio_session_settle_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s);
void ngx_sio_session_schedule_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s, uint32_t now);
void ngx_sio_session_due_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    uint32_t now);

/* addresses (ngx_sio_address.c): counts a new session, key NULL: does not.
   NGX_OK, also when the section has failed; NGX_DECLINED: too many */
ngx_int_t ngx_sio_address_count_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s, const u_char *key);
void ngx_sio_address_uncount_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s);

/* it has a socket, or never will: no handshake any more */
void ngx_sio_session_joined_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s);

/* appends to a polling session's queue; past its limits the session is
   closed */
void ngx_sio_queue_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_uint_t type, ngx_uint_t flags, ngx_sio_ref_t blob);
void ngx_sio_queue_take_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_sio_batch_t *batch);
void ngx_sio_queue_drop_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s);

/* would a volatile message be delivered now */
#define ngx_sio_queue_idle(s)                                                 \
    ((s)->queue_count == 0 && ngx_sio_role_held(s, NGX_SIO_ROLE_GET))

/* the partial packet leaves the session, to be copied without the lock; it is
   freed in this worker's next section */
ngx_sio_ref_t ngx_sio_partial_take_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s);


/* sockets and rooms (ngx_sio_socket.c, ngx_sio_room.c) */

#define ngx_sio_socket_session(z, k)                                          \
    ((ngx_sio_session_sh_t *) ngx_sio_ptr(z, (k)->session))

ngx_sio_socket_sh_t *ngx_sio_socket_connected(ngx_sio_zone_t *z,
    ngx_sio_handle_t socket);
ngx_sio_socket_sh_t *ngx_sio_socket_by_id_locked(ngx_sio_zone_t *z,
    ngx_sio_ref_t nsp, const ngx_str_t *id);
ngx_sio_room_sh_t *ngx_sio_room_lookup_locked(ngx_sio_zone_t *z,
    ngx_sio_ref_t nsp, const ngx_str_t *name);
ngx_uint_t ngx_sio_room_size_locked(ngx_sio_zone_t *z, ngx_sio_ref_t nsp,
    const ngx_str_t *name);
ngx_sio_room_sh_t *ngx_sio_room_create_locked(ngx_sio_zone_t *z,
    ngx_sio_ref_t nsp, const ngx_str_t *name);
void ngx_sio_room_settle_locked(ngx_sio_zone_t *z, ngx_sio_room_sh_t *room);
ngx_uint_t ngx_sio_room_count(ngx_sio_zone_t *z, ngx_sio_room_sh_t *room,
    ngx_uint_t slot);

void ngx_sio_room_slots(ngx_sio_zone_t *z, ngx_sio_room_sh_t *room,
    uint32_t *mask);
void ngx_sio_room_name(ngx_sio_zone_t *z, ngx_sio_room_sh_t *room,
    u_char *dst);

#define ngx_sio_room_members(room)                                            \
    ((room)->polling.count + (room)->ws.count)

void ngx_sio_change_own(ngx_sio_zone_t *z, ngx_uint_t type,
    ngx_sio_socket_sh_t *k, ngx_sio_ref_t room);
ngx_sio_member_sh_t *ngx_sio_member_locked(ngx_sio_zone_t *z,
    ngx_sio_socket_sh_t *k, ngx_sio_ref_t room);
void ngx_sio_member_join_locked(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    ngx_sio_room_sh_t *room);
void ngx_sio_member_leave_locked(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    ngx_sio_member_sh_t *m);
void ngx_sio_member_move_locked(ngx_sio_zone_t *z, ngx_sio_member_sh_t *m,
    ngx_uint_t slot);

/* takes at most max memberships of a socket apart, and the record with the
   last one.  NGX_OK, NGX_AGAIN */
ngx_int_t ngx_sio_socket_remove_locked(ngx_sio_zone_t *z,
    ngx_sio_socket_sh_t *k, ngx_uint_t max);

ngx_int_t ngx_sio_socket_info_locked(ngx_sio_zone_t *z,
    ngx_sio_socket_sh_t *k, ngx_pool_t *pool, ngx_sio_socket_info_t *info);

/* names to references, in p->refs: ngx_sio_reserve(ngx_sio_targets_refs())
   was called before.  NGX_DECLINED: there is no such namespace */
ngx_int_t ngx_sio_targets_locked(ngx_sio_zone_t *z,
    const ngx_sio_target_t *target, ngx_sio_targets_t *t);
#define ngx_sio_targets_refs(target)                                          \
    (2 * ((target)->nto + (target)->nexcept) + 4)

/* a number that no socket's stamp has yet; those not meant are stamped, with
   a WebSocket too if ws is set */
uint32_t ngx_sio_stamp_locked(ngx_sio_zone_t *z, ngx_sio_targets_t *t,
    ngx_uint_t ws);


/* users (ngx_sio_user.c) */

/* kicked in one section at most: the rest goes in sections before */
#define NGX_SIO_USER_KICKS    64

/* changes of the caller's own that a user's come to, for ngx_sio_reserve() */
#define NGX_SIO_USER_CHANGES  (2 + 2 * NGX_SIO_USER_KICKS)

#define NGX_SIO_USER_THIN     (-100)

/* NGX_OK, also when the section has failed; NGX_AGAIN: the user has as many
   sockets as it may; NGX_ERROR: a name is too long; NGX_SIO_USER_THIN: call
   ngx_sio_user_thin() first.  In the last three the section is to be undone */
ngx_int_t ngx_sio_user_set_locked(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    const ngx_sio_user_t *user);

/* a section of its own: kicks the oldest of a user that has far too many */
ngx_int_t ngx_sio_user_thin(ngx_sio_zone_t *z, const ngx_str_t *nsp,
    const ngx_sio_user_t *user);


/* tokens (ngx_sio_token.c) */

void ngx_sio_token_create_locked(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    const ngx_sio_token_t *token);
void ngx_sio_token_free_locked(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k);

/* seconds since 1970, 0: never */
uint32_t ngx_sio_token_expires(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k);


/* ngx_sio_kick.c; the session is open.  When memory is missing the section
   has failed */
void ngx_sio_kick_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_sio_socket_sh_t *k, ngx_uint_t close);


/* life of rooms (ngx_sio_life.c): space for what joins or leaves of these
   rooms, and a change of user (or NULL), have to tell; before
   ngx_sio_begin() */
void ngx_sio_life_reserve(ngx_sio_zone_t *z, const ngx_str_t *rooms,
    ngx_uint_t n, const ngx_sio_user_t *user);

/* the same where the rooms are not known yet: look at ngx_sio_life_full() */
void ngx_sio_life_reserve_any(ngx_sio_zone_t *z);

/* what: NGX_SIO_LIFE_* */
void ngx_sio_life_note(ngx_sio_zone_t *z, ngx_uint_t what,
    ngx_sio_socket_sh_t *k, ngx_sio_room_sh_t *room);
ngx_uint_t ngx_sio_life_full(ngx_sio_zone_t *z);
void ngx_sio_life_tell(ngx_sio_zone_t *z);


/* acks (ngx_sio_ack.c) */

void ngx_sio_ack_create_locked(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    uint32_t id, uint32_t timeout, ngx_sio_ref_t name);
void ngx_sio_ack_free_locked(ngx_sio_zone_t *z, ngx_sio_ack_sh_t *ack);


/* formatting (ngx_sio_zone.c) */

void ngx_sio_zone_format(ngx_sio_root_t *root);
ngx_int_t ngx_sio_zone_reset_locked(ngx_sio_zone_t *z);


/* the checker (ngx_sio_check.c) */

const char *ngx_sio_check_locked(ngx_sio_zone_t *z);


#endif /* _NGX_SIO_INTERNAL_H_INCLUDED_ */
