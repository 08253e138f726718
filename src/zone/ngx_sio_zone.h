
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The zone: what all workers share.  Sessions, sockets, rooms, one inbox per
 * worker.  It knows ids, names, bytes and worker slots; not packets, not JSON,
 * not requests.
 *
 * Every function takes the zone's lock itself, for one short section, unless
 * its comment says "no lock".  A section is a transaction: a worker that is
 * killed inside leaves nothing behind (docs/shared-memory.md).
 *
 * Sections that emit, or change what a worker's private arrays mirror, also
 * take this worker's inbox.  After the lock is released, and before the
 * function returns, the entries taken are handed in order to z->apply, then
 * the caller's own change, as an entry too, last.  z->apply is pure: it
 * appends bytes to connections or edits arrays, and calls nothing here but
 * the functions marked "no lock".  Roles that were woken go to z->ready, which
 * only queues them for the event loop; any function that takes the lock may
 * call it.
 *
 * A worker without a slot has no inbox and cannot hold a role: for it
 * session_create() is NGX_BUSY, get_open(), post_open() and probe() are
 * NGX_DECLINED.  It may look things up, emit, join, close sessions.
 *
 * Common return codes, beside those listed at each function:
 *
 *     NGX_OK        done
 *     NGX_DONE      the session or socket named is gone (or closed)
 *     NGX_BUSY      the zone is full (counted; nothing was changed)
 *     NGX_ABORT     the zone was reset, the caller's worker must let go of
 *                   all it has and call ngx_sio_zone_acknowledge()
 */


#ifndef _NGX_SIO_ZONE_H_INCLUDED_
#define _NGX_SIO_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_SIO_ID_LEN        20
#define NGX_SIO_ADDRESS_LEN   16
#define NGX_SIO_MAX_SLOTS     128
#define NGX_SIO_NO_SLOT       255
#define NGX_SIO_MIN_ZONE      (256 * 1024)

/* the tag of the shared zone: changes with the layout, not with the module */
#define NGX_SIO_ZONE_TAG      ((void *) (uintptr_t) 0x53494f32)


/* a record's place: units of 16 bytes from the zone's base; 0 is none */

typedef uint32_t  ngx_sio_ref_t;


/* a record's place and the generation it must still have there */

typedef struct {
    ngx_sio_ref_t            ref;
    uint32_t                 gen;
} ngx_sio_handle_t;


typedef struct ngx_sio_zone_s   ngx_sio_zone_t;
typedef struct ngx_sio_root_s   ngx_sio_root_t;       /* in the zone */


/* what a worker can be for a session; one link in the record for each, so
   that waking needs no memory */

typedef enum {
    NGX_SIO_ROLE_GET = 0,           /* holds the parked GET */
    NGX_SIO_ROLE_POST,              /* processes a POST: also "exec" */
    NGX_SIO_ROLE_WS,                /* has the WebSocket: "exec" as well,
                                       unless a POST is in progress */
    NGX_SIO_ROLE_CANDIDATE,         /* has a WebSocket that probes */
    NGX_SIO_ROLE_END,               /* does the end-of-life work */
    NGX_SIO_NROLES
} ngx_sio_role_e;


/* why a role was woken */

#define NGX_SIO_WAKE_DATA      0x01 /* GET: the queue has something */
#define NGX_SIO_WAKE_NOOP      0x02 /* GET: answer "6", an upgrade is on */
#define NGX_SIO_WAKE_CLOSE     0x04 /* GET: answer "1"; WS, CANDIDATE: close;
                                       POST: drop the packets left */
#define NGX_SIO_WAKE_POST_END  0x08 /* CANDIDATE: the POST it waited for is
                                       over */
#define NGX_SIO_WAKE_END       0x10 /* END: do the end-of-life work */
#define NGX_SIO_WAKE_KICK      0x20 /* END: sockets of the session are to be
                                       disconnected: ngx_sio_session_kicked() */


/* why a session closed; the first one wins */

typedef enum {
    NGX_SIO_REASON_NONE = 0,
    NGX_SIO_TRANSPORT_ERROR,
    NGX_SIO_TRANSPORT_CLOSE,
    NGX_SIO_FORCED_CLOSE,
    NGX_SIO_PING_TIMEOUT,
    NGX_SIO_PARSE_ERROR,
    NGX_SIO_SERVER_SHUTTING_DOWN,
    NGX_SIO_FORCED_SERVER_CLOSE,
    NGX_SIO_CLIENT_NAMESPACE_DISCONNECT,
    NGX_SIO_SERVER_NAMESPACE_DISCONNECT
} ngx_sio_reason_e;


/*
 * A message's bytes are opaque here.  On the way in they are buffers of the
 * caller's; on the way out (another worker's emit, a session's queue) they
 * lie in segments in the zone and are copied by ngx_sio_body_read().
 */

typedef struct {
    size_t                   len;      /* bytes in all */
    const ngx_str_t         *bufs;     /* the bytes, when they are private */
    ngx_uint_t               nbufs;
    ngx_sio_ref_t            ref;      /* the blob, when they are in the zone */
    size_t                   start;    /* where in the blob they begin */
} ngx_sio_body_t;


/*
 * The form in which a session's client takes packets: bits of the caller's,
 * kept with the session, but for this one, that its requests must agree with
 */

#define NGX_SIO_FORM_EIO3      0x01   /* Engine.IO v3, else v4 */


#define NGX_SIO_VOLATILE       0x01
#define NGX_SIO_NO_COMPRESS    0x02


typedef enum {
    NGX_SIO_ENTRY_MESSAGE = 1,      /* to rooms and single sockets */
    NGX_SIO_ENTRY_SEND,             /* to one session */
    NGX_SIO_ENTRY_ADD,              /* socket is now a member of room */
    NGX_SIO_ENTRY_REMOVE,           /* socket is no longer a member of room */
    NGX_SIO_ENTRY_PING,             /* in a batch: an Engine.IO ping; v3: the
                                       answer to one */
    NGX_SIO_ENTRY_KICK,             /* socket gets no more messages: it is
                                       about to be disconnected */
    NGX_SIO_ENTRY_REPLY,            /* an answer this worker waits for */
    NGX_SIO_ENTRY_OVERFLOW          /* the inbox was lost: close all WebSockets
                                       of this worker */
} ngx_sio_entry_e;


/* valid until the next call that takes the lock */

typedef struct {
    ngx_sio_entry_e          type;
    ngx_uint_t               flags;    /* NGX_SIO_VOLATILE ... */

    ngx_sio_body_t           body;     /* MESSAGE, SEND, REPLY */

    /* MESSAGE: each receiver once; targets and except hold rooms (their refs)
       first, then sockets (their refs) */
    const ngx_sio_ref_t     *to_rooms;
    ngx_uint_t               nto_rooms;
    const ngx_sio_ref_t     *to_sockets;
    ngx_uint_t               nto_sockets;
    const ngx_sio_ref_t     *except_rooms;
    ngx_uint_t               nexcept_rooms;
    const ngx_sio_ref_t     *except_sockets;
    ngx_uint_t               nexcept_sockets;

    uint32_t                 ack_id;       /* valid when ack_name.len; REPLY:
                                              the id given */
    ngx_msec_t               ack_timeout;  /* milliseconds, 0: none */
    ngx_str_t                ack_name;

    ngx_sio_handle_t         session;  /* SEND, ADD */
    ngx_sio_handle_t         socket;   /* ADD, REMOVE, KICK */
    ngx_sio_ref_t            room;     /* ADD, REMOVE */
} ngx_sio_entry_t;


typedef void (*ngx_sio_apply_pt)(void *data, ngx_sio_entry_t *entry);
typedef void (*ngx_sio_ready_pt)(void *data, ngx_sio_handle_t session,
    ngx_sio_role_e role, ngx_uint_t wake);


/*
 * The life of a room, told once, by the worker whose call changed it: what is a
 * sum of NGX_SIO_LIFE_*, in their order.  A room named by a socket's id is not
 * told of.  A worker that is killed between the section and the call has told
 * nobody; what had no memory is counted (NGX_SIO_HOOK_LOST).
 */

#define NGX_SIO_LIFE_CREATED   0x01
#define NGX_SIO_LIFE_JOINED    0x02
#define NGX_SIO_LIFE_LEFT      0x04
#define NGX_SIO_LIFE_DELETED   0x08

typedef struct {
    ngx_uint_t               what;
    ngx_str_t                nsp;      /* valid during the call */
    ngx_str_t                room;
    u_char                   id[NGX_SIO_ID_LEN];
    ngx_uint_t               prefixed; /* its id is "NSP#ID" */
    uint64_t                 seq;      /* a later section has a greater one */
} ngx_sio_life_t;

typedef void (*ngx_sio_life_pt)(void *data, const ngx_sio_life_t *life);


/* one per zone and process; allocated by the caller */

struct ngx_sio_zone_s {
    ngx_slab_pool_t         *shpool;
    ngx_sio_root_t          *root;
    u_char                  *base;
    ngx_log_t               *log;

    ngx_uint_t               slot;        /* NGX_SIO_NO_SLOT: none */
    uint32_t                 slot_gen;
    uint32_t                 epoch;

    ngx_sio_apply_pt         apply;
    ngx_sio_ready_pt         ready;
    ngx_sio_life_pt          life;        /* pure as apply; NULL: nobody wants
                                             to know */
    void                    *data;

    void                    *scratch;     /* the zone layer's own, private */
    size_t                   scratch_size;

    ngx_uint_t               crash_at;    /* tests: die after the k-th write */
};


/* limits, kept in the zone by the first ngx_sio_zone_init() and refreshed by
   ngx_sio_zone_configure() */

typedef struct {
    ngx_uint_t               max_rooms;         /* of one socket */
    ngx_uint_t               max_namespaces;    /* sockets of one session */
    ngx_uint_t               max_acks;          /* pending, of one socket */
    ngx_uint_t               max_room_name;     /* bytes */
    ngx_uint_t               max_data;          /* bytes of a socket's data */
    ngx_uint_t               max_queue;         /* messages queued for one
                                                   polling session */
    size_t                   max_queue_size;    /* bytes, likewise */
    ngx_uint_t               max_inbox;         /* entries of one worker */
    size_t                   max_inbox_size;    /* bytes, likewise */
    ngx_uint_t               max_sessions;      /* of one address, 0: any */
    ngx_uint_t               max_handshakes;    /* sessions that have joined
                                                   nothing yet, 0: any */
} ngx_sio_limits_t;


/*
 * Start, attach, workers (ngx_sio_zone.c, ngx_sio_slot.c)
 */

/*
 * Formats a new zone in the slab pool's free pages and returns its root; for
 * an old one (shpool->data set) only returns it.  Called in the master while
 * it reads the configuration; changes nothing in a zone that lives.  No lock.
 *
 * NGX_OK, or NGX_ERROR: too small, or the layout differs (logged)
 */
ngx_int_t ngx_sio_zone_init(ngx_slab_pool_t *shpool,
    const ngx_sio_limits_t *limits, ngx_sio_root_t **root, ngx_log_t *log);

/*
 * In the master, after the configuration was accepted: makes the eventfds of
 * a new zone (once), takes over changed limits.  No lock.
 */
ngx_int_t ngx_sio_zone_configure(ngx_sio_root_t *root,
    const ngx_sio_limits_t *limits, ngx_log_t *log);

/*
 * In the master, when a new configuration has no use for the zone any more:
 * closes its eventfds.  Old workers have theirs.  No lock.
 */
void ngx_sio_zone_close(ngx_sio_root_t *root);

/*
 * In a worker: claims a slot; z->root, shpool, log, apply, ready, life, data
 * are set by the caller, all else is zeroed.  NGX_BUSY: all slots taken
 * (z->slot is NGX_SIO_NO_SLOT).  NGX_ABORT: the zone is being reset;
 * acknowledge() claims the slot then.
 */
ngx_int_t ngx_sio_slot_claim(ngx_sio_zone_t *z);

/* gives the slot back, and z's private memory; sessions whose roles it still
   has are left to reaping by others */
void ngx_sio_slot_release(ngx_sio_zone_t *z);

/* the eventfd that wakes this worker; -1 without slot.  No lock. */
ngx_fd_t ngx_sio_slot_fd(ngx_sio_zone_t *z);

/* non-zero when the inbox or the ready list has something.  One atomic load,
   no lock. */
ngx_uint_t ngx_sio_pending(ngx_sio_zone_t *z);

/*
 * Takes and applies the inbox and the ready list.  The caller has read its
 * eventfd before.  NGX_OK; NGX_AGAIN: there is more
 */
ngx_int_t ngx_sio_drain(ngx_sio_zone_t *z);

/*
 * Looks for dead workers and takes apart what they had: sessions with a
 * WebSocket, GET, POST or candidate there are closed as "transport error" and
 * their end-of-life work goes to this worker (z->ready, NGX_SIO_WAKE_END).
 * At most 64 sessions a hold.  NGX_OK: none left; NGX_AGAIN: call again soon
 */
ngx_int_t ngx_sio_reap(ngx_sio_zone_t *z);

/*
 * Heartbeats and deadlines of polling sessions that have passed (at most 64
 * a hold, 512 a call): pings are queued, sessions closed.
 * now: ngx_current_msec.  NGX_OK, NGX_AGAIN: more is due
 */
ngx_int_t ngx_sio_sweep(ngx_sio_zone_t *z, ngx_msec_t now);

/*
 * After NGX_ABORT, when the worker has let go of everything.  Claims a slot
 * again if others took this worker for dead: look at slot_fd().
 * NGX_OK; NGX_AGAIN: other workers have not acknowledged yet, call again soon
 */
ngx_int_t ngx_sio_zone_acknowledge(ngx_sio_zone_t *z);


/*
 * Sessions (ngx_sio_session.c)
 */

typedef struct {
    u_char                   sid[NGX_SIO_ID_LEN];
    uint32_t                 location;        /* key, the caller's */
    uint32_t                 form;            /* NGX_SIO_FORM_EIO3 ...,
                                                 8 bits */
    ngx_uint_t               websocket;       /* else polling */
    ngx_msec_t               ping_interval;   /* milliseconds; 0: the client
                                                 pings (Engine.IO v3), and is
                                                 closed ping_timeout after
                                                 session_pong() */
    ngx_msec_t               ping_timeout;
    ngx_msec_t               connect_timeout;
    uint32_t                 jsonp;           /* opaque */
    ngx_str_t                info;            /* opaque, kept whole */
    const u_char            *address;         /* the client's, 16 opaque bytes
                                                 to count it by; NULL: it is
                                                 not counted */
} ngx_sio_session_params_t;

/* NGX_OK; NGX_BUSY: also when there are max_handshakes; NGX_ABORT;
   NGX_DECLINED: the address has max_sessions; NGX_ERROR: such a sid exists */
ngx_int_t ngx_sio_session_create(ngx_sio_zone_t *z,
    const ngx_sio_session_params_t *params, ngx_msec_t now,
    ngx_sio_handle_t *session);


typedef struct {
    ngx_sio_handle_t         session;
    u_char                   sid[NGX_SIO_ID_LEN];
    uint32_t                 location;
    uint32_t                 form;
    unsigned                 websocket:1;
    unsigned                 upgrading:1;     /* has a candidate that probed */
    unsigned                 closing:1;
    unsigned                 joined:1;        /* ever had a socket */
    uint32_t                 jsonp;           /* as given at creation */
    ngx_msec_t               ping_at;         /* polling: when the next ping is
                                                 due (ngx_current_msec) */
    ngx_msec_t               connect_at;      /* polling: connect deadline, 0
                                                 when a socket has joined */
} ngx_sio_session_info_t;

/* looks a session up by its sid.  NGX_OK, NGX_DECLINED: unknown, or closed and
   nobody is to hear of it any more, NGX_ABORT */
ngx_int_t ngx_sio_session_find(ngx_sio_zone_t *z, const u_char *sid,
    ngx_sio_session_info_t *info);

/* the same by handle.  NGX_OK (a closed session as well, while its record is
   there), NGX_DONE, NGX_ABORT */
ngx_int_t ngx_sio_session_info(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_sio_session_info_t *info);

/* copies the bytes given at creation to *info (allocated from pool) */
ngx_int_t ngx_sio_session_params(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_pool_t *pool, ngx_str_t *info);


/* a polling session's queue, taken; valid until the next call with a lock */

typedef struct {
    ngx_sio_ref_t            next;
    ngx_uint_t               n;          /* entries */
    size_t                   len;        /* bytes of all bodies */
    unsigned                 close:1;    /* the last one, empty: answer an
                                            Engine.IO noop and a close packet;
                                            what was queued went before, in an
                                            answer of its own */
} ngx_sio_batch_t;

/* the next entry (MESSAGE or PING).  NGX_OK, NGX_DONE.  No lock. */
ngx_int_t ngx_sio_batch_next(ngx_sio_zone_t *z, ngx_sio_batch_t *batch,
    ngx_sio_entry_t *entry);


typedef struct {
    ngx_sio_session_info_t   info;
    uint32_t                 gen;        /* of the role: give it back with it */
    ngx_msec_t               ping_at;    /* GET parked: when the next ping is
                                            due, or the answer to the last one
                                            (ngx_current_msec clock), 0: never;
                                            call get_take() then */
    ngx_sio_batch_t          batch;      /* GET: what to answer */
    ngx_str_t                partial;    /* POST: see session_partial(); from
                                            the pool given */
} ngx_sio_request_t;

/*
 * A GET of a polling session.
 *
 * NGX_OK        answer rq->batch now (the queue was not empty, or closing)
 * NGX_AGAIN     parked: this worker has the GET role with generation rq->gen
 * NGX_BUSY      another GET is pending: the session is closed (transport
 *               error), its holder answers "1"; answer this one 400
 * NGX_DECLINED  sid unknown
 * NGX_ERROR     the session's transport is not polling, or its protocol is
 *               not that of form
 */
ngx_int_t ngx_sio_get_open(ngx_sio_zone_t *z, const u_char *sid,
    uint32_t form, ngx_msec_t now, ngx_sio_request_t *rq);

/*
 * The parked GET answers: takes the queue and gives the role back in one
 * section.  force: also when the queue is empty (for "6", "1").
 * Queues a ping that is due, closes when a deadline has passed.
 * NGX_OK: answer batch; NGX_AGAIN: nothing there, still parked; NGX_DONE: the
 * role is not this worker's any more (answer "1")
 */
ngx_int_t ngx_sio_get_take(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    uint32_t gen, ngx_uint_t force, ngx_msec_t now, ngx_sio_batch_t *batch);

/* the client is gone: closes the session (transport error) if the role still
   is this worker's.  NGX_OK, NGX_DONE */
ngx_int_t ngx_sio_get_abort(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    uint32_t gen);

/*
 * A POST begins (before its body is read).  Queues a ping that is due, closes
 * when a deadline has passed.
 * NGX_OK        this worker has the POST role, generation rq->gen
 * NGX_BUSY      another POST is in progress: the session is closed
 * NGX_DECLINED  sid unknown
 * NGX_DONE      closing, its last GET is still to come: drop the packets
 * NGX_ERROR     as in get_open()
 */
ngx_int_t ngx_sio_post_open(ngx_sio_zone_t *z, const u_char *sid,
    uint32_t form, ngx_msec_t now, ngx_pool_t *pool, ngx_sio_request_t *rq);

/*
 * All packets are processed, "ok" may be sent.  partial: a packet whose
 * attachments are still to come, kept for the next POST (or the WebSocket).
 * NGX_OK, NGX_DONE: the session was closed meanwhile (the role is given back);
 * NGX_BUSY: no memory for partial, the role still is this worker's
 */
ngx_int_t ngx_sio_post_close(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    uint32_t gen, const ngx_str_t *partial);

/* the body did not arrive: closes the session (transport error) */
ngx_int_t ngx_sio_post_abort(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    uint32_t gen);

/* another packet of a polling session that owes a pong: it has the whole time
   for it once more.  NGX_OK, NGX_DONE */
ngx_int_t ngx_sio_session_alive(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_msec_t now);

/* a POST of it is being held: what is to come from the client cannot, so the
   time for it begins anew.  NGX_OK, NGX_DONE */
ngx_int_t ngx_sio_session_held(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_msec_t now);

/* a pong of a polling session, or (Engine.IO v3) its ping: the answer, an
   entry PING, is queued */
ngx_int_t ngx_sio_session_pong(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_msec_t now);

/*
 * Upgrade (architecture 11).  candidate: this worker's WebSocket becomes the
 * candidate.  probe: it does so, or is it with *gen, and has sent "2probe"; a
 * pending GET is woken with NOOP.
 * NGX_OK, NGX_DECLINED: it has one already or is a WebSocket, NGX_DONE
 */
ngx_int_t ngx_sio_session_candidate(ngx_sio_zone_t *z,
    ngx_sio_handle_t session, uint32_t *gen);
ngx_int_t ngx_sio_session_probe(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    uint32_t *gen);

/* the candidate is lost, late or bad; gen 0: whichever this worker has */
ngx_int_t ngx_sio_session_unprobe(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    uint32_t gen);

/* a membership of the session's sockets, for the worker's arrays */

typedef struct {
    ngx_sio_handle_t         socket;
    ngx_sio_ref_t            room;
} ngx_sio_membership_t;

/*
 * The candidate becomes the transport, with or without a probe before (then
 * gen is 0).  In one section: transport, count in the rooms, inbox; afterwards
 * the inbox is applied; the caller appends batch, then adds members[0..n).
 *
 * NGX_OK        *n memberships are in members; partial as in post_open
 * NGX_AGAIN     a POST is in progress: the CANDIDATE role (taken here when gen
 *               is 0) will be woken with NGX_SIO_WAKE_POST_END
 * NGX_DECLINED  members has too little room: *n is what it takes, call again
 * NGX_BUSY      closed, its last GET is still to come: batch has what it would
 *               have got, the role is given back; append it and close
 * NGX_ERROR     not polling any more, or another candidate has probed
 * NGX_DONE      the session is gone
 *
 * A GET that is still parked is woken with NGX_SIO_WAKE_CLOSE.
 */
ngx_int_t ngx_sio_session_upgrade(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    uint32_t gen, ngx_sio_batch_t *batch, ngx_sio_membership_t *members,
    ngx_uint_t *n, ngx_pool_t *pool, ngx_str_t *partial);

/*
 * Queues a body for one session, whatever its transport and worker: to its
 * queue (polling), its worker's inbox (WebSocket elsewhere), or, its WebSocket
 * being this worker's, as a SEND entry to z->apply.
 */
ngx_int_t ngx_sio_session_send(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    const ngx_sio_body_t *body, ngx_uint_t flags);

/*
 * Closes a session: the first reason wins, packets queued so far are kept for
 * a last GET when linger is set (Engine.IO's close()), dropped otherwise.
 * Whoever must do the end-of-life work gets NGX_SIO_WAKE_END through its ready
 * list, and that may be this worker.  NGX_OK, NGX_DONE: closed already
 */
ngx_int_t ngx_sio_session_close(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_sio_reason_e reason, ngx_uint_t linger);

/* the reason it was closed with */
ngx_sio_reason_e ngx_sio_session_reason(ngx_sio_zone_t *z,
    ngx_sio_handle_t session);

/*
 * End-of-life work is done (its sockets are removed; those that are not, are
 * now, with REMOVE entries): holders of other roles
 * are woken with CLOSE, the record goes when the last has let go, or after
 * the linger time (30 s).
 */
ngx_int_t ngx_sio_session_end(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_msec_t now);

/*
 * A closing session's client needs no last GET any more: it has said close
 * itself.  NGX_OK, NGX_DONE: gone, or not closing
 */
ngx_int_t ngx_sio_session_drop(ngx_sio_zone_t *z, ngx_sio_handle_t session);

/*
 * Gives a role back, after NGX_SIO_WAKE_CLOSE was obeyed (GET: use get_take).
 * gen 0: whichever this worker has.  A session that is open and loses its WS or
 * POST in this way is closed ("transport error").
 * NGX_OK, NGX_DONE: the role is not this worker's
 */
ngx_int_t ngx_sio_role_release(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_sio_role_e role, uint32_t gen);


/*
 * Sockets (ngx_sio_socket.c)
 */

/* who a socket is, and what comes with that (ngx_sio_user.c) */

typedef struct {
    ngx_str_t                name;            /* opaque; empty: nobody */
    ngx_str_t                room;            /* that its sockets are in, by
                                                 this alone; empty: none */
    ngx_uint_t               max;             /* sockets with that room in the
                                                 namespace, 0: any number */
    unsigned                 kick:1;          /* beyond max the oldest go, else
                                                 the new one is refused */
} ngx_sio_user_t;

/* what a token says of a socket (ngx_sio_token.c) */

typedef struct {
    ngx_str_t                claims;          /* opaque, may be empty */
    time_t                   expires;         /* seconds since 1970: then it is
                                                 disconnected; 0: never */
    time_t                   warn;            /* seconds before that: then it
                                                 is told, 0: it is not */
} ngx_sio_token_t;

typedef struct {
    ngx_str_t                nsp;             /* name of its namespace */
    u_char                   id[NGX_SIO_ID_LEN];
    ngx_uint_t               prefixed;        /* its id is "NSP#ID" */
    ngx_str_t                auth;            /* opaque, may be empty */
    ngx_str_t                data;            /* first socket data */
    ngx_sio_user_t           user;
    ngx_sio_token_t          token;
    const ngx_str_t         *rooms;           /* first memberships ... */
    const ngx_uint_t        *max;             /* ... each with its max,
                                                 0: none */
    ngx_uint_t               nrooms;
} ngx_sio_socket_params_t;

/*
 * A socket joins its namespace: connected, member of the rooms, all in one
 * section, with the connect answer (body) queued first in the same section.
 * When the session's WebSocket is this worker's, ADD entries and the answer
 * (a SEND entry, first) come through z->apply.
 *
 * NGX_OK, NGX_BUSY; NGX_DECLINED: a room is full (max), one of the limits is
 * passed (sockets of the session, rooms, length of a name or of the data);
 * NGX_AGAIN: its user has as many sockets as it may; NGX_ERROR: it is in this
 * namespace already, or the id is taken
 */
ngx_int_t ngx_sio_socket_connect(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    const ngx_sio_socket_params_t *params, const ngx_sio_body_t *answer,
    ngx_sio_handle_t *socket);

typedef struct {
    ngx_sio_handle_t         socket;
    ngx_sio_ref_t            nsp_room;        /* "all of the namespace" */
    ngx_str_t                id;              /* from the pool */
    ngx_str_t                nsp;             /* from the pool */
    ngx_uint_t               muted;           /* was kicked, gets no messages */
    time_t                   expires;         /* its token; 0: never */
} ngx_sio_socket_info_t;

/* the session's sockets, oldest first; *sockets from the pool */
ngx_int_t ngx_sio_session_sockets(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_pool_t *pool, ngx_sio_socket_info_t **sockets, ngx_uint_t *n);

/* a socket's public face, by handle; nsp from the pool */
ngx_int_t ngx_sio_socket_info(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_pool_t *pool, ngx_sio_socket_info_t *info, ngx_sio_handle_t *session);

/*
 * Leaves all rooms and the namespace; REMOVE entries as in connect.
 * At most 64 memberships a hold.
 */
ngx_int_t ngx_sio_socket_remove(ngx_sio_zone_t *z, ngx_sio_handle_t socket);

/*
 * rooms: joins them in the order given; max[i] (or max NULL) is the most
 * members room i may have with this one, test and join are one step; a member
 * of it already is always fine.  All or none.  sizes (or NULL): how many
 * members each has in that same step.
 *
 * NGX_OK; NGX_DECLINED: full; NGX_ERROR: more rooms than a socket may have, or
 * a name too long; NGX_BUSY; NGX_DONE: not connected (a no-op)
 */
ngx_int_t ngx_sio_join_counted(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    const ngx_str_t *rooms, const ngx_uint_t *max, ngx_uint_t n,
    ngx_uint_t *sizes);

#define ngx_sio_join(z, socket, rooms, max, n)                                \
    ngx_sio_join_counted(z, socket, rooms, max, n, NULL)

/* leaves the rooms it is in; others, and its user's, are passed over */
ngx_int_t ngx_sio_leave(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    const ngx_str_t *rooms, ngx_uint_t n);

/*
 * Asks for the disconnection of a socket from outside (`disconnect in=ROOM`):
 * marks it and wakes the END role of its session (at the POST's worker, else
 * the WebSocket's, else this one) with NGX_SIO_WAKE_KICK.  What is emitted from
 * now on does not reach it (a KICK entry; in a full zone it may until it is
 * woken: the rest needs no memory).
 * close: the whole session is to be closed.
 */
ngx_int_t ngx_sio_socket_kick(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_uint_t close);

/* the next socket of the session that was kicked, its mark is taken off.
   NGX_OK; NGX_DECLINED: no more */
ngx_int_t ngx_sio_session_kicked(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_sio_handle_t *socket, ngx_uint_t *close);

/*
 * The caller is the one to run what belongs to the end of this socket, and then
 * removes it.  mute: while polling it gets no more messages.  NGX_OK, once;
 * NGX_DONE: another one does, or has
 */
ngx_int_t ngx_sio_socket_leaving(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_uint_t mute);

/* NGX_OK: is a member (a socket always is of the room named by its id),
   NGX_DECLINED: is not */
ngx_int_t ngx_sio_member(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    const ngx_str_t *room);

/* the names of its rooms in the order it joined, its own id first; from pool */
ngx_int_t ngx_sio_socket_rooms(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_pool_t *pool, ngx_str_t **rooms, ngx_uint_t *n);

/* replaces / copies the socket's data (opaque bytes, at most max_data).
   NGX_ERROR: too long */
ngx_int_t ngx_sio_socket_set_data(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    const ngx_str_t *data);
ngx_int_t ngx_sio_socket_data(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_pool_t *pool, ngx_str_t *data);
ngx_int_t ngx_sio_socket_auth(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_pool_t *pool, ngx_str_t *auth);

/*
 * Replaces the socket's user, and with it the room, in one section: of
 * user->max sockets, which are those that are not about to end, the oldest
 * (by when they connected) are kicked as by ngx_sio_socket_kick(), with their
 * sessions, and leave the room at once; or this one is refused.
 *
 * NGX_OK; NGX_AGAIN: refused, nothing was changed; NGX_ERROR: a name is too
 * long; NGX_BUSY; NGX_DONE: not connected
 */
ngx_int_t ngx_sio_socket_identify(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    const ngx_sio_user_t *user);

/* copies the name of its user, empty: nobody; from pool.  NGX_OK, NGX_DONE,
   NGX_ERROR: no memory in the pool */
ngx_int_t ngx_sio_socket_user(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_pool_t *pool, ngx_str_t *user);

/*
 * A token whose time has come, one in a call.  *kicked is 0: it is to be told
 * that it ends at *expires, nobody else will; 1: it was disconnected here, as
 * by ngx_sio_socket_kick().  now: ngx_current_msec; clock: milliseconds since
 * 1970.  It may be late by a bucket of the wheel, 128 ms.
 *
 * NGX_OK; NGX_DECLINED: none; NGX_BUSY: another worker's, and no memory to
 * tell that, which will find it itself
 */
ngx_int_t ngx_sio_token_due(ngx_sio_zone_t *z, ngx_msec_t now, uint64_t clock,
    ngx_sio_handle_t *socket, time_t *expires, ngx_uint_t *kicked);

/* copies what its token says, empty: it has none; from pool.  NGX_OK,
   NGX_DONE, NGX_ERROR: no memory in the pool */
ngx_int_t ngx_sio_socket_claims(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_pool_t *pool, ngx_str_t *claims);


/*
 * Rooms and emits (ngx_sio_room.c, ngx_sio_list.c, ngx_sio_emit.c)
 */

/* members now; room NULL: the namespace; a socket's id counts 1 */
ngx_int_t ngx_sio_room_size(ngx_sio_zone_t *z, const ngx_str_t *nsp,
    const ngx_str_t *room, ngx_uint_t *size);


typedef struct {
    ngx_str_t                name;
    ngx_uint_t               size;            /* members */
} ngx_sio_room_info_t;

/*
 * At most max rooms of a namespace from a cursor on, in no order; *cursor
 * (0 at first) is then where to go on, 0: that was all.  A page may be short,
 * and even empty, and each is one instant: a room that is there all the time
 * is in one of them; rooms from pool.
 */
ngx_int_t ngx_sio_rooms(ngx_sio_zone_t *z, const ngx_str_t *nsp,
    uint64_t *cursor, ngx_uint_t max, ngx_pool_t *pool,
    ngx_sio_room_info_t **rooms, ngx_uint_t *n);


/* whom an emit or a bulk operation is for */

typedef struct {
    ngx_str_t                nsp;
    const ngx_str_t         *to;              /* names of rooms or socket ids */
    ngx_uint_t               nto;
    ngx_uint_t               all;             /* everybody in the namespace */
    const ngx_str_t         *except;
    ngx_uint_t               nexcept;
    ngx_sio_handle_t         except_self;     /* .ref 0: nobody */
} ngx_sio_target_t;

/*
 * A snapshot of the handles of at most max sockets; *total is how many there
 * are.  handles from the pool.
 */
ngx_int_t ngx_sio_select(ngx_sio_zone_t *z, const ngx_sio_target_t *target,
    ngx_uint_t max, ngx_pool_t *pool, ngx_sio_handle_t **handles,
    ngx_uint_t *n, ngx_uint_t *total);


typedef struct {
    ngx_sio_target_t         target;
    ngx_sio_body_t           body;            /* private bytes */
    ngx_uint_t               flags;
    ngx_str_t                ack_name;        /* empty: no ack is asked */
    ngx_msec_t               ack_timeout;
} ngx_sio_emit_t;

/*
 * Reserves the next ack id of a namespace (from 0, per zone).  A namespace
 * without sockets has none: NGX_DECLINED
 */
ngx_int_t ngx_sio_ack_id(ngx_sio_zone_t *z, const ngx_str_t *nsp,
    uint32_t *id);

/*
 * Emits: all workers or none.  Polling members get it in their queues, other
 * workers' inboxes one entry, this worker's WebSockets a MESSAGE entry through
 * z->apply, last, whose body is the caller's own bytes.  Polling sessions past
 * their queue limit are closed.
 *
 * NGX_OK: *receivers (may be NULL) is the number of sockets addressed on other
 * workers and in queues, this worker's own not included.  It costs a walk over
 * all members unless one room is meant without exceptions.  NGX_BUSY
 *
 * A polling socket with more than max_acks pending loses the oldest.
 */
ngx_int_t ngx_sio_emit(ngx_sio_zone_t *z, ngx_sio_emit_t *emit,
    uint32_t ack_id, ngx_uint_t *receivers);

/*
 * An answer came for an ack asked of a polling socket: NGX_OK, once, with the
 * name (from pool); NGX_DECLINED: not asked, answered, or timed out
 */
ngx_int_t ngx_sio_ack_answer(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    uint32_t id, ngx_pool_t *pool, ngx_str_t *name);

/*
 * An ack of a polling socket whose deadline passed, if its session's input
 * would be processed by this worker or by nobody: NGX_OK with *socket, *name
 * (from pool), NGX_DECLINED: none.  Called on each tick until DECLINED.
 */
ngx_int_t ngx_sio_ack_expired(ngx_sio_zone_t *z, ngx_msec_t now,
    ngx_pool_t *pool, ngx_sio_handle_t *socket, uint32_t *id,
    ngx_str_t *name);

/* the acks still pending when a session upgrades go to the worker */

typedef struct {
    ngx_sio_handle_t         socket;
    uint32_t                 id;
    ngx_msec_t               deadline;        /* 0: none */
    ngx_str_t                name;
} ngx_sio_pending_ack_t;

ngx_int_t ngx_sio_session_acks(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_pool_t *pool, ngx_sio_pending_ack_t **acks, ngx_uint_t *n);


/*
 * Hands a socket's answer to the worker that waits for it: a REPLY entry with
 * id in the inbox of the slot, if gen (z->slot_gen there) is still its
 * generation; or through z->apply, if it is this worker.
 *
 * NGX_OK; NGX_DONE: that worker is gone; NGX_DECLINED: its inbox is half full,
 * the rest is for messages (counted); NGX_BUSY
 */
ngx_int_t ngx_sio_reply(ngx_sio_zone_t *z, ngx_uint_t slot, uint32_t gen,
    uint32_t id, const ngx_sio_body_t *body);


/* copies len bytes from offset off of a body.  No lock: the caller holds a
   taken entry. */
void ngx_sio_body_read(ngx_sio_zone_t *z, const ngx_sio_body_t *body,
    size_t off, u_char *dst, size_t len);


/*
 * Rates (ngx_sio_rate.c): token buckets, by the hash of whatever they are for.
 * No call takes the lock but the first one for a key; a section may not be
 * open.  Times are in quarters of a microsecond.
 */

#define NGX_SIO_RATE_SECOND   4000000ULL
#define NGX_SIO_RATE_HOUR     (3600 * NGX_SIO_RATE_SECOND)
#define NGX_SIO_RATE_MAX      (24 * NGX_SIO_RATE_HOUR)
#define NGX_SIO_RATE_SWEEPS   1024

typedef struct {
    uint64_t                 hash;     /* ngx_sio_rate_hash() */
    uint64_t                 cost;     /* how long the rate takes to give it
                                          back */
    uint64_t                 burst;    /* likewise the whole bucket; at most
                                          NGX_SIO_RATE_MAX / 2 */
} ngx_sio_rate_t;

/* the clock of all workers */
uint64_t ngx_sio_rate_now(void);

/* limit: any number that tells one limit from others.  No lock. */
uint64_t ngx_sio_rate_hash(ngx_sio_zone_t *z, uint32_t limit,
    const u_char *key, size_t len);

/*
 * Takes cost out of the bucket.  What costs more than a bucket holds takes a
 * full one, and leaves it in debt.
 *
 * NGX_OK; NGX_DECLINED: it does not hold so much, it will in *wait.  A key
 * whose bucket was given to another one, for lack of space, has a full one.
 */
ngx_int_t ngx_sio_rate_take(ngx_sio_zone_t *z, const ngx_sio_rate_t *rate,
    uint64_t now, uint64_t *wait);

/* what was taken was not used.  No lock. */
void ngx_sio_rate_give(ngx_sio_zone_t *z, const ngx_sio_rate_t *rate);

/*
 * Clears buckets that are full, of some sets from number set on; returns where
 * to go on.  NGX_SIO_RATE_SWEEPS calls see all; that must happen within two
 * days, or what is full long since looks empty.  No lock.
 */
ngx_uint_t ngx_sio_rate_sweep(ngx_sio_zone_t *z, ngx_uint_t set,
    uint64_t now);


/*
 * Figures and the checker (ngx_sio_counters.c, ngx_sio_check.c)
 */

/* what was refused to clients, or cost them their connection */

typedef enum {
    NGX_SIO_REFUSED_SESSION = 0,    /* max_sessions */
    NGX_SIO_REFUSED_HANDSHAKE,      /* max_handshakes */
    NGX_SIO_REFUSED_NAMESPACE,      /* max_namespaces */
    NGX_SIO_REFUSED_ROOM,           /* max_rooms, max_room_name */
    NGX_SIO_REFUSED_DATA,           /* max_data */
    NGX_SIO_REFUSED_ACK,            /* max_acks */
    NGX_SIO_REFUSED_QUEUE,          /* max_queue, max_queue_size: closed */
    NGX_SIO_REFUSED_INBOX,          /* max_inbox, max_inbox_size: dropped */
    NGX_SIO_REFUSED_BUFFER,         /* unsent bytes: closed */
    NGX_SIO_REFUSED_MESSAGE,        /* a message or POST too large */
    NGX_SIO_REFUSED_PACKET,         /* no packet, or too much in it: closed;
                                       an event with a reserved name */
    NGX_SIO_REFUSED_USER,           /* sio_user_sessions */
    NGX_SIO_REFUSED_ALLOW,          /* sio_join_allow, sio_emit_allow */
    NGX_SIO_REFUSED_EVENT,          /* sio_limit_events: it did nothing */
    NGX_SIO_REFUSED_EVENT_NACK,     /* ... was answered with an error */
    NGX_SIO_REFUSED_EVENT_CLOSE,    /* ... cost the connection */
    NGX_SIO_REFUSED_EVENT_DRY_RUN,  /* ... would have */
    NGX_SIO_REFUSED_TOKEN,          /* sio_jwt */
    NGX_SIO_NREFUSED
} ngx_sio_refused_e;

/* counts one more.  No lock. */
void ngx_sio_refused(ngx_sio_zone_t *z, ngx_sio_refused_e what);

/* how it went with hooks */

typedef enum {
    NGX_SIO_HOOK_ASKED = 0,
    NGX_SIO_HOOK_BUSY,              /* not asked: too many are in progress, or
                                       there is no memory */
    NGX_SIO_HOOK_TIMEOUT,           /* 504 */
    NGX_SIO_HOOK_FAILED,            /* no answer, or not 2xx nor 4xx */
    NGX_SIO_HOOK_INVALID,           /* the answer is not JSON, or wrong */
    NGX_SIO_HOOK_REFUSED,           /* what it says cannot be carried out */
    NGX_SIO_HOOK_LOST,              /* life of rooms that nobody was told */
    NGX_SIO_NHOOK
} ngx_sio_hook_e;

/* counts n more.  No lock. */
void ngx_sio_hook_count(ngx_sio_zone_t *z, ngx_sio_hook_e what, ngx_uint_t n);

typedef struct {
    ngx_uint_t               sessions;
    ngx_uint_t               polling;         /* sessions with that transport */
    ngx_uint_t               handshakes;      /* that have joined nothing */
    ngx_uint_t               sockets;
    ngx_uint_t               namespaces;
    ngx_uint_t               rooms;
    ngx_uint_t               memberships;
    ngx_uint_t               messages;        /* blobs */
    ngx_uint_t               nodes;           /* entries in inboxes, queues */
    ngx_uint_t               acks;
    ngx_uint_t               tokens;
    ngx_uint_t               slots;
    ngx_uint_t               pages;           /* of ngx_pagesize, in all */
    ngx_uint_t               free_pages;
    ngx_uint_t               refusals;        /* NGX_BUSY answers so far */
    ngx_uint_t               refused[NGX_SIO_NREFUSED];
    ngx_uint_t               hooks[NGX_SIO_NHOOK];
    ngx_uint_t               rollbacks;
    ngx_uint_t               epoch;
    uint64_t                 lock_holds;      /* sections so far */
    uint64_t                 lock_waits;      /* that found it taken */
    uint64_t                 lock_hold_max;   /* microseconds */
    uint64_t                 lock_wait_max;
    uint64_t                 rate_keys;       /* that got a bucket */
    uint64_t                 rate_evictions;  /* from one that was in use */
} ngx_sio_counters_t;

ngx_int_t ngx_sio_zone_counters(ngx_sio_zone_t *z, ngx_sio_counters_t *c);

/*
 * Walks everything and checks every link, count and class.
 * NGX_OK, NGX_ERROR: *what says the first thing found wrong
 */
ngx_int_t ngx_sio_zone_check(ngx_sio_zone_t *z, const char **what);


#endif /* _NGX_SIO_ZONE_H_INCLUDED_ */
