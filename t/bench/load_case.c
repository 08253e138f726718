
/*
 * The cases.  Each connects, starts the traffic, lets it run for a while that
 * does not count (warm), takes the server's CPU time before and after the part
 * that counts, stops sending, waits for all that is outstanding and checks
 * that nothing is missing.
 */


#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* connections opened before the first look at the memory */
#define LOAD_IDLE_WARM      200

#define LOAD_IDLE_SAMPLES   20


typedef struct {
    uint64_t            next;       /* rate: when to send next */
    uint64_t            interval;   /* rate: ns; 0: by window */
    uint32_t            turn;       /* rate: the talker to send next */
} load_pace_t;


static int load_case_alloc(load_t *ld, uint32_t nconns);
static int load_case_connect(load_t *ld, uint32_t upto);
static int load_case_probe(load_t *ld);
static int load_case_measure(load_t *ld, load_pace_t *pace, load_proc_t *used);
static void load_case_run(load_t *ld, load_pace_t *pace, double seconds);
static void load_case_drain(load_t *ld, uint64_t want);
static int load_case_settle(load_t *ld, load_proc_t *pr);
static void load_case_talk(load_t *ld, load_talker_t *tk, uint64_t time);
static void load_case_traffic_line(load_t *ld, load_proc_t *used);
static void load_case_errors(load_t *ld);
static void load_case_close(load_t *ld);


int
load_case_room(load_t *ld)
{
    uint32_t        i, k, r;
    load_pace_t     pace;
    load_proc_t     used;
    load_conn_t    *c;
    load_talker_t  *tk;

    ld->nmembers = ld->rooms * ld->members;
    ld->ntk = ld->rooms * ld->talkers;

    ld->tk = calloc(ld->ntk, sizeof(load_talker_t));

    if (ld->tk == NULL || load_case_alloc(ld, ld->nmembers + ld->rooms) != 0) {
        return -1;
    }

    for (i = 0; i < ld->nmembers; i++) {
        c = &ld->conns[i];
        c->room = i % ld->rooms;
        c->from = calloc(ld->talkers, sizeof(load_from_t));

        if (c->from == NULL) {
            return -1;
        }
    }

    for (r = 0; r < ld->rooms; r++) {
        for (k = 0; k < ld->talkers; k++) {
            i = r * ld->talkers + k;
            tk = &ld->tk[i];
            tk->room = r;
            tk->index = k;

            if (ld->dialect == LOAD_NCHAN) {
                /*
                 * A subscriber cannot publish: one more connection, and the
                 * same for all talkers of the room, because nchan loses
                 * messages that several workers publish in one channel ("A
                 * message from the past has just been published").
                 */
                tk->conn = &ld->conns[ld->nmembers + r];
                tk->conn->room = r;
                tk->conn->publisher = 1;

            } else {
                tk->conn = &ld->conns[k * ld->rooms + r];
            }
        }
    }

    if (load_case_connect(ld, ld->nmembers
                              + (ld->dialect == LOAD_NCHAN ? ld->rooms : 0))
        != 0
        || (ld->dialect == LOAD_NCHAN && load_case_probe(ld) != 0))
    {
        return -1;
    }

    memset(&pace, 0, sizeof(pace));
    ld->sending = 1;

    if (ld->window) {
        for (i = 0; i < ld->ntk; i++) {
            while (ld->tk[i].outstanding < ld->window) {
                load_case_talk(ld, &ld->tk[i], load_now());
            }
        }

    } else {
        pace.interval = (uint64_t) ((double) LOAD_SEC / ld->rate);
        pace.next = load_now();
    }

    if (load_case_measure(ld, &pace, &used) != 0) {
        return -1;
    }

    load_case_drain(ld, ld->sent * ld->members);
    load_check_end(ld);

    load_case_traffic_line(ld, &used);
    load_case_close(ld);

    return 0;
}


int
load_case_echo(load_t *ld)
{
    uint32_t     i;
    load_pace_t  pace;
    load_proc_t  used;

    if (load_case_alloc(ld, ld->clients) != 0
        || load_case_connect(ld, ld->clients) != 0)
    {
        return -1;
    }

    memset(&pace, 0, sizeof(pace));
    ld->sending = 1;

    for (i = 0; i < ld->clients; i++) {
        load_wire_echo(ld, &ld->conns[i]);
    }

    if (load_case_measure(ld, &pace, &used) != 0) {
        return -1;
    }

    load_case_drain(ld, ld->sent);

    if (ld->received < ld->sent) {
        ld->err.lost += ld->sent - ld->received;
    }

    load_case_traffic_line(ld, &used);
    load_case_close(ld);

    return 0;
}


int
load_case_idle(load_t *ld)
{
    double       cpu;
    uint32_t     n;
    load_proc_t  before, connected, after;

    n = ld->clients;

    if (load_case_alloc(ld, LOAD_IDLE_WARM + n) != 0
        || load_case_connect(ld, LOAD_IDLE_WARM) != 0
        || load_case_settle(ld, &before) != 0
        || load_case_connect(ld, LOAD_IDLE_WARM + n) != 0
        || load_proc_read(ld->pid, &connected, 0) != 0)
    {
        return -1;
    }

    cpu = connected.cpu - before.cpu;

    if (load_case_settle(ld, &after) != 0) {
        return -1;
    }

    ld->err.procs += !load_proc_same(&before, &after);

    printf("case=%s conns=%u cpu_us=%.1f priv=%.0f zone=%.0f total=%.0f",
           ld->name, n, cpu * 1e6 / n,
           ((double) after.priv - (double) before.priv) / n,
           ((double) after.zone - (double) before.zone) / n,
           ((double) after.priv - (double) before.priv
            + (double) after.zone - (double) before.zone) / n);

    load_case_errors(ld);
    load_case_close(ld);

    return 0;
}


static int
load_case_alloc(load_t *ld, uint32_t nconns)
{
    uint32_t  i;

    ld->conns = calloc(nconns, sizeof(load_conn_t));
    if (ld->conns == NULL) {
        perror("load: calloc");
        return -1;
    }

    for (i = 0; i < nconns; i++) {
        ld->conns[i].id = i;
        ld->conns[i].fd = -1;
        ld->conns[i].room = LOAD_NONE;
    }

    return 0;
}


static int
load_case_connect(load_t *ld, uint32_t upto)
{
    uint64_t  end;

    end = load_now() + (uint64_t) (ld->timeout * LOAD_SEC);

    while (ld->nready < upto) {

        while (ld->nconns < upto && ld->nconns - ld->nready < ld->inflight) {
            load_conn_open(ld, &ld->conns[ld->nconns++]);
        }

        if (ld->err.closed || load_now() > end) {
            fprintf(stderr, "load: %u of %u connections ready, %lu failed\n",
                    ld->nready, upto, (unsigned long) ld->err.closed);
            return -1;
        }

        load_conn_poll(ld, end);
    }

    return 0;
}


/*
 * Publishes numbered probes until every member has seen the last one of its
 * room: then all are subscribed, and nothing else is under way.
 */

static int
load_case_probe(load_t *ld)
{
    uint32_t      i, r, missing, *last;
    uint64_t      end, again;
    load_conn_t  *c;

    last = calloc(ld->rooms, sizeof(uint32_t));
    if (last == NULL) {
        return -1;
    }

    end = load_now() + (uint64_t) (ld->timeout * LOAD_SEC);

    do {
        for (r = 0; r < ld->rooms; r++) {
            load_wire_probe(ld, &ld->tk[r * ld->talkers], ++last[r]);
        }

        again = load_now() + LOAD_SEC;

        do {
            load_conn_poll(ld, again);
            missing = 0;

            for (i = 0; i < ld->nmembers; i++) {
                c = &ld->conns[i];
                missing += (c->probe != last[c->room]);
            }

        } while (missing && load_now() < again);

        if (ld->err.closed || (missing && load_now() > end)) {
            fprintf(stderr, "load: %u members see no probe\n", missing);
            free(last);
            return -1;
        }

    } while (missing);

    free(last);

    return 0;
}


/*
 * Warms up, measures, stops.  In "used": CPU seconds of the counted part.
 */

static int
load_case_measure(load_t *ld, load_pace_t *pace, load_proc_t *used)
{
    load_proc_t  before;

    load_case_run(ld, pace, ld->warm);

    if (load_proc_read(ld->pid, &before, 0) != 0) {
        fprintf(stderr, "load: the server is gone\n");
        return -1;
    }

    ld->counting = 1;
    load_case_run(ld, pace, ld->duration);
    ld->counting = 0;

    if (load_proc_read(ld->pid, used, 0) != 0) {
        fprintf(stderr, "load: the server is gone\n");
        return -1;
    }

    ld->sending = 0;

    used->cpu -= before.cpu;
    ld->err.procs += !load_proc_same(&before, used);

    return 0;
}


static void
load_case_run(load_t *ld, load_pace_t *pace, double seconds)
{
    uint64_t  now, end;

    now = load_now();
    end = now + (uint64_t) (seconds * LOAD_SEC);

    while (now < end && ld->err.closed == 0) {

        if (pace->interval) {
            while (pace->next <= now) {
                /*
                 * the stamp is the time when it was due, not when we came to
                 * it: or else our own stalls would hide the server's
                 */
                load_case_talk(ld, &ld->tk[pace->turn], pace->next);
                pace->turn = (pace->turn + 1) % ld->ntk;
                pace->next += pace->interval;
            }
        }

        load_conn_poll(ld, pace->interval && pace->next < end ? pace->next
                                                              : end);
        now = load_now();
    }
}


/* ends when all has come, or nothing more does */

static void
load_case_drain(load_t *ld, uint64_t want)
{
    uint64_t  end, seen;

    seen = ld->received;
    end = load_now() + (uint64_t) (ld->timeout * LOAD_SEC);

    while (ld->received < want && load_now() < end) {
        load_conn_poll(ld, end);

        if (ld->received != seen) {
            seen = ld->received;
            end = load_now() + (uint64_t) (ld->timeout * LOAD_SEC);
        }
    }

    /* one more look: what comes now is too much */

    load_conn_poll(ld, 0);
}


/* memory, once it has stopped to change */

static int
load_case_settle(load_t *ld, load_proc_t *pr)
{
    int          i;
    double       change;
    uint64_t     end;
    load_proc_t  last;

    if (load_proc_read(ld->pid, &last, 1) != 0) {
        return -1;
    }

    for (i = 0; i < LOAD_IDLE_SAMPLES; i++) {
        end = load_now() + 250 * LOAD_MSEC;

        while (load_now() < end) {
            load_conn_poll(ld, end);
        }

        if (load_proc_read(ld->pid, pr, 1) != 0) {
            return -1;
        }

        change = (double) (pr->priv + pr->zone)
                 - (double) (last.priv + last.zone);

        if (change < 65536 && change > -65536) {
            return 0;
        }

        last = *pr;
    }

    return 0;
}


static void
load_case_talk(load_t *ld, load_talker_t *tk, uint64_t time)
{
    uint32_t  number;

    /* counted first: an answer must find them */

    number = tk->next++;
    tk->outstanding++;
    ld->sent++;

    load_wire_talk(ld, tk, number, time);
}


void
load_case_complete(load_t *ld, load_talker_t *tk)
{
    tk->outstanding--;

    if (ld->sending) {
        load_case_talk(ld, tk, load_now());
    }
}


static void
load_case_traffic_line(load_t *ld, load_proc_t *used)
{
    double  n;

    n = ld->counted ? (double) ld->counted : 1;

    printf("case=%s deliveries=%lu per_s=%.0f cpu=%.2f cpu_m=%.4f"
           " p50=%.3f p99=%.3f max=%.3f",
           ld->name, (unsigned long) ld->counted, n / ld->duration,
           used->cpu, used->cpu * 1e6 / n,
           (double) load_hist_part(&ld->hist, 0.50) / LOAD_MSEC,
           (double) load_hist_part(&ld->hist, 0.99) / LOAD_MSEC,
           (double) ld->hist.max / LOAD_MSEC);

    load_case_errors(ld);
}


static void
load_case_errors(load_t *ld)
{
    printf(" lost=%lu dup=%lu reordered=%lu skewed=%lu corrupt=%lu"
           " closed=%lu procs=%lu\n",
           (unsigned long) ld->err.lost, (unsigned long) ld->err.dup,
           (unsigned long) ld->err.reordered, (unsigned long) ld->err.skewed,
           (unsigned long) ld->err.corrupt, (unsigned long) ld->err.closed,
           (unsigned long) ld->err.procs);

    fflush(stdout);
}


static void
load_case_close(load_t *ld)
{
    uint32_t  i;

    ld->closing = 1;

    for (i = 0; i < ld->nconns; i++) {
        load_conn_close(ld, &ld->conns[i], 0);
    }
}
