
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The layout of the zone.
 *
 *     base = root
 *     +--------------------------------------------------------------+
 *     | root      scratch figures, limits, counts, list heads, slots |
 *     +--------------------------------------------------------------+
 *     | wheels    buckets of deadlines: sessions, acks, tokens       |
 *     +--------------------------------------------------------------+
 *     | tables    hash buckets: sessions by sid, sockets by id,      |
 *     |           rooms and namespaces by name, addresses            |
 *     +--------------------------------------------------------------+
 *     | rates     sets of eight words, see ngx_sio_rate.c            |
 *     +--------------------------------------------------------------+
 *     | pages[]   a descriptor (32 bytes) for each page of the heap  |
 *     +--------------------------------------------------------------+
 *     | journal   old values of the words of the open section        |
 *     +--------------------------------------------------------------+
 *     | heap      pages of 4096, each cut in cells of one class      |
 *     +--------------------------------------------------------------+
 *
 * What points to what (-> one, =>> a list):
 *
 *     slot     =>> inbox: nodes            session  =>> queue: nodes
 *              =>> ready: roles                     =>> sockets
 *              =>> in use: nodes                     -> partial, info: blobs
 *              =>> in preparation: blobs           -> address (counted)
 *     node      -> blob (counted)          socket   =>> memberships
 *     room     =>> members, polling                 =>> acks
 *              =>> members, WebSocket                -> data, auth, user: blobs
 *                                                    -> room of its user
 *     member    -> socket, room                     -> token
 *     token     -> socket                   ack      -> blob: its name
 *               -> blob: claims
 *
 * A namespace is a room without a namespace; its members are all its sockets.
 *
 * Every field is a word of 32 bits.  All of them are changed under the lock,
 * and by ngx_sio_set() only, except
 *
 *     - those marked "scratch": they mean nothing between two sections,
 *     - the rates: 64 bits, changed at once and without the lock,
 *     - cells that were free before the section: nothing points to them until
 *       a word is set that does,
 *     - the journal itself and root->scratch.
 *
 * A reference (ngx_sio_ref_t) counts units of 16 bytes from base, 0 is none.
 */


#ifndef _NGX_SIO_SHARED_H_INCLUDED_
#define _NGX_SIO_SHARED_H_INCLUDED_


#include "ngx_sio_zone.h"


#define NGX_SIO_MAGIC         0x53494f7a
#define NGX_SIO_LAYOUT        2

#define NGX_SIO_PAGE_SIZE     4096
#define NGX_SIO_PAGE_CELLS    128         /* at most: cells have 32 bytes */

#define NGX_SIO_WHEEL_SHIFT   7           /* a bucket is 128 ms */
#define NGX_SIO_WHEEL_SIZE    1024
#define NGX_SIO_NWHEELS       3

#define NGX_SIO_ROOM_PAIRS    4
#define NGX_SIO_ROOM_INLINE   56          /* longer names are in a blob */
#define NGX_SIO_MAX_NAME      8192

#define NGX_SIO_RATE_WORDS    8           /* of a set: a cache line */
#define NGX_SIO_RATE_SETS     262144      /* at most */


/*
 * Classes of cells.  A record has a class of its own, so that a handle can be
 * tested: the class of its page tells what is there.
 */

typedef enum {
    NGX_SIO_CLASS_FREE = 0,
    NGX_SIO_CLASS_SESSION,
    NGX_SIO_CLASS_SOCKET,
    NGX_SIO_CLASS_ROOM,
    NGX_SIO_CLASS_LINK,             /* nodes and memberships: a leave turns
                                       the one into the other */
    NGX_SIO_CLASS_ACK,
    NGX_SIO_CLASS_ADDRESS,
    NGX_SIO_CLASS_TOKEN,
    NGX_SIO_CLASS_DATA,             /* the first of those for blobs */
    NGX_SIO_CLASS_LAST = NGX_SIO_CLASS_DATA + 9,
    NGX_SIO_NCLASSES
} ngx_sio_class_e;


typedef struct {
    uint32_t           state;       /* class in bits 0-7, cells used in 8-15 */
    uint32_t           next;        /* index + 1, in a list of pages that have
                                       free cells, or of free pages */
    uint32_t           prev;
    uint32_t           freed;       /* scratch: the section that freed a cell
                                       here last; it does not use it again,
                                       the old bytes may have to come back */
    uint32_t           used[4];     /* one bit for each cell */
} ngx_sio_page_sh_t;


/* one role of a session; hangs on the ready list of its slot when woken */

typedef struct {
    uint32_t           next;        /* references of roles */
    uint32_t           prev;
    uint32_t           info;        /* NGX_SIO_ROLE_* masks below; 0: free */
    uint32_t           gen;
} ngx_sio_role_sh_t;

#define NGX_SIO_ROLE_HELD     0x00000001
#define NGX_SIO_ROLE_QUEUED   0x00000002  /* on its slot's ready list */

#define ngx_sio_role_slot(info)        (((info) >> 8) & 0xff)
#define ngx_sio_role_wake(info)        (((info) >> 16) & 0xff)
#define ngx_sio_role_index(info)       (((info) >> 24) & 0xff)
#define ngx_sio_role_info(slot, wake, index, bits)                            \
    ((uint32_t) (index) << 24 | (uint32_t) (wake) << 16                       \
     | (uint32_t) (slot) << 8 | (bits))


/* a deadline on a wheel; times are the low 32 bits of ngx_current_msec */

typedef struct {
    uint32_t           next;        /* references of timers */
    uint32_t           prev;
    uint32_t           due;
    uint32_t           bucket;      /* index + 1; 0: not on the wheel */
} ngx_sio_timer_sh_t;


typedef struct {
    uint32_t           started;
    uint32_t           tick;        /* the first bucket not done yet, as time */
    uint32_t           due;         /* the list of those that have passed */
    uint32_t           count;
} ngx_sio_wheel_sh_t;


/*
 * Session.  States, and who changes them:
 *
 *     OPEN -> CLOSING     ngx_sio_session_close_locked(): sets the reason,
 *                         gives the END role to a worker
 *     CLOSING -> ENDED    ngx_sio_session_end(): no sockets any more
 *     ENDED -> (free)     ngx_sio_session_settle(): no role is held, and
 *                         nothing lingers
 */

#define NGX_SIO_SESSION_OPEN      1
#define NGX_SIO_SESSION_CLOSING   2
#define NGX_SIO_SESSION_ENDED     3

#define NGX_SIO_SESSION_LINGER    0x01  /* a last GET may take the queue */
#define NGX_SIO_SESSION_JOINED    0x02  /* ever had a socket */
#define NGX_SIO_SESSION_PROBED    0x04  /* the candidate sent "2probe" */
#define NGX_SIO_SESSION_WAITING   0x08  /* the candidate waits for the POST */
#define NGX_SIO_SESSION_HASHED    0x10  /* its sid can be found */
#define NGX_SIO_SESSION_REFRESHED 0x20  /* the time for this pong began anew */

#define ngx_sio_session_form(s)   (((s)->flags >> 8) & 0xff)

typedef struct {
    uint32_t           gen;
    uint32_t           next;        /* in its hash bucket */
    uint32_t           state;
    uint32_t           reason;

    ngx_sio_role_sh_t  roles[NGX_SIO_NROLES];
    ngx_sio_timer_sh_t timer;       /* due: the earliest of the times below */

    uint32_t           sid[NGX_SIO_ID_LEN / 4];
    uint32_t           location;
    uint32_t           slot;        /* of its WebSocket, NGX_SIO_NO_SLOT:
                                       polling; kept when the slot dies */
    uint32_t           flags;       /* NGX_SIO_SESSION_*, its form in bits
                                       8-15 */

    uint32_t           queue;       /* nodes, polling only */
    uint32_t           queue_last;
    uint32_t           queue_count;
    uint32_t           queue_size;  /* bytes of all bodies */

    uint32_t           sockets;     /* oldest first */
    uint32_t           sockets_last;
    uint32_t           sockets_count;

    uint32_t           partial;
    uint32_t           info;
    uint32_t           address;     /* 0: not counted */

    uint32_t           ping_interval;
    uint32_t           ping_timeout;

    uint32_t           ping_at;     /* times, 0: none */
    uint32_t           pong_at;
    uint32_t           connect_at;
    uint32_t           linger_at;

    uint32_t           jsonp;
} ngx_sio_session_sh_t;


#define NGX_SIO_SOCKET_REMOVED    0x01  /* is being taken apart */
#define NGX_SIO_SOCKET_KICKED     0x02  /* is to be disconnected ... */
#define NGX_SIO_SOCKET_KICK_CLOSE 0x04  /* ... with its session */
#define NGX_SIO_SOCKET_LEAVING    0x08  /* somebody says "disconnecting" */
#define NGX_SIO_SOCKET_MUTED      0x10  /* was kicked: gets no messages */
#define NGX_SIO_SOCKET_PREFIXED   0x20  /* its id is "NSP#ID" */

typedef struct {
    uint32_t           gen;
    uint32_t           next;        /* in its hash bucket */
    uint32_t           id[NGX_SIO_ID_LEN / 4];
    uint32_t           session;
    uint32_t           nsp;

    uint32_t           session_next;
    uint32_t           session_prev;

    uint32_t           members;     /* its memberships in the order of joining;
                                       the first is the namespace's */
    uint32_t           members_last;
    uint32_t           members_count;

    uint32_t           data;
    uint32_t           auth;
    uint32_t           user;
    uint32_t           user_room;   /* it is a member of; 0: none */
    uint32_t           token;       /* 0: it came without one */

    uint32_t           acks;        /* oldest first; polling only */
    uint32_t           acks_last;
    uint32_t           acks_count;

    uint32_t           flags;
    uint32_t           stamp;       /* scratch: the last walk that met it */
} ngx_sio_socket_sh_t;


/* the first word of nodes and memberships */

#define NGX_SIO_LINK_MEMBER       0x80  /* else an ngx_sio_entry_e */
#define ngx_sio_link_type(type)   ((type) & 0xff)
#define ngx_sio_link_flags(type)  (((type) >> 8) & 0xff)

typedef struct {
    uint32_t           type;
    uint32_t           socket;
    uint32_t           room;
    uint32_t           socket_next;
    uint32_t           socket_prev;
    uint32_t           room_next;
    uint32_t           room_prev;
    uint32_t           slot;        /* where it is counted, NGX_SIO_NO_SLOT:
                                       in the polling list */
} ngx_sio_member_sh_t;


typedef struct {
    uint32_t           type;        /* ngx_sio_entry_e, flags in bits 8-15 */
    uint32_t           next;
    uint32_t           blob;
    uint32_t           ref;         /* SEND: the session; ADD, REMOVE: socket */
    uint32_t           gen;
    uint32_t           room;
    uint32_t           session;     /* ADD: the socket's */
    uint32_t           session_gen;
} ngx_sio_node_sh_t;


typedef struct {
    uint32_t           members;
    uint32_t           members_last;
    uint32_t           count;
} ngx_sio_members_sh_t;


typedef struct {
    uint32_t           gen;
    uint32_t           next;        /* in its hash bucket */
    uint32_t           nsp;         /* 0: it is a namespace */
    uint32_t           hash;

    ngx_sio_members_sh_t  polling;
    ngx_sio_members_sh_t  ws;

    uint32_t           ack_id;      /* a namespace's next one */

    uint32_t           table;       /* a cell with a count for each slot, when
                                       the pairs did not suffice */
    uint32_t           pairs[NGX_SIO_ROOM_PAIRS];
                                    /* slot << 24 | WebSocket members there */
    uint32_t           name_blob;
    uint32_t           name_len;
    u_char             name[NGX_SIO_ROOM_INLINE];
} ngx_sio_room_sh_t;


/* an answer expected from a polling socket */

typedef struct {
    uint32_t           next;        /* of the socket's */
    uint32_t           prev;
    uint32_t           socket;
    uint32_t           id;

    ngx_sio_timer_sh_t timer;

    uint32_t           name;        /* blob */
    uint32_t           unused[3];
} ngx_sio_ack_sh_t;


/* what a socket's token says, ngx_sio_token_t */

typedef struct {
    uint32_t           socket;
    uint32_t           claims;      /* blob, 0: none */
    uint32_t           expires;     /* seconds since 1970, 0: never */
    uint32_t           warn;        /* seconds before that, 0: not, or done */

    ngx_sio_timer_sh_t timer;       /* off when nothing is to come */
} ngx_sio_token_sh_t;


/* whose sessions are counted */

typedef struct {
    uint32_t           count;       /* sessions; goes with the last one */
    uint32_t           next;        /* in its hash bucket */
    uint32_t           key[NGX_SIO_ADDRESS_LEN / 4];
    uint32_t           mark;        /* scratch: the checker's */
    uint32_t           unused;
} ngx_sio_address_sh_t;


/*
 * Blob: a chain of cells, this head in the first one, ngx_sio_seg_sh_t in the
 * others.  Content: the references of rooms to, sockets to, rooms except,
 * sockets except; the name of the ack; from "start" on the body.
 */

typedef struct {
    uint32_t           refs;        /* 0: in preparation or to be freed */
    uint32_t           seg;         /* the rest of the chain */
    uint32_t           cells;
    uint32_t           len;         /* of the body */
    uint32_t           start;
    uint32_t           n[4];
    uint32_t           ack_id;
    uint32_t           ack_timeout;
    uint32_t           name_len;
    uint32_t           next;        /* while in preparation, or to be freed */
    uint32_t           prev;
    uint32_t           last;        /* while in preparation: last cell */
    uint32_t           mark;        /* scratch: the checker's */
} ngx_sio_blob_sh_t;


typedef struct {
    uint32_t           seg;
    uint32_t           unused;
} ngx_sio_seg_sh_t;


/*
 * Slot:  FREE -> LIVE   ngx_sio_slot_claim()
 *        LIVE -> DEAD   its process is gone, or gave it back
 *        DEAD -> FREE   nothing refers to it any more
 */

#define NGX_SIO_SLOT_FREE     0
#define NGX_SIO_SLOT_LIVE     1
#define NGX_SIO_SLOT_DEAD     2

typedef struct {
    uint32_t           state;
    uint32_t           pid;
    uint32_t           start[2];    /* of the process, from /proc/PID/stat */
    uint32_t           gen;
    uint32_t           epoch;       /* the last one acknowledged */

    uint32_t           inbox;
    uint32_t           inbox_last;
    uint32_t           inbox_count;
    uint32_t           inbox_size;  /* bytes of all bodies */
    uint32_t           overflowed;

    uint32_t           ready;       /* roles */
    uint32_t           ready_last;

    uint32_t           used;        /* nodes taken; freed in later sections */
    uint32_t           used_last;

    uint32_t           prepared;    /* blobs */
    uint32_t           read;        /* blobs taken; freed in its next section */

    uint32_t           roles;       /* held by it */
    uint32_t           sessions;    /* whose transport it is, or was */
} ngx_sio_slot_sh_t;


typedef struct {
    uint32_t           max_rooms;
    uint32_t           max_namespaces;
    uint32_t           max_acks;
    uint32_t           max_room_name;
    uint32_t           max_data;
    uint32_t           max_queue;
    uint32_t           max_queue_size;
    uint32_t           max_inbox;
    uint32_t           max_inbox_size;
    uint32_t           max_sessions;
    uint32_t           max_handshakes;
} ngx_sio_limits_sh_t;


typedef struct {
    uint32_t           sessions;
    uint32_t           polling;
    uint32_t           handshakes;  /* sessions that have joined nothing */
    uint32_t           sockets;
    uint32_t           namespaces;
    uint32_t           rooms;
    uint32_t           memberships;
    uint32_t           blobs;
    uint32_t           nodes;
    uint32_t           acks;
    uint32_t           tokens;
    uint32_t           free_pages;
} ngx_sio_counts_sh_t;


/* figures that are not journalled; changed under the lock all the same */

typedef struct {
    uint64_t           holds;
    uint64_t           waits;
    uint64_t           hold_max;    /* microseconds */
    uint64_t           wait_max;
    uint64_t           rate_keys;   /* that got a word */
    uint64_t           rate_evictions; /* of them, another's that was in use */
    uint32_t           section;     /* number of the section, for page->freed */
    uint32_t           stamp;       /* number of the last walk */
    uint32_t           refusals;
    uint32_t           rollbacks;
    uint32_t           refused[NGX_SIO_NREFUSED];   /* atomic, no lock */
    uint32_t           hooks[NGX_SIO_NHOOK];        /* the same */
} ngx_sio_scratch_sh_t;


typedef struct {
    uint32_t           word;        /* index from base */
    uint32_t           value;
} ngx_sio_undo_sh_t;


struct ngx_sio_root_s {
    /* written once, when formatted */

    uint32_t           magic;
    uint32_t           layout;
    uint32_t           npages;      /* of the heap */
    uint32_t           nbuckets;    /* of each hash table; a power of two */
    uint32_t           key[4];      /* of the hash */
    uint64_t           size;

    /* offsets in bytes from base */
    uint64_t           wheel_off;
    uint64_t           table_off;
    uint64_t           rate_off;
    uint64_t           pages_off;
    uint64_t           journal_off;
    uint64_t           heap_off;

    uint32_t           journal_max;
    uint32_t           fds_made;
    uint32_t           rate_sets;   /* a power of two */
    int32_t            fds[NGX_SIO_MAX_SLOTS];

    /* not journalled */

    uint32_t           journal;     /* entries; not 0: a section is open */
    ngx_sio_scratch_sh_t  scratch;
    ngx_sio_limits_sh_t   limits;   /* by the master, word by word */
    uint32_t           epoch;       /* changed when nothing else is valid */
    uint32_t           resetting;

    /* journalled */

    uint32_t           gen;         /* the last generation given; never 0 */

    uint32_t           fresh;       /* pages from here on were never used */
    uint32_t           pages;       /* free pages below */
    uint32_t           partial[NGX_SIO_NCLASSES];

    uint32_t           trash_blobs; /* to be freed, a little in each section */
    uint32_t           trash;       /* nodes, likewise */
    uint32_t           trash_last;

    uint32_t           reap_page;   /* reaping: the next page of the walk */
    uint32_t           reap_again;  /* a slot died: walk from the beginning */

    ngx_sio_counts_sh_t   counts;
    ngx_sio_wheel_sh_t    wheels[NGX_SIO_NWHEELS];
    ngx_sio_slot_sh_t     slots[NGX_SIO_MAX_SLOTS];
};


#endif /* _NGX_SIO_SHARED_H_INCLUDED_ */
