
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * sio_join_allow, sio_emit_allow: patterns of rooms.  "*" is any run of bytes
 * without ":", variables are taken literally, and one that names nothing has
 * its pattern match nothing.
 */


#include "ngx_sio_rules.h"
#include "ngx_sio_order.h"


/* where a pattern, with the values of a call, is put together */

typedef struct {
    ngx_str_t        *runs;         /* of bytes, a "*" between them */
    ngx_uint_t        nruns;        /* 0: it matches nothing */
} ngx_sio_matcher_t;


typedef struct {
    ngx_sio_matcher_t  *join;       /* one for each pattern */
    ngx_sio_matcher_t  *emit;
    ngx_str_t           user;
} ngx_sio_allowed_t;


static ngx_int_t ngx_sio_allow_rooms(ngx_sio_call_t *call,
    const ngx_array_t *patterns, const ngx_str_t *rooms, ngx_uint_t n,
    ngx_uint_t emits, ngx_str_t *room);
static ngx_int_t ngx_sio_allow_refuse(ngx_sio_call_t *call,
    const ngx_str_t *name, ngx_str_t *room);
static ngx_uint_t ngx_sio_allow_any(const ngx_array_t *patterns);
static ngx_uint_t ngx_sio_allow_abroad(ngx_sio_call_t *call,
    const ngx_sio_where_t *where);
static ngx_uint_t ngx_sio_allow_own(ngx_sio_call_t *call,
    ngx_sio_allowed_t *kept, const ngx_str_t *room, ngx_uint_t emits);
static ngx_int_t ngx_sio_patterns_eval(ngx_sio_call_t *call,
    const ngx_array_t *patterns, ngx_sio_matcher_t **matchers);
static ngx_int_t ngx_sio_pattern_eval(ngx_sio_run_t *run,
    const ngx_sio_pattern_t *pattern, ngx_sio_matcher_t *m);
static ngx_uint_t ngx_sio_pattern_match(const ngx_sio_matcher_t *m,
    const ngx_str_t *name);


ngx_int_t
ngx_sio_allow_join(ngx_sio_call_t *call, const ngx_str_t *rooms, ngx_uint_t n,
    const ngx_sio_where_t *where, ngx_str_t *room)
{
    ngx_int_t       rc;
    ngx_array_t    *patterns;
    ngx_sio_nsp_t  *nsp;

    nsp = call->program;

    if (nsp == NULL || call->type == NGX_SIO_CALL_API) {
        return NGX_OK;
    }

    patterns = nsp->access.join;

    if (patterns && !ngx_sio_allow_any(patterns)) {

        if (where && ngx_sio_allow_abroad(call, where)) {
            return ngx_sio_allow_refuse(call, &where->nsp, room);
        }

        rc = ngx_sio_allow_rooms(call, patterns, rooms, n, 0, room);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return where ? ngx_sio_allow_emit(call, where, room) : NGX_OK;
}


ngx_int_t
ngx_sio_allow_emit(ngx_sio_call_t *call, const ngx_sio_where_t *where,
    ngx_str_t *room)
{
    ngx_str_t       all;
    ngx_array_t    *patterns;
    ngx_sio_nsp_t  *nsp;

    nsp = call->program;

    if (nsp == NULL || nsp->access.emit == NULL || where->self
        || call->type == NGX_SIO_CALL_API)
    {
        return NGX_OK;
    }

    patterns = nsp->access.emit;

    if (ngx_sio_allow_any(patterns)) {
        return NGX_OK;
    }

    if (ngx_sio_allow_abroad(call, where)) {
        return ngx_sio_allow_refuse(call, &where->nsp, room);
    }

    if (where->all) {
        ngx_str_set(&all, "*");
        return ngx_sio_allow_refuse(call, &all, room);
    }

    return ngx_sio_allow_rooms(call, patterns, where->to, where->nto, 1, room);
}


ngx_int_t
ngx_sio_orders_allowed(ngx_sio_call_t *call, ngx_sio_order_t *orders,
    ngx_uint_t n, ngx_str_t *error)
{
    ngx_int_t         rc;
    ngx_uint_t        i;
    ngx_sio_where_t  *where;

    for (i = 0; i < n; i++) {

        where = &orders[i].out.where;

        if (orders[i].type == NGX_SIO_ORDER_JOIN
            || (orders[i].type == NGX_SIO_ORDER_LEAVE && !where->self))
        {
            rc = ngx_sio_allow_join(call, orders[i].rooms, orders[i].nrooms,
                                    where, error);
        } else {
            rc = ngx_sio_allow_emit(call, where, error);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_sio_allow_refuse(ngx_sio_call_t *call, const ngx_str_t *name,
    ngx_str_t *room)
{
    if (room) {
        *room = *name;
    }

    ngx_sio_refused(ngx_sio_worker_zone(call->worker), NGX_SIO_REFUSED_ALLOW);

    return NGX_DECLINED;
}


/* whoever may have any room may have all of them, and all namespaces */

static ngx_uint_t
ngx_sio_allow_any(const ngx_array_t *patterns)
{
    ngx_uint_t          i;
    ngx_sio_pattern_t  *pattern;

    pattern = patterns->elts;

    for (i = 0; i < patterns->nelts; i++) {
        if (pattern[i].any) {
            return 1;
        }
    }

    return 0;
}


/* a room of the same name in another namespace is another room */

static ngx_uint_t
ngx_sio_allow_abroad(ngx_sio_call_t *call, const ngx_sio_where_t *where)
{
    return where->nsp.len
           && (where->nsp.len != call->nsp.len
               || ngx_memcmp(where->nsp.data, call->nsp.data, call->nsp.len)
                  != 0);
}


static ngx_int_t
ngx_sio_allow_rooms(ngx_sio_call_t *call, const ngx_array_t *patterns,
    const ngx_str_t *rooms, ngx_uint_t n, ngx_uint_t emits, ngx_str_t *room)
{
    u_char             *allowed;
    ngx_uint_t          i, k, left;
    ngx_sio_allowed_t  *kept;
    ngx_sio_matcher_t  *m;

    if (n == 0) {
        return NGX_OK;
    }

    allowed = ngx_pcalloc(call->pool, n);
    if (allowed == NULL) {
        return NGX_ERROR;
    }

    kept = (call->peer || call->connect) ? NULL : call->allowed;

    if (kept) {
        m = emits ? kept->emit : kept->join;

    } else if (ngx_sio_patterns_eval(call, patterns, &m) != NGX_OK) {
        return NGX_ERROR;
    }

    left = n;

    for (i = 0; i < n; i++) {

        allowed[i] = ngx_sio_allow_own(call, kept, &rooms[i], emits);

        for (k = 0; !allowed[i] && k < patterns->nelts; k++) {
            allowed[i] = m[k].nruns && ngx_sio_pattern_match(&m[k], &rooms[i]);
        }

        left -= allowed[i];
    }

    for (i = 0; left && i < n; i++) {
        if (!allowed[i]) {
            return ngx_sio_allow_refuse(call, &rooms[i], room);
        }
    }

    return NGX_OK;
}


/* the socket's own id, and, to reach, its user's room */

static ngx_uint_t
ngx_sio_allow_own(ngx_sio_call_t *call, ngx_sio_allowed_t *kept,
    const ngx_str_t *room, ngx_uint_t emits)
{
    ngx_str_t       user, *prefix;
    ngx_sio_nsp_t  *nsp;

    if (room->len == call->id.len
        && ngx_memcmp(room->data, call->id.data, room->len) == 0)
    {
        return 1;
    }

    nsp = call->program;
    prefix = &nsp->access.room;

    if (!emits || prefix->len == 0 || room->len <= prefix->len
        || ngx_memcmp(room->data, prefix->data, prefix->len) != 0)
    {
        return 0;
    }

    if (kept) {
        user = kept->user;

    } else if (ngx_sio_call_user(call, &user) != NGX_OK) {
        return 0;
    }

    return room->len == prefix->len + user.len
           && ngx_memcmp(room->data + prefix->len, user.data, user.len) == 0;
}


ngx_int_t
ngx_sio_allow_keep(ngx_sio_call_t *call)
{
    ngx_str_t           user;
    ngx_sio_nsp_t      *nsp;
    ngx_sio_allowed_t  *kept;

    nsp = call->program;

    if (nsp == NULL || (nsp->access.join == NULL && nsp->access.emit == NULL))
    {
        return NGX_OK;
    }

    kept = ngx_pcalloc(call->pool, sizeof(ngx_sio_allowed_t));
    if (kept == NULL) {
        return NGX_ERROR;
    }

    if ((nsp->access.join
         && ngx_sio_patterns_eval(call, nsp->access.join, &kept->join)
            != NGX_OK)
        || (nsp->access.emit
            && ngx_sio_patterns_eval(call, nsp->access.emit, &kept->emit)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    /* while connecting it is not the hook's */

    if (ngx_sio_call_user(call, &user) == NGX_ERROR) {
        return NGX_ERROR;
    }

    kept->user.len = user.len;
    kept->user.data = ngx_pnalloc(call->pool, user.len + 1);
    if (kept->user.data == NULL) {
        return NGX_ERROR;
    }

    if (user.len) {
        ngx_memcpy(kept->user.data, user.data, user.len);
    }

    call->allowed = kept;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_patterns_eval(ngx_sio_call_t *call, const ngx_array_t *patterns,
    ngx_sio_matcher_t **matchers)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    ngx_sio_nsp_t      *nsp;
    ngx_sio_run_t       run;
    ngx_sio_pattern_t  *pattern;
    ngx_sio_matcher_t  *m;

    m = ngx_pcalloc(call->pool, patterns->nelts * sizeof(ngx_sio_matcher_t));
    if (m == NULL) {
        return NGX_ERROR;
    }

    /* patterns stand outside of blocks: they know no event's captures */

    nsp = call->program;

    ngx_memzero(&run, sizeof(ngx_sio_run_t));
    run.call = call;
    run.nsp_regex = nsp->regex;

    pattern = patterns->elts;

    for (i = 0; i < patterns->nelts; i++) {

        rc = ngx_sio_pattern_eval(&run, &pattern[i], &m[i]);

        if (rc == NGX_DECLINED) {
            m[i].nruns = 0;

        } else if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    *matchers = m;

    return NGX_OK;
}


/* NGX_OK; NGX_DECLINED: a variable names nothing; NGX_ERROR: no memory */

static ngx_int_t
ngx_sio_pattern_eval(ngx_sio_run_t *run, const ngx_sio_pattern_t *pattern,
    ngx_sio_matcher_t *m)
{
    u_char          *p;
    size_t           len;
    ngx_int_t        rc;
    ngx_str_t       *s;
    ngx_uint_t       i;
    ngx_pool_t      *pool;
    ngx_sio_glob_t  *glob;

    pool = run->call->pool;
    glob = pattern->globs;

    s = ngx_palloc(pool, (2 * pattern->nglobs + 1) * sizeof(ngx_str_t));
    if (s == NULL) {
        return NGX_ERROR;
    }

    len = 0;

    for (i = 0; i < pattern->nglobs; i++) {

        s[i] = glob[i].text;

        if (glob[i].var) {

            rc = ngx_sio_access_name(run, glob[i].var, &s[i]);

            /* what was not UTF-8 may be the same as something else */

            if (rc == NGX_OK
                && (s[i].len == 0
                    || memmem(s[i].data, s[i].len, "\xef\xbf\xbd", 3)))
            {
                rc = NGX_DECLINED;
            }

            if (rc != NGX_OK) {
                return rc;
            }
        }

        len += s[i].len;

        if (len > NGX_SIO_MAX_RESULT) {
            return NGX_DECLINED;
        }
    }

    p = ngx_pnalloc(pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    m->runs = s + pattern->nglobs;
    m->nruns = 1;
    m->runs[0].data = p;
    m->runs[0].len = 0;

    for (i = 0; i < pattern->nglobs; i++) {

        if (s[i].len) {
            p = ngx_cpymem(p, s[i].data, s[i].len);
            m->runs[m->nruns - 1].len += s[i].len;
            continue;
        }

        m->runs[m->nruns].data = p;
        m->runs[m->nruns].len = 0;
        m->nruns++;
    }

    return NGX_OK;
}


/*
 * Each run at the first place it fits.  A later one is of no use: the "*" in
 * front would have to pass over what the run begins with, and what the next
 * "*" gets back was passed over already, so has no ":".
 */

static ngx_uint_t
ngx_sio_pattern_match(const ngx_sio_matcher_t *m, const ngx_str_t *name)
{
    u_char      *p, *last, *found;
    ngx_str_t   *run, *end;

    run = m->runs;
    end = &m->runs[m->nruns - 1];
    p = name->data;
    last = p + name->len;

    if (name->len < run->len || ngx_memcmp(p, run->data, run->len) != 0) {
        return 0;
    }

    if (m->nruns == 1) {
        return name->len == run->len;
    }

    p += run->len;

    if ((size_t) (last - p) < end->len
        || ngx_memcmp(last - end->len, end->data, end->len) != 0)
    {
        return 0;
    }

    last -= end->len;

    for (run++; run < end; run++) {

        found = memmem(p, last - p, run->data, run->len);

        if (found == NULL || memchr(p, ':', found - p)) {
            return 0;
        }

        p = found + run->len;
    }

    return memchr(p, ':', last - p) == NULL;
}
