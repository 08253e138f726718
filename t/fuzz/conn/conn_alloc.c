
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The memory of what is under test: pools are malloc() here, so that the
 * address sanitizer sees every byte, any allocation may be refused, and what
 * is left after an input is counted.
 */


#include "conn.h"


#define CONN_TRACED  65536

#undef ngx_palloc
#undef ngx_pnalloc
#undef ngx_pcalloc


/* of the sanitizers; gcc does not install these headers */
int __sanitizer_install_malloc_and_free_hooks(
    void (*alloc)(const volatile void *p, size_t size),
    void (*free)(const volatile void *p));
void __sanitizer_print_stack_trace(void);

void *conn_palloc(ngx_pool_t *pool, size_t size);
void *conn_pnalloc(ngx_pool_t *pool, size_t size);
void *conn_pcalloc(ngx_pool_t *pool, size_t size);
void *conn_alloc(size_t size, ngx_log_t *log);
void *conn_calloc(size_t size, ngx_log_t *log);

static void conn_alloc_hook(const volatile void *p, size_t size);
static void conn_free_hook(const volatile void *p);
static ngx_uint_t conn_alloc_refused(void);


typedef struct {
    const volatile void  *p;
    size_t                size;
    long                  n;
} conn_traced_t;


static long           conn_live;
static ngx_uint_t     conn_refuse_nth;

static ngx_uint_t     conn_tracing;
static long           conn_trace;                /* CONN_TRACE */
static long           conn_trace_n;
static conn_traced_t  conn_traced[CONN_TRACED];


void
conn_alloc_init(void)
{
    char  *trace;

    trace = getenv("CONN_TRACE");
    conn_trace = trace ? atol(trace) : 0;

    __sanitizer_install_malloc_and_free_hooks(conn_alloc_hook, conn_free_hook);
}


long
conn_alloc_live(void)
{
    return conn_live;
}


void
conn_alloc_refuse(ngx_uint_t nth)
{
    conn_refuse_nth = nth;
}


static void
conn_alloc_hook(const volatile void *p, size_t size)
{
    ngx_uint_t  i;

    conn_live++;

    if (conn_tracing) {

        if (++conn_trace_n == conn_trace) {
            __sanitizer_print_stack_trace();
        }

        for (i = 0; i < CONN_TRACED; i++) {
            if (conn_traced[i].p == NULL) {
                conn_traced[i].p = p;
                conn_traced[i].size = size;
                conn_traced[i].n = conn_trace_n;
                break;
            }
        }
    }
}


static void
conn_free_hook(const volatile void *p)
{
    ngx_uint_t  i;

    conn_live--;

    if (conn_tracing) {
        for (i = 0; i < CONN_TRACED; i++) {
            if (conn_traced[i].p == p) {
                conn_traced[i].p = NULL;
                break;
            }
        }
    }
}


void
conn_alloc_trace(ngx_uint_t on)
{
    conn_tracing = on;
    conn_trace_n = 0;
    ngx_memzero(conn_traced, sizeof(conn_traced));
}


void
conn_alloc_report(void)
{
    ngx_uint_t  i;

    for (i = 0; i < CONN_TRACED; i++) {
        if (conn_traced[i].p) {
            fprintf(stderr, "block %ld of %zu bytes\n", conn_traced[i].n,
                    conn_traced[i].size);
        }
    }
}


static ngx_uint_t
conn_alloc_refused(void)
{
    if (conn_refuse_nth && --conn_refuse_nth == 0) {
        conn_refused++;

        if (conn_verbose) {
            __sanitizer_print_stack_trace();
        }

        return 1;
    }

    return 0;
}


void *
conn_palloc(ngx_pool_t *pool, size_t size)
{
    ngx_pool_large_t  *large;

    if (conn_alloc_refused()) {
        return NULL;
    }

    large = ngx_palloc(pool, sizeof(ngx_pool_large_t));
    if (large == NULL) {
        return NULL;
    }

    large->alloc = ngx_alloc(size ? size : 1, pool->log);
    large->next = pool->large;
    pool->large = large;

    return large->alloc;
}


void *
conn_pnalloc(ngx_pool_t *pool, size_t size)
{
    return conn_palloc(pool, size);
}


void *
conn_pcalloc(ngx_pool_t *pool, size_t size)
{
    void  *p;

    p = conn_palloc(pool, size);

    if (p) {
        ngx_memzero(p, size);
    }

    return p;
}


void *
conn_alloc(size_t size, ngx_log_t *log)
{
    return conn_alloc_refused() ? NULL : ngx_alloc(size, log);
}


void *
conn_calloc(size_t size, ngx_log_t *log)
{
    return conn_alloc_refused() ? NULL : ngx_calloc(size, log);
}
