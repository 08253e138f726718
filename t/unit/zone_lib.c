
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "zone_lib.h"
#include "../../src/zone/ngx_sio_shared.h"

#include <stdarg.h>
#include <sys/prctl.h>


static void zt_start(int argc, char **argv, char **envp)
    __attribute__((constructor));
static void zt_log_writer(ngx_log_t *log, ngx_uint_t level, u_char *buf,
    size_t len);
static void zt_apply(void *data, ngx_sio_entry_t *e);
static void zt_apply_message(zt_worker_t *w, ngx_sio_entry_t *e);
static ngx_uint_t zt_addressed(zt_worker_t *w, zt_member_t *m,
    const ngx_sio_ref_t *rooms, ngx_uint_t nrooms,
    const ngx_sio_ref_t *sockets, ngx_uint_t nsockets);
static void zt_set_ready(void *data, ngx_sio_handle_t session,
    ngx_sio_role_e role, ngx_uint_t wake);


const char   *zt_name = "zone";
uint64_t      zt_seed;
ngx_log_t     zt_log;
void        (*zt_on_fail)(void);
ngx_uint_t    zt_alerts;
ngx_uint_t    zt_alerts_wanted;

static uint64_t        zt_state;
static pid_t           zt_pid;

static ngx_cycle_t     zt_cycle;
static ngx_open_file_t zt_log_file;


/*
 * Runs before nginx's main() and never comes back to it.  Of nginx's own
 * start only what the slab, the log and the clock need is done.
 */

static void
zt_start(int argc, char **argv, char **envp)
{
    int       rc;
    char     *seed;
    uint64_t  start;

    /* not for the symbolizer of a sanitizer */
    unsetenv("LD_PRELOAD");

    zt_log_file.fd = STDERR_FILENO;
    zt_log.file = &zt_log_file;
    zt_log.log_level = NGX_LOG_NOTICE;
    zt_log.writer = zt_log_writer;
    zt_cycle.log = &zt_log;
    ngx_cycle = &zt_cycle;

    ngx_pid = getpid();
    ngx_parent = getppid();
    zt_pid = ngx_pid;

    (void) ngx_strerror_init();
    ngx_time_init();

    ngx_pagesize = getpagesize();
    for (ngx_pagesize_shift = 0;
         ngx_pagesize >> (ngx_pagesize_shift + 1);
         ngx_pagesize_shift++)
    {
        /* void */
    }

    ngx_cacheline_size = NGX_CPU_CACHE_LINE;
    ngx_ncpu = sysconf(_SC_NPROCESSORS_ONLN);
    ngx_slab_sizes_init();

    seed = getenv("ZONE_SEED");
    zt_seed = seed ? strtoull(seed, NULL, 0)
                   : (zt_now() ^ ((uint64_t) ngx_pid << 20)) & 0xffffffff;
    zt_srand(zt_seed);

    setvbuf(stdout, NULL, _IOLBF, 0);

    start = zt_now();
    rc = zt_main(argc, argv);

    if (getpid() == zt_pid) {

        if (zt_alerts && !zt_alerts_wanted && rc == 0) {
            printf("not ok %s: alerts in the log, ZONE_SEED=%llu\n", zt_name,
                   (unsigned long long) zt_seed);
            rc = 1;
        }

        if (rc == 0) {
            printf("ok %s: ZONE_SEED=%llu, %.1f s\n", zt_name,
                   (unsigned long long) zt_seed, (zt_now() - start) / 1e6);
        }
    }

    exit(rc);
}


/* a test fails with an alert, [emerg] is for zt_main() to expect */

static void
zt_log_writer(ngx_log_t *log, ngx_uint_t level, u_char *buf, size_t len)
{
    if (level == NGX_LOG_ALERT) {
        zt_alerts++;
    }

    if ((level <= NGX_LOG_ALERT && !zt_alerts_wanted) || getenv("ZONE_LOG")) {
        (void) ngx_write_fd(STDERR_FILENO, buf, len);
    }
}


void
zt_fail(const char *file, int line, const char *cond, const char *fmt, ...)
{
    va_list  args;

    fflush(stdout);
    fprintf(stderr, "not ok %s: %s:%d: %s: ", zt_name, file, line, cond);

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);

    fprintf(stderr, "\n  again with: ZONE_SEED=%llu\n",
            (unsigned long long) zt_seed);

    if (zt_on_fail) {
        zt_on_fail();
    }

    if (getenv("ZONE_ABORT")) {
        abort();
    }

    _exit(1);
}


pid_t
zt_fork(void)
{
    pid_t  pid, parent;

    fflush(stdout);

    parent = getpid();
    pid = fork();

    zt_ok(pid != -1, "fork: %s", strerror(errno));

    if (pid == 0) {

        if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent) {
            _exit(1);
        }

        ngx_pid = getpid();
    }

    return pid;
}


const char *
zt_rc_name(ngx_int_t rc)
{
    static const char  *names[] = {
        "NGX_OK", "NGX_ERROR", "NGX_AGAIN", "NGX_BUSY", "NGX_DONE",
        "NGX_DECLINED", "NGX_ABORT"
    };

    return (rc <= 0 && rc >= -6) ? names[-rc] : "another value";
}


void
zt_srand(uint64_t seed)
{
    /* splitmix64: no seed is a bad one */

    seed += 0x9e3779b97f4a7c15;
    seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
    seed = (seed ^ (seed >> 27)) * 0x94d049bb133111eb;

    zt_state = (seed ^ (seed >> 31)) | 1;
}


uint64_t
zt_rand64(void)
{
    zt_state ^= zt_state << 13;
    zt_state ^= zt_state >> 7;
    zt_state ^= zt_state << 17;

    return zt_state;
}


ngx_uint_t
zt_rand(ngx_uint_t n)
{
    return (zt_rand64() >> 11) % n;
}


ngx_uint_t
zt_env(const char *name, ngx_uint_t value)
{
    char  *s;

    s = getenv(name);

    return s ? strtoull(s, NULL, 0) : value;
}


uint64_t
zt_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


void
zt_limits(ngx_sio_limits_t *limits)
{
    ngx_memzero(limits, sizeof(ngx_sio_limits_t));

    limits->max_rooms = 100;
    limits->max_namespaces = 8;
    limits->max_acks = 1000;
    limits->max_room_name = 256;
    limits->max_data = 8192;
    limits->max_queue = 100000;
    limits->max_queue_size = 64 * 1024 * 1024;
    limits->max_inbox = 100000;
    limits->max_inbox_size = 64 * 1024 * 1024;
    limits->max_sessions = 100000;
    limits->max_handshakes = 100000;
}


ngx_slab_pool_t *
zt_pool(size_t size)
{
    ngx_slab_pool_t  *sp;

    sp = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_ANON|MAP_SHARED, -1, 0);
    zt_ok(sp != MAP_FAILED, "%zu bytes: %s", size, strerror(errno));

    sp->end = (u_char *) sp + size;
    sp->min_shift = 3;
    sp->addr = sp;

    zt_rc(ngx_shmtx_create(&sp->mutex, &sp->lock, NULL), NGX_OK);
    ngx_slab_init(sp);

    return sp;
}


void
zt_zone_open(zt_zone_t *zone, size_t size, const ngx_sio_limits_t *limits)
{
    if (limits) {
        zone->limits = *limits;

    } else {
        zt_limits(&zone->limits);
    }

    zone->size = size;
    zone->shpool = zt_pool(size);

    zt_rc(ngx_sio_zone_init(zone->shpool, &zone->limits, &zone->root,
                            &zt_log),
          NGX_OK);
    zt_rc(ngx_sio_zone_configure(zone->root, &zone->limits, &zt_log), NGX_OK);
}


void
zt_zone_close(zt_zone_t *zone)
{
    munmap(zone->shpool, zone->size);
    zone->shpool = NULL;
}


void
zt_check(ngx_sio_zone_t *z)
{
    ngx_int_t    rc;
    const char  *what;

    what = "";
    rc = ngx_sio_zone_check(z, &what);

    zt_ok(rc == NGX_OK, "checker: %s: %s", zt_rc_name(rc), what);
}


void
zt_settle(ngx_sio_zone_t *z)
{
    ngx_uint_t       i, size;
    ngx_sio_root_t  *root;

    static ngx_str_t  nsp = ngx_string("/");

    root = z->root;

    for (i = 0; i < 100000; i++) {
        if (root->trash == 0 && root->trash_blobs == 0
            && (z->slot == NGX_SIO_NO_SLOT || root->slots[z->slot].used == 0))
        {
            return;
        }

        (void) ngx_sio_room_size(z, &nsp, NULL, &size);
    }

    zt_ok(0, "what was freed does not come back");
}


void
zt_same(const ngx_sio_counters_t *start, const ngx_sio_counters_t *now)
{
#define zt_field(f)                                                           \
    zt_ok(start->f == now->f, "counter " #f ": %lu at the start, %lu now",    \
          (unsigned long) start->f, (unsigned long) now->f)

    zt_field(sessions);
    zt_field(polling);
    zt_field(handshakes);
    zt_field(sockets);
    zt_field(namespaces);
    zt_field(rooms);
    zt_field(memberships);
    zt_field(messages);
    zt_field(nodes);
    zt_field(acks);
    zt_field(slots);
    zt_field(pages);
    zt_field(free_pages);
    zt_field(epoch);

#undef zt_field
}


void
zt_body(zt_body_t *b, uint32_t id, size_t len)
{
    size_t      i, cut;
    uint32_t    x;
    ngx_uint_t  n;

    zt_ok(len >= ZT_BODY_MIN, "%zu", len);

    if (b->size < len) {
        free(b->bytes);
        b->bytes = malloc(len);
        zt_ok(b->bytes, "no memory");
        b->size = len;
    }

    x = len;
    memcpy(b->bytes, &id, 4);
    memcpy(b->bytes + 4, &x, 4);

    x = id * 2654435761u + (uint32_t) len;

    for (i = ZT_BODY_MIN; i < len; i++) {
        b->bytes[i] = (u_char) (x >> 24);
        x = x * 1664525 + 1013904223;
    }

    /* empty buffers are fine, too */

    n = 1 + zt_rand(3);
    ngx_memzero(&b->body, sizeof(ngx_sio_body_t));

    b->body.len = len;
    b->body.bufs = b->bufs;
    b->body.nbufs = n;

    for (i = 0; i < n; i++) {
        cut = (i == n - 1) ? len : zt_rand(len + 1);
        b->bufs[i].len = cut;
        len -= cut;
        b->bufs[i].data = i ? b->bufs[i - 1].data + b->bufs[i - 1].len
                            : b->bytes;
    }
}


void
zt_body_free(zt_body_t *b)
{
    free(b->bytes);
    ngx_memzero(b, sizeof(zt_body_t));
}


uint32_t
zt_body_id(ngx_sio_zone_t *z, const ngx_sio_body_t *body)
{
    size_t     i, off, n;
    u_char    *p;
    uint32_t   id, len, x;

    zt_ok(body->len >= ZT_BODY_MIN, "a body of %zu bytes", body->len);

    p = malloc(body->len);
    zt_ok(p, "no memory");

    for (off = 0; off < body->len; off += n) {
        n = zt_rand(2) ? body->len - off : zt_rand(body->len - off + 1);
        ngx_sio_body_read(z, body, off, p + off, n);
    }

    memcpy(&id, p, 4);
    memcpy(&len, p + 4, 4);

    zt_ok(len == body->len, "message %u has %zu bytes, not %u", id, body->len,
          len);

    x = id * 2654435761u + len;

    for (i = ZT_BODY_MIN; i < len; i++) {
        zt_ok(p[i] == (u_char) (x >> 24), "message %u differs at byte %zu of "
              "%u", id, i, len);
        x = x * 1664525 + 1013904223;
    }

    free(p);

    return id;
}


void
zt_worker_init(zt_worker_t *w, zt_zone_t *zone, ngx_uint_t n)
{
    zt_worker_view(w, zone);

    w->n = n;
    w->z.apply = zt_apply;
    w->z.ready = zt_set_ready;
    w->z.data = w;

    zt_rc(ngx_sio_slot_claim(&w->z), NGX_OK);
    zt_ok(w->z.slot < NGX_SIO_MAX_SLOTS, "slot %lu",
          (unsigned long) w->z.slot);
}


void
zt_worker_view(zt_worker_t *w, zt_zone_t *zone)
{
    ngx_memzero(w, sizeof(zt_worker_t));

    w->z.shpool = zone->shpool;
    w->z.root = zone->root;
    w->z.log = &zt_log;
    w->z.slot = NGX_SIO_NO_SLOT;
}


void
zt_worker_cleanup(zt_worker_t *w)
{
    if (w->z.slot != NGX_SIO_NO_SLOT) {
        ngx_sio_slot_release(&w->z);
    }

    free(w->members);
    free(w->ready);
    w->members = NULL;
    w->ready = NULL;
}


void
zt_drain(zt_worker_t *w)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    for (i = 0; i < 100000; i++) {
        rc = ngx_sio_drain(&w->z);

        if (rc == NGX_OK) {
            return;
        }

        zt_ok(rc == NGX_AGAIN, "drain: %s", zt_rc_name(rc));
    }

    zt_ok(0, "drain never ends");
}


ngx_uint_t
zt_ready_next(zt_worker_t *w, zt_ready_t *r)
{
    if (w->ready_first == w->nready) {
        w->ready_first = 0;
        w->nready = 0;
        return 0;
    }

    *r = w->ready[w->ready_first++];

    return 1;
}


void
zt_member_add(zt_worker_t *w, ngx_sio_handle_t session,
    ngx_sio_handle_t socket, ngx_sio_ref_t room)
{
    ngx_uint_t    i, muted;
    zt_member_t  *m;

    muted = 0;

    for (i = 0; i < w->nmembers; i++) {
        m = &w->members[i];

        if (zt_handle_eq(m->socket, socket)) {
            zt_ok(m->room != room, "worker %lu: socket %u is added to room %u "
                  "twice", (unsigned long) w->n, socket.ref, room);

            /* its session need not be the one that is connecting */
            session = m->session;
            muted = m->muted;

        } else {
            zt_ok(m->socket.ref != socket.ref, "worker %lu: socket %u was "
                  "never removed", (unsigned long) w->n, socket.ref);
        }
    }

    if (session.ref == 0 && w->forgetful) {
        w->ignored++;
        return;
    }

    zt_ok(session.ref, "worker %lu: an unknown socket, %u, is added to room "
          "%u", (unsigned long) w->n, socket.ref, room);

    if (w->nmembers == w->members_size) {
        w->members_size = w->members_size ? 2 * w->members_size : 64;
        w->members = realloc(w->members,
                             w->members_size * sizeof(zt_member_t));
        zt_ok(w->members, "no memory");
    }

    m = &w->members[w->nmembers++];
    m->socket = socket;
    m->session = session;
    m->room = room;
    m->muted = muted;
}


/* its later rooms are muted, too */

void
zt_member_mute(zt_worker_t *w, ngx_sio_handle_t socket)
{
    ngx_uint_t  i;

    for (i = 0; i < w->nmembers; i++) {
        if (zt_handle_eq(w->members[i].socket, socket)) {
            w->members[i].muted = 1;
        }
    }
}


void
zt_member_remove(zt_worker_t *w, ngx_sio_handle_t socket, ngx_sio_ref_t room)
{
    ngx_uint_t    i;
    zt_member_t  *m;

    for (i = 0; i < w->nmembers; i++) {
        m = &w->members[i];

        if (zt_handle_eq(m->socket, socket) && m->room == room) {
            *m = w->members[--w->nmembers];
            return;
        }
    }
}


void
zt_member_forget(zt_worker_t *w, ngx_sio_handle_t session)
{
    ngx_uint_t  i;

    w->forgetful = 1;

    for (i = 0; i < w->nmembers; /* void */) {

        if (zt_handle_eq(w->members[i].session, session)) {
            w->members[i] = w->members[--w->nmembers];
            continue;
        }

        i++;
    }
}


ngx_uint_t
zt_members(zt_worker_t *w, ngx_sio_ref_t room)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < w->nmembers; i++) {
        if (room == 0 || w->members[i].room == room) {
            n++;
        }
    }

    return n;
}


static void
zt_apply(void *data, ngx_sio_entry_t *e)
{
    zt_worker_t *w = data;

    ngx_sio_handle_t  none;

    zt_ok(!w->applying, "worker %lu: apply in apply", (unsigned long) w->n);
    w->applying = 1;

    none.ref = 0;
    none.gen = 0;

    switch (e->type) {

    case NGX_SIO_ENTRY_MESSAGE:
        zt_apply_message(w, e);
        break;

    case NGX_SIO_ENTRY_SEND:
        w->received++;
        w->receive(w, e->session, none, e);
        break;

    case NGX_SIO_ENTRY_ADD:
        zt_member_add(w, w->connecting, e->socket, e->room);
        break;

    case NGX_SIO_ENTRY_REMOVE:
        zt_member_remove(w, e->socket, e->room);
        break;

    case NGX_SIO_ENTRY_KICK:
        zt_member_mute(w, e->socket);
        break;

    case NGX_SIO_ENTRY_REPLY:
        (void) zt_body_id(&w->z, &e->body);
        w->replies++;
        w->reply_id = e->ack_id;
        break;

    case NGX_SIO_ENTRY_OVERFLOW:
        zt_ok(w->overflow, "worker %lu: inbox overflow",
              (unsigned long) w->n);
        w->overflow(w);
        break;

    default:
        zt_ok(0, "an entry of type %d", (int) e->type);
    }

    w->applying = 0;
}


/* the arrays hold a socket once for each room; it gets the message once */

static void
zt_apply_message(zt_worker_t *w, ngx_sio_entry_t *e)
{
    ngx_uint_t         i, n, k;
    zt_member_t       *m;
    ngx_sio_handle_t  *done;

    done = malloc((w->nmembers + 1) * sizeof(ngx_sio_handle_t));
    zt_ok(done, "no memory");

    n = 0;

    for (i = 0; i < w->nmembers; i++) {
        m = &w->members[i];

        if (!zt_addressed(w, m, e->to_rooms, e->nto_rooms, e->to_sockets,
                          e->nto_sockets))
        {
            continue;
        }

        for (k = 0; k < n; k++) {
            if (zt_handle_eq(done[k], m->socket)) {
                break;
            }
        }

        if (k < n) {
            continue;
        }

        done[n++] = m->socket;

        /* excepted is a socket that any of its rooms excepts */

        for (k = 0; k < w->nmembers; k++) {
            if (zt_handle_eq(w->members[k].socket, m->socket)
                && zt_addressed(w, &w->members[k], e->except_rooms,
                                e->nexcept_rooms, e->except_sockets,
                                e->nexcept_sockets))
            {
                break;
            }
        }

        if (k == w->nmembers && !m->muted) {
            w->received++;
            w->receive(w, m->session, m->socket, e);
        }
    }

    free(done);
}


static ngx_uint_t
zt_addressed(zt_worker_t *w, zt_member_t *m, const ngx_sio_ref_t *rooms,
    ngx_uint_t nrooms, const ngx_sio_ref_t *sockets, ngx_uint_t nsockets)
{
    ngx_uint_t  i;

    for (i = 0; i < nrooms; i++) {
        if (m->room == rooms[i]) {
            return 1;
        }
    }

    for (i = 0; i < nsockets; i++) {
        if (m->socket.ref == sockets[i]) {
            return 1;
        }
    }

    return 0;
}


static void
zt_set_ready(void *data, ngx_sio_handle_t session, ngx_sio_role_e role,
    ngx_uint_t wake)
{
    zt_worker_t *w = data;

    zt_ok(role < NGX_SIO_NROLES, "role %d", (int) role);
    zt_ok(wake, "role %d is woken for nothing", (int) role);

    if (w->nready == w->ready_size) {
        w->ready_size = w->ready_size ? 2 * w->ready_size : 64;
        w->ready = realloc(w->ready, w->ready_size * sizeof(zt_ready_t));
        zt_ok(w->ready, "no memory");
    }

    w->ready[w->nready].session = session;
    w->ready[w->nready].role = role;
    w->ready[w->nready].wake = wake;
    w->nready++;
}
