
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The fuzzer of whole connections: a module that nginx loads in place of the
 * real one, and that never lets it come to its event loop.  README.md.
 *
 *     CONN_ARGS=...   libFuzzer's arguments; without libFuzzer: files and
 *                     directories to be run once
 *     CONN_LOG=1      to stderr: the script, what is sent, the log
 *     CONN_TRACE=N    who allocated block N of those that are left
 */


#include "conn.h"
#include "../../../src/zone/ngx_sio_check.h"

#include <dirent.h>
#include <stdarg.h>
#include <sys/stat.h>


#define CONN_ARGS_MAX  256
#define CONN_FILE_MAX  65536


int LLVMFuzzerTestOneInput(const u_char *p, size_t len);
int LLVMFuzzerRunDriver(int *argc, char ***argv,
    int (*callback)(const u_char *p, size_t len)) __attribute__((weak));

ngx_int_t __real_ngx_sio_session_create(ngx_sio_zone_t *z,
    const ngx_sio_session_params_t *params, ngx_msec_t now,
    ngx_sio_handle_t *session);
ngx_int_t __wrap_ngx_sio_session_create(ngx_sio_zone_t *z,
    const ngx_sio_session_params_t *params, ngx_msec_t now,
    ngx_sio_handle_t *session);
ngx_int_t __real_ngx_sio_socket_connect(ngx_sio_zone_t *z,
    ngx_sio_handle_t session, const ngx_sio_socket_params_t *params,
    const ngx_sio_body_t *answer, ngx_sio_handle_t *socket);
ngx_int_t __wrap_ngx_sio_socket_connect(ngx_sio_zone_t *z,
    ngx_sio_handle_t session, const ngx_sio_socket_params_t *params,
    const ngx_sio_body_t *answer, ngx_sio_handle_t *socket);
ngx_uint_t __wrap_ngx_sio_process_start(ngx_pid_t pid, uint32_t start[2]);

static ngx_int_t conn_init_process(ngx_cycle_t *cycle);
static int conn_files(int argc, char **argv);
static void conn_file(const char *name);
static void conn_run(const u_char *p, size_t len);
static void conn_over(void);
static ngx_uint_t conn_empty(void);
static void conn_remains(void);


static ngx_core_module_t  conn_module_ctx = {
    ngx_string("conn_fuzz"),
    NULL,
    NULL
};


ngx_module_t  conn_module = {
    NGX_MODULE_V1,
    &conn_module_ctx,                      /* module context */
    NULL,                                  /* module directives */
    NGX_CORE_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    conn_init_process,                     /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


extern ngx_module_t  ngx_http_sio_rule_module;

ngx_module_t *ngx_modules[] = {
    &ngx_http_sio_module,
    &ngx_http_sio_rule_module,
    &conn_module,
    NULL
};

char *ngx_module_names[] = {
    "ngx_http_sio_module",
    "ngx_http_sio_rule_module",
    "conn_module",
    NULL
};

char *ngx_module_order[] = { NULL };


ngx_uint_t                 conn_refused;
ngx_uint_t                 conn_verbose;

static ngx_uint_t          conn_inputs;
static long                conn_blocks;          /* live, between inputs */
static ngx_uint_t          conn_pages[CONN_ZONES];    /* in use, likewise */


static ngx_int_t
conn_init_process(ngx_cycle_t *cycle)
{
    int                   argc;
    char                 *args, **argv;
    ngx_uint_t            i;
    ngx_sio_counters_t    c;

    static char  *list[CONN_ARGS_MAX + 1];

    conn_verbose = getenv("CONN_LOG") != NULL;

    conn_alloc_init();
    conn_workers_init(cycle);

    for (i = 0; i < conn_nservers; i++) {
        (void) ngx_sio_zone_counters(&conn_workers[0].zones[i]->zone, &c);
        conn_pages[i] = c.pages - c.free_pages;
    }

    args = getenv("CONN_ARGS");
    args = strdup(args ? args : "");

    argv = list;
    argc = 0;

    while (argc < CONN_ARGS_MAX
           && (argv[argc] = strtok(argc ? NULL : args, " ")) != NULL)
    {
        argc++;
    }

    if (LLVMFuzzerRunDriver) {
        exit(LLVMFuzzerRunDriver(&argc, &argv, LLVMFuzzerTestOneInput));
    }

    exit(conn_files(argc, argv));
}


static int
conn_files(int argc, char **argv)
{
    int             i;
    DIR            *dir;
    char            name[4096];
    struct dirent  *de;

    for (i = 1; i < argc; i++) {

        dir = opendir(argv[i]);

        if (dir == NULL) {
            conn_file(argv[i]);
            continue;
        }

        while ((de = readdir(dir)) != NULL) {
            if (de->d_name[0] != '.') {
                snprintf(name, sizeof(name), "%s/%s", argv[i], de->d_name);
                conn_file(name);
            }
        }

        closedir(dir);
    }

    printf("ok   conn_fuzz: %lu inputs\n", (unsigned long) conn_inputs);

    return conn_inputs == 0;
}


static void
conn_file(const char *name)
{
    size_t  n;
    FILE   *f;

    static u_char  buf[CONN_FILE_MAX];

    if (conn_verbose) {
        fprintf(stderr, "== %s\n", name);
    }

    f = fopen(name, "rb");
    conn_ok(f, "cannot read %s", name);

    n = fread(buf, 1, sizeof(buf), f);
    fclose(f);

    (void) LLVMFuzzerTestOneInput(buf, n);
}


/*
 * What is made once, by whatever needs it first, is no leak: that has one more
 * block each time.
 */

int
LLVMFuzzerTestOneInput(const u_char *p, size_t len)
{
    long        live;
    ngx_uint_t  i;

    conn_inputs++;
    conn_run(p, len);

    live = conn_alloc_live();

    if (live <= conn_blocks) {
        return 0;
    }

    conn_run(p, len);

    conn_blocks = conn_alloc_live();

    if (conn_blocks == live) {
        return 0;
    }

    conn_alloc_trace(1);

    for (i = 0; i < 4; i++) {
        conn_run(p, len);

        live = conn_alloc_live();

        if (live <= conn_blocks) {
            conn_alloc_trace(0);
            return 0;
        }

        conn_blocks = live;
    }

    conn_alloc_report();
    conn_fail("blocks are left, each time");
}


static void
conn_run(const u_char *p, size_t len)
{
    conn_workers_reset();

    conn_refused = 0;
    conn_nsessions = 0;
    conn_nsockets = 0;

    conn_script(p, len);

    conn_alloc_refuse(0);
    conn_zones_check();

    conn_over();
}


/* everybody goes, and then nothing is left */

static void
conn_over(void)
{
    ngx_uint_t  i, round;

    for (i = 0; i < CONN_SLOTS; i++) {
        if (conn_slots[i].connection) {
            conn_end(&conn_slots[i], i & 1);
        }
    }

    conn_settle();

    for (round = 0; !conn_empty(); round++) {

        if (round == 64) {
            conn_remains();
            conn_fail("not all comes to an end");
        }

        conn_pass(round < 4 ? 500 : 10000, 1);
    }

    conn_zones_check();

    /* for the pools */
    conn_workers_reset();
}


static ngx_uint_t
conn_empty(void)
{
    ngx_uint_t           i, k;
    ngx_sio_worker_t    *w;
    ngx_sio_counters_t   c;

    for (i = 0; i < CONN_SLOTS; i++) {
        if (conn_slots[i].connection) {
            return 0;
        }
    }

    for (k = 0; k < CONN_WORKERS; k++) {

        if (conn_workers[k].exiting) {
            return 0;
        }

        for (i = 0; i < conn_nservers; i++) {
            w = conn_workers[k].zones[i];

            (void) ngx_sio_zone_counters(&w->zone, &c);

            if (c.sessions == 0 && c.pages - c.free_pages != conn_pages[i]) {
                /* freed, but not returned yet */
                return 0;
            }

            if (c.sessions || c.sockets || c.namespaces || c.rooms
                || c.memberships || c.messages || c.nodes || c.acks)
            {
                return 0;
            }

            conn_ok(c.slots == CONN_WORKERS, "%lu slots",
                    (unsigned long) c.slots);
            conn_ok(w->clients.n == 0 && w->peers.n == 0 && w->arrays.n == 0
                    && w->parks.n == 0 && w->posts.n == 0
                    && w->candidates.n == 0,
                    "worker %lu has what the zone has not",
                    (unsigned long) k);
            conn_ok(ngx_queue_empty(&w->dirty) && w->first_task == w->ntasks
                    && w->connecting == NULL,
                    "worker %lu has something to do", (unsigned long) k);
        }
    }

    return 1;
}


static void
conn_remains(void)
{
    ngx_uint_t          i;
    ngx_sio_counters_t  c;

    for (i = 0; i < CONN_SLOTS; i++) {
        if (conn_slots[i].connection) {
            fprintf(stderr, "connection %lu is open\n", (unsigned long) i);
        }
    }

    for (i = 0; i < CONN_WORKERS; i++) {
        if (conn_workers[i].exiting) {
            fprintf(stderr, "worker %lu quits\n", (unsigned long) i);
        }
    }

    for (i = 0; i < conn_nservers; i++) {

        (void) ngx_sio_zone_counters(&conn_workers[0].zones[i]->zone, &c);

        fprintf(stderr, "zone %lu: %lu sessions, %lu sockets, %lu rooms, "
                "%lu messages, %lu nodes, %lu acks, %lu pages of %lu\n",
                (unsigned long) i, (unsigned long) c.sessions,
                (unsigned long) c.sockets, (unsigned long) c.rooms,
                (unsigned long) c.messages, (unsigned long) c.nodes,
                (unsigned long) c.acks,
                (unsigned long) (c.pages - c.free_pages),
                (unsigned long) conn_pages[i]);
    }
}


void
conn_zones_check(void)
{
    ngx_int_t    rc;
    ngx_uint_t   i;
    const char  *what;

    for (i = 0; i < conn_nservers; i++) {
        what = "";
        rc = ngx_sio_zone_check(&conn_workers[0].zones[i]->zone, &what);

        conn_ok(rc == NGX_OK, "the checker says: %s", what);
    }
}


void
conn_show(const char *what, ngx_uint_t n, const u_char *p, size_t len)
{
    size_t  i;

    fprintf(stderr, "%s %lu: ", what, (unsigned long) n);

    for (i = 0; i < len; i++) {
        fprintf(stderr, (p[i] < 0x20 || p[i] >= 0x7f) ? "\\x%02x" : "%c",
                p[i]);
    }

    fprintf(stderr, "\n");
}


void
conn_failed(const char *file, int line, const char *fmt, ...)
{
    va_list  args;

    fflush(stdout);
    fprintf(stderr, "%s:%d: input %lu: ", file, line,
            (unsigned long) conn_inputs);

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);

    fprintf(stderr, "\n");

    abort();
}


/* ids for the script */

ngx_int_t
__wrap_ngx_sio_session_create(ngx_sio_zone_t *z,
    const ngx_sio_session_params_t *params, ngx_msec_t now,
    ngx_sio_handle_t *session)
{
    conn_id_t                  *id;
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    ngx_http_sio_loc_conf_t   **locations;
    ngx_http_sio_main_conf_t   *smcf;

    rc = __real_ngx_sio_session_create(z, params, now, session);

    if (rc != NGX_OK || conn_nsessions == CONN_IDS) {
        return rc;
    }

    id = &conn_sessions[conn_nsessions++];
    ngx_memcpy(id->id, params->sid, NGX_SIO_ID_LEN);

    smcf = ngx_http_cycle_get_module_main_conf(ngx_cycle, ngx_http_sio_module);
    locations = smcf->locations.elts;

    for (i = 0; i < smcf->locations.nelts; i++) {
        if (locations[i]->options.key == params->location) {
            id->location = locations[i]->location->name.data[1];
        }
    }

    return rc;
}


ngx_int_t
__wrap_ngx_sio_socket_connect(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    const ngx_sio_socket_params_t *params, const ngx_sio_body_t *answer,
    ngx_sio_handle_t *socket)
{
    ngx_int_t  rc;

    rc = __real_ngx_sio_socket_connect(z, session, params, answer, socket);

    if (rc == NGX_OK && conn_nsockets < CONN_IDS) {
        ngx_memcpy(conn_sockets[conn_nsockets++].id, params->id,
                   NGX_SIO_ID_LEN);
    }

    return rc;
}


/* all workers are this process, and it lives: /proc is slow */

ngx_uint_t
__wrap_ngx_sio_process_start(ngx_pid_t pid, uint32_t start[2])
{
    start[0] = 1;
    start[1] = 0;

    return 1;
}
