
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * hook, and the directives of hooks: sio_hook, sio_room_hook.
 */


#include "ngx_http_sio_module.h"
#include "ngx_http_sio_rule.h"


#define NGX_HTTP_SIO_MAX_CONCURRENCY  65535


static ngx_http_sio_hook_conf_t *ngx_http_sio_hook_uri(ngx_conf_t *cf,
    ngx_str_t *uri);
static ngx_int_t ngx_http_sio_hook_add(ngx_conf_t *cf, ngx_str_t *uri,
    ngx_uint_t async);
static char *ngx_http_sio_hook_events(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope);
static char *ngx_http_sio_hook_event_add(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_str_t *name, ngx_uint_t named);
static char *ngx_http_sio_hook_rooms(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope);
static ngx_int_t ngx_http_sio_hook_place(ngx_http_sio_shorthand_t *hook);


static ngx_http_sio_hook_conf_t *
ngx_http_sio_hook_uri(ngx_conf_t *cf, ngx_str_t *uri)
{
    u_char                    *p;
    ngx_str_t                 *value;
    ngx_http_sio_hook_conf_t  *hook;

    value = cf->args->elts;

    if (uri->len == 0 || uri->data[0] != '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URI \"%V\" in \"%V\": it is that of a "
                           "location, as in \"%V /backend/chat\"", uri,
                           &value[0], &value[0]);
        return NULL;
    }

    if (ngx_strlchr(uri->data, uri->data + uri->len, '$')) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" takes no variables, as in \"%V\": the "
                           "location has them as $sio_event, $sio_id and so "
                           "on", &value[0], uri);
        return NULL;
    }

    hook = ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_hook_conf_t));
    if (hook == NULL) {
        return NULL;
    }

    hook->uri = *uri;

    p = ngx_strlchr(uri->data, uri->data + uri->len, '?');

    if (p) {
        hook->args.data = p + 1;
        hook->args.len = uri->data + uri->len - p - 1;
        hook->uri.len = p - uri->data;
    }

    return hook;
}


/* as the next action of cf's block */

static ngx_int_t
ngx_http_sio_hook_add(ngx_conf_t *cf, ngx_str_t *uri, ngx_uint_t async)
{
    ngx_sio_action_t      *action;
    ngx_http_sio_scope_t  *scope;

    scope = cf->handler_conf;

    action = ngx_http_sio_rule_push(cf, NGX_SIO_DO_HOOK, "hook");
    if (action == NULL) {
        return NGX_ERROR;
    }

    action->hook = ngx_http_sio_hook_uri(cf, uri);
    if (action->hook == NULL) {
        return NGX_ERROR;
    }

    action->async = async;

    scope->rules->hook = ngx_http_sio_hook_send;
    scope->rules->needs_handshake = 1;

    if (!async) {
        scope->block->waits = 1;
        scope->rules->waits = 1;

        if (scope->kind == NGX_HTTP_SIO_BLOCK_ACK) {
            scope->rules->ack_waits = 1;
        }
    }

    return NGX_OK;
}


/* hook URI [async] */

char *
ngx_http_sio_rule_hook(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t   *value;
    ngx_uint_t   i, async;

    value = cf->args->elts;
    async = 0;

    for (i = 2; i < cf->args->nelts; i++) {

        if (!ngx_http_sio_rule_is(&value[i], "async") || async) {
            return ngx_http_sio_rule_unknown(cf, &value[i]);
        }

        async = 1;
    }

    return ngx_http_sio_hook_add(cf, &value[1], async) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_http_sio_hook(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_scope_t  scope;

    if (ngx_http_sio_scope_init(cf, conf, &scope) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_sio_hook_events(cf, &scope);
}


char *
ngx_http_sio_nsp_hook(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_scope_t  scope;

    scope = *(ngx_http_sio_scope_t *) cf->handler_conf;

    return ngx_http_sio_hook_events(cf, &scope);
}


/* sio_hook URI [EVENT ...] */

static char *
ngx_http_sio_hook_events(ngx_conf_t *cf, ngx_http_sio_scope_t *scope)
{
    char        *rv;
    ngx_str_t   *value, *name;
    ngx_uint_t   i;

    static ngx_str_t  all[] = {
        ngx_string("connect"),
        ngx_string("disconnect"),
        ngx_string("*"),
        ngx_null_string
    };

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {

        if (!ngx_http_sio_rule_is(&value[i], "*")
            && ngx_http_sio_rule_event(cf, &value[i]) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        rv = ngx_http_sio_hook_event_add(cf, scope, &value[i], 1);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    for (name = all; cf->args->nelts == 2 && name->len; name++) {

        rv = ngx_http_sio_hook_event_add(cf, scope, name, 0);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_hook_event_add(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_str_t *name, ngx_uint_t named)
{
    void                      *save;
    ngx_int_t                  rc;
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_sio_program_t    *program;
    ngx_http_sio_shorthand_t  *hook;

    value = cf->args->elts;
    program = scope->rules->program;

    hook = program->hooks.elts;

    for (i = 0; i < program->hooks.nelts; i++) {

        if (hook[i].nsp == scope->nsp && hook[i].named == named
            && hook[i].block->name.len == name->len
            && ngx_strncmp(hook[i].block->name.data, name->data, name->len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate \"sio_hook\" of \"%V\", the first "
                               "one is in %s:%ui", name, hook[i].block->file,
                               hook[i].block->line);
            return NGX_CONF_ERROR;
        }
    }

    hook = ngx_array_push(&program->hooks);
    if (hook == NULL) {
        return NGX_CONF_ERROR;
    }

    hook->nsp = scope->nsp;
    hook->named = named;

    hook->block = ngx_http_sio_block_create(cf, NULL, name);
    if (hook->block == NULL) {
        return NGX_CONF_ERROR;
    }

    scope->block = hook->block;
    scope->kind = ngx_http_sio_life(scope->nsp, name)
                  ? NGX_HTTP_SIO_BLOCK_LIFE : NGX_HTTP_SIO_BLOCK_EVENT;

    save = cf->handler_conf;
    cf->handler_conf = (void *) scope;

    rc = ngx_http_sio_hook_add(cf, &value[1], 0);

    cf->handler_conf = save;

    return rc == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* those whose events are named come first */

ngx_int_t
ngx_http_sio_hooks_finish(ngx_conf_t *cf, ngx_http_sio_program_t *program)
{
    ngx_uint_t                 i, n, named;
    ngx_http_sio_shorthand_t  *hook;

    hook = program->hooks.elts;
    n = program->hooks.nelts;

    for (named = 2; named--; /* void */ ) {

        for (i = 0; i < n; i++) {

            if (hook[i].named == named
                && ngx_http_sio_hook_place(&hook[i]) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_hook_place(ngx_http_sio_shorthand_t *hook)
{
    ngx_str_t         *name;
    ngx_uint_t         i;
    ngx_array_t       *events;
    ngx_sio_block_t  **block;

    name = &hook->block->name;

    if (ngx_http_sio_rule_is(name, "*")) {
        block = &hook->nsp->any;

    } else {
        block = ngx_http_sio_life(hook->nsp, name);
    }

    if (block) {

        if (*block == NULL) {
            *block = hook->block;
        }

        return NGX_OK;
    }

    events = &hook->nsp->events;
    block = events->elts;

    for (i = 0; i < events->nelts; i++) {

        if (block[i]->name.len == name->len
            && ngx_strncmp(block[i]->name.data, name->data, name->len) == 0)
        {
            return NGX_OK;
        }
    }

    block = ngx_array_push(events);
    if (block == NULL) {
        return NGX_ERROR;
    }

    *block = hook->block;

    return NGX_OK;
}


char *
ngx_http_sio_room_hook(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_scope_t  scope;

    if (ngx_http_sio_scope_init(cf, conf, &scope) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_sio_hook_rooms(cf, &scope);
}


char *
ngx_http_sio_nsp_room_hook(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_scope_t  scope;

    scope = *(ngx_http_sio_scope_t *) cf->handler_conf;

    return ngx_http_sio_hook_rooms(cf, &scope);
}


/* sio_room_hook URI [create-room] [join-room] [leave-room] [delete-room] */

static char *
ngx_http_sio_hook_rooms(ngx_conf_t *cf, ngx_http_sio_scope_t *scope)
{
    ngx_str_t                 *value;
    ngx_uint_t                 i, k, found;
    ngx_http_sio_hook_conf_t  *hook;

    value = cf->args->elts;

    hook = ngx_http_sio_hook_uri(cf, &value[1]);
    if (hook == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts || i == 2; i++) {

        found = 0;

        for (k = 0; k < NGX_SIO_NLIVES; k++) {

            if (cf->args->nelts > 2
                && (value[i].len != ngx_sio_lives[k].len
                    || ngx_strncmp(value[i].data, ngx_sio_lives[k].data,
                                   value[i].len)
                       != 0))
            {
                continue;
            }

            if (scope->nsp->rooms[k]) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "duplicate \"sio_room_hook\" of \"%V\"",
                                   &ngx_sio_lives[k]);
                return NGX_CONF_ERROR;
            }

            scope->nsp->rooms[k] = hook;
            found = 1;
        }

        if (!found) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown \"%V\" in \"sio_room_hook\": the life "
                               "of rooms is create-room, join-room, "
                               "leave-room and delete-room", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    scope->rules->hook = ngx_http_sio_hook_send;
    scope->rules->rooms = 1;

    return NGX_CONF_OK;
}


/* sio_hook_concurrency N */

char *
ngx_http_sio_hook_concurrency(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_int_t                n;
    ngx_str_t               *value;
    ngx_http_sio_scope_t     scope;
    ngx_http_sio_program_t  *program;

    if (ngx_http_sio_scope_init(cf, conf, &scope) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    program = scope.rules->program;

    if (program->concurrency) {
        return "is duplicate";
    }

    n = ngx_atoi(value[1].data, value[1].len);

    if (n == NGX_ERROR || n == 0 || n > NGX_HTTP_SIO_MAX_CONCURRENCY) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number \"%V\" in "
                           "\"sio_hook_concurrency\": from 1 to %d",
                           &value[1], NGX_HTTP_SIO_MAX_CONCURRENCY);
        return NGX_CONF_ERROR;
    }

    program->concurrency = n;

    return NGX_CONF_OK;
}
