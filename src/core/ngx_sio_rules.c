
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Which block a call runs, and how it ends.  The actions themselves are in
 * ngx_sio_action.c.
 */


#include "ngx_sio_rules.h"
#include "ngx_sio_action.h"


static ngx_int_t ngx_sio_rules_nsp(ngx_sio_rules_t *rules,
    const ngx_str_t *name, void **program);
static ngx_int_t ngx_sio_rules_run(ngx_sio_call_t *call);
static ngx_uint_t ngx_sio_rules_hooked(ngx_sio_call_t *call);
static ngx_int_t ngx_sio_rules_resume(ngx_sio_hook_t *hook);
static ngx_int_t ngx_sio_rules_connect(ngx_sio_run_t *run, ngx_sio_nsp_t *nsp,
    ngx_sio_block_t *last);
static ngx_sio_block_t *ngx_sio_rules_event(ngx_sio_run_t *run,
    ngx_sio_nsp_t *nsp);
static ngx_int_t ngx_sio_block_run(ngx_sio_run_t *run, ngx_sio_block_t *block,
    ngx_uint_t next);
static ngx_int_t ngx_sio_block_wait(ngx_sio_run_t *run, ngx_sio_block_t *block,
    ngx_uint_t next);
static void ngx_sio_rules_stranger(ngx_sio_call_t *call);
static void ngx_sio_blocks_sort(ngx_array_t *blocks);
static int ngx_libc_cdecl ngx_sio_block_cmp(const void *one, const void *two);
static ngx_int_t ngx_sio_name_cmp(const ngx_str_t *a, const ngx_str_t *b);


const ngx_sio_app_t  ngx_sio_rules_app = {
    ngx_sio_rules_nsp,
    ngx_sio_rules_run,
    ngx_sio_rules_hooked,
    ngx_sio_rules_resume
};


static ngx_int_t
ngx_sio_rules_nsp(ngx_sio_rules_t *rules, const ngx_str_t *name,
    void **program)
{
    ngx_sio_nsp_t  *nsp;

    *program = NULL;

    if (rules == NULL || rules->program == NULL) {
        return (name->len == 1 && name->data[0] == '/') ? NGX_OK
                                                        : NGX_DECLINED;
    }

    nsp = ngx_sio_nsp_lookup(rules->program, name, ngx_cycle->log);

    *program = nsp;

    return nsp ? NGX_OK : NGX_DECLINED;
}


ngx_sio_nsp_t *
ngx_sio_nsp_lookup(ngx_sio_program_t *program, const ngx_str_t *name,
    ngx_log_t *log)
{
    ngx_uint_t       i;
    ngx_sio_nsp_t  **nsp;

    if (name->len == 1 && name->data[0] == '/') {
        return &program->main;
    }

    nsp = program->names.elts;

    for (i = 0; i < program->names.nelts; i++) {

        if (nsp[i]->name.len == name->len
            && ngx_memcmp(nsp[i]->name.data, name->data, name->len) == 0)
        {
            return nsp[i];
        }
    }

#if (NGX_PCRE)
    {
    ngx_int_t  rc;
    ngx_str_t  subject;

    nsp = program->patterns.elts;
    subject = *name;

    if (subject.data == NULL) {
        return NULL;
    }

    for (i = 0; i < program->patterns.nelts; i++) {

        rc = ngx_regex_exec(nsp[i]->regex->regex, &subject, NULL, 0);

        if (rc >= 0) {
            return nsp[i];
        }

        if (rc != NGX_REGEX_NO_MATCHED) {
            ngx_log_error(NGX_LOG_ERR, log, 0,
                          "sio rule: " ngx_regex_exec_n " failed: %i on "
                          "sio_namespace ~ \"%V\" in %s:%ui",
                          rc, &nsp[i]->name, nsp[i]->file, nsp[i]->line);
        }
    }
    }
#endif

    return NULL;
}


static ngx_int_t
ngx_sio_rules_run(ngx_sio_call_t *call)
{
    ngx_sio_nsp_t    *nsp;
    ngx_sio_run_t     run;
    ngx_sio_block_t  *block;

    nsp = call->program;

    if (nsp == NULL) {
        return NGX_OK;
    }

    ngx_memzero(&run, sizeof(ngx_sio_run_t));

    run.call = call;
    run.nsp_regex = nsp->regex;

    switch (call->type) {

    case NGX_SIO_CALL_CONNECT:
        return ngx_sio_rules_connect(&run, nsp, NULL);

    case NGX_SIO_CALL_EVENT:
        block = ngx_sio_rules_event(&run, nsp);

        if (block == NULL) {
            ngx_sio_rules_stranger(call);
        }

        break;

    case NGX_SIO_CALL_ACK:
        block = ngx_sio_block_lookup(&nsp->acks, &call->event);
        break;

    case NGX_SIO_CALL_DISCONNECTING:
        block = nsp->disconnecting;
        break;

    default: /* NGX_SIO_CALL_DISCONNECT */
        block = nsp->disconnect;
    }

    return block ? ngx_sio_block_run(&run, block, 0) : NGX_OK;
}


static ngx_uint_t
ngx_sio_rules_hooked(ngx_sio_call_t *call)
{
    ngx_uint_t         i;
    ngx_sio_nsp_t     *nsp;
    ngx_sio_run_t      run;
    ngx_sio_block_t   *block, **use;

    nsp = call->program;

    if (nsp == NULL) {
        return 0;
    }

    switch (call->type) {

    case NGX_SIO_CALL_CONNECT:

        use = nsp->uses.elts;

        for (i = 0; i < nsp->uses.nelts; i++) {
            if (use[i]->waits) {
                return 1;
            }
        }

        block = nsp->connect;
        break;

    case NGX_SIO_CALL_EVENT:

        ngx_memzero(&run, sizeof(ngx_sio_run_t));
        run.call = call;

        block = ngx_sio_rules_event(&run, nsp);
        break;

    case NGX_SIO_CALL_ACK:
        block = ngx_sio_block_lookup(&nsp->acks, &call->event);
        break;

    default:
        /* a socket's end waits for nothing */
        return 0;
    }

    return block && block->waits;
}


static ngx_int_t
ngx_sio_rules_resume(ngx_sio_hook_t *hook)
{
    ngx_int_t        rc;
    ngx_sio_nsp_t   *nsp;
    ngx_sio_run_t   *run;
    ngx_sio_call_t  *call;

    run = hook->run;
    call = run->call;
    nsp = call->program;

    rc = ngx_sio_block_run(run, hook->block, hook->next);

    if (rc == NGX_OK && call->type == NGX_SIO_CALL_CONNECT
        && hook->block != nsp->connect)
    {
        rc = ngx_sio_rules_connect(run, nsp, hook->block);
    }

    return rc;
}


/* last: the sio_use that has ended, NULL: none yet */

static ngx_int_t
ngx_sio_rules_connect(ngx_sio_run_t *run, ngx_sio_nsp_t *nsp,
    ngx_sio_block_t *last)
{
    ngx_int_t          rc;
    ngx_uint_t         i;
    ngx_sio_block_t  **use;

    if (last == NULL && nsp->jwt && !nsp->jwt->off) {
        rc = ngx_sio_token_verify(run->call, nsp->jwt);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (last == NULL && nsp->access.user) {
        rc = ngx_sio_access_user(run, &nsp->access);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    use = nsp->uses.elts;
    i = 0;

    while (last && i < nsp->uses.nelts && use[i++] != last) { /* void */ }

    for ( /* void */ ; i < nsp->uses.nelts; i++) {

        rc = ngx_sio_block_run(run, use[i], 0);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return nsp->connect ? ngx_sio_block_run(run, nsp->connect, 0) : NGX_OK;
}


/* the exact name, else the first regex in the file, else "*" */

static ngx_sio_block_t *
ngx_sio_rules_event(ngx_sio_run_t *run, ngx_sio_nsp_t *nsp)
{
    ngx_int_t          rc;
    ngx_uint_t         i;
    ngx_sio_call_t    *call;
    ngx_sio_block_t   *block, **pattern;

    call = run->call;

    /* msgpack lets them through; they mean something else here */

    if (sio_packet_reserved(call->event.data, call->event.len)) {
        return NULL;
    }

    block = ngx_sio_block_lookup(&nsp->events, &call->event);

    if (block) {
        return block;
    }

    pattern = nsp->patterns.elts;

    for (i = 0; i < nsp->patterns.nelts; i++) {

        rc = ngx_sio_regex_match(run, pattern[i]->regex, &call->event,
                                 &run->captures);

        if (rc == NGX_OK) {
            run->regex = pattern[i]->regex;
            return pattern[i];
        }

        if (rc == NGX_ERROR) {
            ngx_log_error(NGX_LOG_ERR, call->pool->log, 0,
                          "sio rule: sio_on ~ \"%V\" in %s:%ui could not be "
                          "matched", &pattern[i]->name, pattern[i]->file,
                          pattern[i]->line);
        }
    }

    return nsp->any;
}


static ngx_int_t
ngx_sio_block_run(ngx_sio_run_t *run, ngx_sio_block_t *block, ngx_uint_t next)
{
    ngx_int_t          rc;
    ngx_uint_t         i;
    ngx_sio_call_t    *call;
    ngx_sio_action_t  *action;

    call = run->call;
    action = block->actions.elts;

    for (i = next; i < block->actions.nelts; i++) {

        run->why = NULL;

        rc = ngx_sio_action_run(run, &action[i]);

        if (rc == NGX_AGAIN) {
            return ngx_sio_block_wait(run, block, i + 1);
        }

        if (rc == NGX_OK || rc == NGX_DONE) {
            continue;
        }

        /* a failed require has its own words, and is no mistake */

        if (run->why || rc != NGX_DECLINED) {
            ngx_log_error(NGX_LOG_INFO, call->pool->log, 0,
                          "sio rule: \"%s\" in %s:%ui failed: %s",
                          action[i].name, action[i].file, action[i].line,
                          run->why ? run->why
                          : (rc == NGX_BUSY) ? "the zone is full"
                          : "an internal error");
        }

        if (call->failure.len == 0) {
            ngx_str_set(&call->failure, NGX_SIO_NOT_ALLOWED);
        }

        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* the answer of the hook comes to ngx_sio_rules_resume() */

static ngx_int_t
ngx_sio_block_wait(ngx_sio_run_t *run, ngx_sio_block_t *block, ngx_uint_t next)
{
    ngx_sio_hook_t  *hook;

    hook = run->call->hook;

    if (hook->run != run) {

        /* no memory is no reason to forget that a request is on its way: it
           was allocated before */

        *(ngx_sio_run_t *) hook->run = *run;
    }

    hook->block = block;
    hook->next = next;

    return NGX_AGAIN;
}


/* an event that has no rule: its name is logged once, for some of them */

static void
ngx_sio_rules_stranger(ngx_sio_call_t *call)
{
    u_char              buf[NGX_SIO_LOG_NAME];
    uint32_t            hash;
    ngx_uint_t          i;
    ngx_sio_program_t  *program;

    if (sio_packet_reserved(call->event.data, call->event.len)) {
        ngx_sio_refused(ngx_sio_worker_zone(call->worker),
                        NGX_SIO_REFUSED_PACKET);
    }

    program = call->server->rules ? call->server->rules->program : NULL;

    if (program == NULL || program->nstrangers == NGX_SIO_MAX_STRANGERS) {
        return;
    }

    hash = ngx_crc32_short(call->event.data, call->event.len);

    for (i = 0; i < program->nstrangers; i++) {
        if (program->strangers[i] == hash) {
            return;
        }
    }

    program->strangers[program->nstrangers++] = hash;

    ngx_log_error(NGX_LOG_INFO, call->pool->log, 0,
                  "sio rule: no rule for event \"%*s\" of namespace \"%V\"",
                  ngx_sio_log_name(buf, &call->event), buf, &call->nsp);
}


size_t
ngx_sio_log_name(u_char *dst, const ngx_str_t *s)
{
    u_char  *p;
    size_t   i, len;

    len = ngx_min(s->len, (NGX_SIO_LOG_NAME - 3) / 4);

    /* control bytes, quotes: \xXX, as in the access log */

    p = dst;

    for (i = 0; i < len; i++) {

        if (s->data[i] < ' ' || s->data[i] == '"' || s->data[i] == '\\'
            || s->data[i] == 0x7f)
        {
            p = ngx_sprintf(p, "\\x%02Xi", (ngx_int_t) s->data[i]);

        } else {
            *p++ = s->data[i];
        }
    }

    if (len < s->len) {
        p = ngx_cpymem(p, "...", 3);
    }

    return p - dst;
}


ngx_sio_block_t *
ngx_sio_block_lookup(const ngx_array_t *blocks, const ngx_str_t *name)
{
    ngx_int_t          rc;
    ngx_uint_t         low, high, mid;
    ngx_sio_block_t  **block;

    block = blocks->elts;
    low = 0;
    high = blocks->nelts;

    while (low < high) {
        mid = low + (high - low) / 2;

        rc = ngx_sio_name_cmp(name, &block[mid]->name);

        if (rc == 0) {
            return block[mid];
        }

        if (rc < 0) {
            high = mid;

        } else {
            low = mid + 1;
        }
    }

    return NULL;
}


void
ngx_sio_program_finish(ngx_sio_program_t *program)
{
    ngx_uint_t       i;
    ngx_sio_nsp_t  **nsp;

    ngx_sio_blocks_sort(&program->main.events);
    ngx_sio_blocks_sort(&program->main.acks);

    nsp = program->names.elts;

    for (i = 0; i < program->names.nelts; i++) {
        ngx_sio_blocks_sort(&nsp[i]->events);
        ngx_sio_blocks_sort(&nsp[i]->acks);
    }

    nsp = program->patterns.elts;

    for (i = 0; i < program->patterns.nelts; i++) {
        ngx_sio_blocks_sort(&nsp[i]->events);
        ngx_sio_blocks_sort(&nsp[i]->acks);
    }
}


static void
ngx_sio_blocks_sort(ngx_array_t *blocks)
{
    if (blocks->nelts > 1) {
        ngx_qsort(blocks->elts, blocks->nelts, sizeof(ngx_sio_block_t *),
                  ngx_sio_block_cmp);
    }
}


static int ngx_libc_cdecl
ngx_sio_block_cmp(const void *one, const void *two)
{
    ngx_sio_block_t  *first, *second;

    first = *(ngx_sio_block_t **) one;
    second = *(ngx_sio_block_t **) two;

    return (int) ngx_sio_name_cmp(&first->name, &second->name);
}


static ngx_int_t
ngx_sio_name_cmp(const ngx_str_t *a, const ngx_str_t *b)
{
    if (a->len != b->len) {
        return a->len < b->len ? -1 : 1;
    }

    return a->len ? ngx_memcmp(a->data, b->data, a->len) : 0;
}
