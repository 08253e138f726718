
/*
 * Load generator for Socket.IO servers (and nchan): shared declarations.
 *
 *     load.c        options, the order of phases, the result line
 *     load_case.c   what is sent when: rooms, echo, idle
 *     load_check.c  every delivery: loss, order, duplication, latency
 *     load_wire.c   the two dialects: Socket.IO v5 over Engine.IO v4, nchan
 *     load_conn.c   connections: epoll, handshake, WebSocket frames
 *     load_proc.c   what the server used: CPU seconds, memory
 *     load_hist.c   latency histogram
 *
 * One process, one thread, no locks.  All times are CLOCK_MONOTONIC in ns.
 */


#ifndef LOAD_H_INCLUDED
#define LOAD_H_INCLUDED


#define _GNU_SOURCE

#include <sys/types.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>


#define LOAD_SEC            1000000000ull
#define LOAD_MSEC           1000000ull

#define LOAD_RING           1024    /* outstanding messages per talker */
#define LOAD_PAYLOAD_MIN    28      /* hex: talker 4, number 8, time 16 */
#define LOAD_PAYLOAD_MAX    4096
#define LOAD_PROCS          64

#define LOAD_NONE           ((uint32_t) -1)


typedef unsigned char       u_char;


/*
 * States of a connection, in this order; a member of nchan goes from HTTP to
 * READY.  Any error, and the peer's close, lead to CLOSED from everywhere.
 *
 *     CONNECT --writable--> HTTP --101--> OPEN --"0{}"--> NSP --"40{}"-->
 *     JOIN --"430[]"--> READY
 */

typedef enum {
    LOAD_CLOSED = 0,
    LOAD_CONNECT,
    LOAD_HTTP,
    LOAD_OPEN,
    LOAD_NSP,
    LOAD_JOIN,
    LOAD_READY
} load_state_e;


typedef enum {
    LOAD_SIO = 0,
    LOAD_NCHAN
} load_dialect_e;


/* what one member has got from one talker */

typedef struct {
    uint32_t            next;       /* the number expected */
    uint64_t            seen;       /* bit N: number next - 1 - N has come */
} load_from_t;


typedef struct {
    int                 fd;
    load_state_e        state;
    uint32_t            id;
    uint32_t            room;       /* LOAD_NONE: in no room */
    uint32_t            probe;      /* nchan: last probe seen */

    unsigned            publisher:1;
    unsigned            writing:1;  /* EPOLLOUT is set */

    u_char             *rest;       /* incomplete input, malloc()ed */
    size_t              nrest;
    size_t              rest_size;

    u_char             *out;        /* unsent output, malloc()ed */
    size_t              nout;
    size_t              out_size;

    load_from_t        *from;       /* [talkers of the room] */
    uint64_t            order;      /* hash over all deliveries in order */

    uint32_t            echo_id;    /* echo: the ack id waited for */
    uint64_t            echo_time;  /* echo: when it was sent */
} load_conn_t;


typedef struct {
    load_conn_t        *conn;       /* which sends: a member or publisher */
    uint32_t            room;
    uint32_t            index;      /* in the room */
    uint32_t            next;       /* number of the next message */
    uint32_t            outstanding;
    uint16_t            got[LOAD_RING];  /* members that have it */
} load_talker_t;


/* log-linear: 64 steps per octave, so at most 1.6 % off */

#define LOAD_HIST_STEPS     64
#define LOAD_HIST_SIZE      (LOAD_HIST_STEPS * 40)

typedef struct {
    uint64_t            n;
    uint64_t            max;
    uint64_t            count[LOAD_HIST_SIZE];
} load_hist_t;


typedef struct {
    double              cpu;        /* seconds, user and system */
    uint64_t            priv;       /* bytes */
    uint64_t            zone;       /* bytes of shared mappings, once each */
    int                 nprocs;
    pid_t               pids[LOAD_PROCS];
} load_proc_t;


typedef struct {
    uint64_t            lost;
    uint64_t            dup;
    uint64_t            reordered;  /* late, from one and the same talker */
    uint64_t            skewed;     /* members with another order of all */
    uint64_t            corrupt;    /* malformed or not meant for this one */
    uint64_t            closed;     /* connections that failed */
    uint64_t            procs;      /* server processes came or went */
} load_errors_t;


typedef struct load_s  load_t;

struct load_s {
    /* options */
    const char         *kind;       /* room, echo, idle, free */
    const char         *name;       /* of the case, in the result line */
    load_dialect_e      dialect;
    int                 port;
    pid_t               pid;        /* of the server; its children count too */
    uint32_t            rooms;
    uint32_t            members;    /* per room */
    uint32_t            talkers;    /* per room */
    uint32_t            window;     /* outstanding per talker; 0: by rate */
    double              rate;       /* messages per second in all */
    uint32_t            clients;    /* echo, idle */
    uint32_t            inflight;   /* handshakes at a time */
    size_t              size;       /* payload, bytes */
    double              warm;       /* seconds, not counted */
    double              duration;   /* seconds */
    double              timeout;    /* seconds to wait for anything */

    /* connections */
    int                 epoll;
    int                 timer;
    uint64_t            timer_at;
    u_char             *buf;        /* all input is received here */
    u_char              fill[LOAD_PAYLOAD_MAX];

    load_conn_t        *conns;
    uint32_t            nconns;     /* opened so far */
    uint32_t            nready;
    uint32_t            nmembers;

    load_talker_t      *tk;         /* [rooms * talkers] */
    uint32_t            ntk;

    /* run */
    uint64_t            now;        /* after the last recv() */
    unsigned            sending:1;
    unsigned            counting:1;
    unsigned            closing:1;

    uint64_t            sent;       /* messages */
    uint64_t            received;   /* distinct deliveries, or answers */
    uint64_t            counted;    /* of them while counting */

    load_hist_t         hist;
    load_errors_t       err;
};


/* load_conn.c */

/*
 * Creates epoll and timer.  Returns 0, or -1 with the reason printed.
 */
int load_conn_init(load_t *ld);

/*
 * Waits until the server accepts a connection, at most ld->timeout.
 * Returns 0 or -1.
 */
int load_conn_wait_server(load_t *ld);

/*
 * Returns 0 if a server could listen on the port, or -1.
 */
int load_conn_port_free(load_t *ld);

/*
 * Begins to connect; c->id, room and publisher are set by the caller.
 * load_wire_ready() follows, or c->state is LOAD_CLOSED and counted.
 */
void load_conn_open(load_t *ld, load_conn_t *c);

/*
 * Sends one masked text frame; what the kernel does not take is kept and sent
 * when it does.  The payload is not changed.
 */
void load_conn_send(load_t *ld, load_conn_t *c, const u_char *data,
    size_t len);

/*
 * Closes with a reset, so that no TIME_WAIT uses up the ports.  "failed"
 * counts it as an error.
 */
void load_conn_close(load_t *ld, load_conn_t *c, int failed);

/*
 * Handles events until "until" at the latest; returns after each batch.
 */
void load_conn_poll(load_t *ld, uint64_t until);

uint64_t load_now(void);


/* load_wire.c */

/*
 * Writes the request of the WebSocket handshake.  Returns its length.
 */
size_t load_wire_request(load_t *ld, load_conn_t *c, char *buf, size_t size);

/*
 * The answer to the handshake has come: 101, accepted key checked.
 */
void load_wire_opened(load_t *ld, load_conn_t *c);

/*
 * One text message has come.
 */
void load_wire_message(load_t *ld, load_conn_t *c, u_char *data, size_t len);

/*
 * Sends message number "number" of a talker, stamped with "time".
 */
void load_wire_talk(load_t *ld, load_talker_t *tk, uint32_t number,
    uint64_t time);

/*
 * nchan: publishes probe "number" in the room of a talker.
 */
void load_wire_probe(load_t *ld, load_talker_t *tk, uint32_t number);

/*
 * Sends the next echo of a connection.
 */
void load_wire_echo(load_t *ld, load_conn_t *c);


/* load_check.c */

/*
 * A payload has come for a member.
 */
void load_check_payload(load_t *ld, load_conn_t *c, const u_char *data,
    size_t len);

/*
 * An answer to an echo has come: "data" are the arguments, with quotes.
 */
void load_check_echo(load_t *ld, load_conn_t *c, uint32_t id,
    const u_char *data, size_t len);

/*
 * After the last message: what is missing is lost; compares orders.
 */
void load_check_end(load_t *ld);

/*
 * Writes and reads the payload: talker, number, time in hex, then filler.
 */
void load_check_write(load_t *ld, u_char *p, uint32_t talker, uint32_t number,
    uint64_t time);
int load_check_read(load_t *ld, const u_char *p, uint32_t *talker,
    uint32_t *number, uint64_t *time);


/* load_case.c */

/*
 * Each runs its case and prints the result line.  Return 0, or -1 if the case
 * could not be run at all.
 */
int load_case_room(load_t *ld);
int load_case_echo(load_t *ld);
int load_case_idle(load_t *ld);

/*
 * A message of this talker has reached all members of the room.
 */
void load_case_complete(load_t *ld, load_talker_t *tk);


/* load_proc.c */

/*
 * CPU time of the process and all its descendants.  With "memory" also their
 * private memory and the shared mappings, each page counted once.  Returns 0,
 * or -1 if the process is gone.
 */
int load_proc_read(pid_t pid, load_proc_t *pr, int memory);

/*
 * Returns 1 if both name the same processes.
 */
int load_proc_same(load_proc_t *a, load_proc_t *b);


/* load_hist.c */

void load_hist_add(load_hist_t *h, uint64_t ns);

/*
 * Returns the latency, in ns, that "part" (0..1) of all did not exceed.
 */
uint64_t load_hist_part(load_hist_t *h, double part);


#endif /* LOAD_H_INCLUDED */
