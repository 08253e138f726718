
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The blocks of actions: sio_on, sio_on_ack, sio_use.
 */


#include "ngx_http_sio_rule.h"


static char *ngx_http_sio_on_regex(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope);
static char *ngx_http_sio_on_name(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope);
static ngx_int_t ngx_http_sio_block_unique(ngx_conf_t *cf,
    ngx_array_t *blocks, ngx_str_t *name);


char *
ngx_http_sio_on_event(ngx_conf_t *cf, ngx_http_sio_scope_t *scope)
{
    ngx_str_t        *value;
    ngx_sio_block_t  *block;

    value = cf->args->elts;

    if (ngx_http_sio_rule_is(&value[1], "~")
        || ngx_http_sio_rule_is(&value[1], "~*"))
    {
        return ngx_http_sio_on_regex(cf, scope);
    }

    if (cf->args->nelts != 2) {
        return ngx_http_sio_rule_unknown(cf, &value[2]);
    }

    if (!ngx_http_sio_rule_is(&value[1], "*")) {
        return ngx_http_sio_on_name(cf, scope);
    }

    if (scope->nsp->any) {
        return ngx_http_sio_duplicate(cf, scope->nsp->any->file,
                                      scope->nsp->any->line);
    }

    block = ngx_http_sio_block_create(cf, NULL, &value[1]);
    if (block == NULL) {
        return NGX_CONF_ERROR;
    }

    scope->nsp->any = block;
    scope->block = block;
    scope->kind = NGX_HTTP_SIO_BLOCK_EVENT;

    return ngx_http_sio_block_parse(cf, scope, NGX_HTTP_SIO_RULE_CONF);
}


static char *
ngx_http_sio_on_regex(ngx_conf_t *cf, ngx_http_sio_scope_t *scope)
{
    ngx_str_t        *value;
    ngx_sio_block_t  *block;

    value = cf->args->elts;

    if (cf->args->nelts != 3) {
        return "needs one regex behind \"~\"";
    }

    if (ngx_http_sio_block_unique(cf, &scope->nsp->patterns, &value[2])
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    block = ngx_http_sio_block_create(cf, &scope->nsp->patterns, &value[2]);
    if (block == NULL) {
        return NGX_CONF_ERROR;
    }

    block->regex = ngx_http_sio_rule_regex(cf, &value[2], value[1].len == 2);
    if (block->regex == NULL) {
        return NGX_CONF_ERROR;
    }

    scope->block = block;
    scope->kind = NGX_HTTP_SIO_BLOCK_EVENT;

    return ngx_http_sio_block_parse(cf, scope, NGX_HTTP_SIO_RULE_CONF);
}


static char *
ngx_http_sio_on_name(ngx_conf_t *cf, ngx_http_sio_scope_t *scope)
{
    ngx_str_t         *name;
    ngx_sio_block_t   *block, **life;

    name = cf->args->elts;
    name++;

    if (ngx_http_sio_rule_event(cf, name) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    life = ngx_http_sio_life(scope->nsp, name);

    if (life) {

        if (*life) {
            return ngx_http_sio_duplicate(cf, (*life)->file, (*life)->line);
        }

        block = ngx_http_sio_block_create(cf, NULL, name);
        if (block == NULL) {
            return NGX_CONF_ERROR;
        }

        *life = block;
        scope->block = block;
        scope->kind = NGX_HTTP_SIO_BLOCK_LIFE;

        return ngx_http_sio_block_parse(cf, scope, NGX_HTTP_SIO_RULE_CONF);
    }

    if (ngx_http_sio_block_unique(cf, &scope->nsp->events, name) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    block = ngx_http_sio_block_create(cf, &scope->nsp->events, name);
    if (block == NULL) {
        return NGX_CONF_ERROR;
    }

    scope->block = block;
    scope->kind = NGX_HTTP_SIO_BLOCK_EVENT;

    return ngx_http_sio_block_parse(cf, scope, NGX_HTTP_SIO_RULE_CONF);
}


ngx_int_t
ngx_http_sio_rule_event(ngx_conf_t *cf, ngx_str_t *name)
{
    if (name->len == 0 || name->data[0] == '~') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           name->len ? "\"%V\" needs a space between \"~\" "
                                       "and its regex"
                                     : "needs the name of an event", name);
        return NGX_ERROR;
    }

    if (ngx_http_sio_rule_quotes(cf, name) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_sio_rule_is(name, "connect")
        || ngx_http_sio_rule_is(name, "disconnecting")
        || ngx_http_sio_rule_is(name, "disconnect"))
    {
        return NGX_OK;
    }

    if (ngx_http_sio_rule_is(name, "connection")) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the event name \"%V\" is reserved, "
                           "use \"sio_on connect\"", name);
        return NGX_ERROR;
    }

    if (sio_packet_reserved(name->data, name->len)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the event name \"%V\" is reserved: no client "
                           "sends it; the life of a socket is \"connect\", "
                           "\"disconnecting\" and \"disconnect\"", name);
        return NGX_ERROR;
    }

    if (ngx_strlchr(name->data, name->data + name->len, '$')) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the event name \"%V\" has a \"$\": there are no "
                           "variables here", name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_sio_block_t **
ngx_http_sio_life(ngx_sio_nsp_t *nsp, ngx_str_t *name)
{
    if (ngx_http_sio_rule_is(name, "connect")) {
        return &nsp->connect;
    }

    if (ngx_http_sio_rule_is(name, "disconnecting")) {
        return &nsp->disconnecting;
    }

    if (ngx_http_sio_rule_is(name, "disconnect")) {
        return &nsp->disconnect;
    }

    return NULL;
}


char *
ngx_http_sio_on_ack_block(ngx_conf_t *cf, ngx_http_sio_scope_t *scope)
{
    ngx_str_t        *name;
    ngx_sio_block_t  *block;

    name = cf->args->elts;
    name++;

    if (name->len == 0
        || ngx_strlchr(name->data, name->data + name->len, '$'))
    {
        return "needs a name without variables";
    }

    if (ngx_http_sio_rule_quotes(cf, name) != NGX_OK
        || ngx_http_sio_block_unique(cf, &scope->nsp->acks, name) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    block = ngx_http_sio_block_create(cf, &scope->nsp->acks, name);
    if (block == NULL) {
        return NGX_CONF_ERROR;
    }

    scope->block = block;
    scope->kind = NGX_HTTP_SIO_BLOCK_ACK;

    return ngx_http_sio_block_parse(cf, scope, NGX_HTTP_SIO_RULE_CONF);
}


char *
ngx_http_sio_use_block(ngx_conf_t *cf, ngx_http_sio_scope_t *scope)
{
    ngx_str_t         name;
    ngx_sio_block_t  *block;

    ngx_str_set(&name, "sio_use");

    block = ngx_http_sio_block_create(cf, &scope->nsp->uses, &name);
    if (block == NULL) {
        return NGX_CONF_ERROR;
    }

    scope->block = block;
    scope->kind = NGX_HTTP_SIO_BLOCK_USE;

    return ngx_http_sio_block_parse(cf, scope, NGX_HTTP_SIO_USE_CONF);
}


ngx_sio_block_t *
ngx_http_sio_block_create(ngx_conf_t *cf, ngx_array_t *blocks,
    ngx_str_t *name)
{
    ngx_sio_block_t  *block, **pblock;

    block = ngx_pcalloc(cf->pool, sizeof(ngx_sio_block_t));
    if (block == NULL) {
        return NULL;
    }

    block->name = *name;
    block->file = cf->conf_file->file.name.data;
    block->line = cf->conf_file->line;

    if (ngx_array_init(&block->actions, cf->pool, 4, sizeof(ngx_sio_action_t))
        != NGX_OK)
    {
        return NULL;
    }

    if (blocks) {
        pblock = ngx_array_push(blocks);
        if (pblock == NULL) {
            return NULL;
        }

        *pblock = block;
    }

    return block;
}


static ngx_int_t
ngx_http_sio_block_unique(ngx_conf_t *cf, ngx_array_t *blocks, ngx_str_t *name)
{
    ngx_uint_t         i;
    ngx_sio_block_t  **block;

    block = blocks->elts;

    for (i = 0; i < blocks->nelts; i++) {

        if (block[i]->name.len == name->len
            && ngx_strncmp(block[i]->name.data, name->data, name->len) == 0)
        {
            (void) ngx_http_sio_duplicate(cf, block[i]->file, block[i]->line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


char *
ngx_http_sio_duplicate(ngx_conf_t *cf, u_char *file, ngx_uint_t line)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "duplicate \"%V%s %V\", the first one is in %s:%ui",
                       &value[0], cf->args->nelts > 2 ? " ~" : "",
                       &value[cf->args->nelts - 1], file, line);

    return NGX_CONF_ERROR;
}


char *
ngx_http_sio_block_parse(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_uint_t type)
{
    char        *rv;
    ngx_conf_t   save;

    save = *cf;

    cf->ctx = NULL;
    cf->module_type = NGX_HTTP_SIO_RULE_MODULE;
    cf->cmd_type = type;
    cf->handler_conf = (void *) scope;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    return rv;
}
