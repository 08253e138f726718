
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * sio_user, sio_user_room, sio_user_sessions, sio_join_allow, sio_emit_allow:
 * in a location, or in one of its namespaces, which has what the location says
 * unless it says it itself.
 */


#include "ngx_http_sio_rule.h"


#define NGX_HTTP_SIO_MAX_PREFIX    256      /* bytes, of a user's room */
#define NGX_HTTP_SIO_MAX_SESSIONS  1000     /* a connect may walk them all */


static ngx_int_t ngx_http_sio_allow_pattern(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_str_t *src, ngx_sio_pattern_t *pattern);
static ngx_int_t ngx_http_sio_allow_text(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_str_t *src, ngx_array_t *globs);
static char *ngx_http_sio_access_open(ngx_conf_t *cf, void *conf,
    ngx_uint_t bit, ngx_http_sio_scope_t *scope);
static ngx_int_t ngx_http_sio_access_one(ngx_conf_t *cf, ngx_sio_nsp_t *nsp,
    ngx_sio_access_t *outer);


char *
ngx_http_sio_user(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                  *rv;
    ngx_str_t             *value;
    ngx_uint_t             i;
    ngx_sio_text_t        *text;
    ngx_sio_access_t      *access;
    ngx_http_sio_scope_t   scope;

    value = cf->args->elts;

    rv = ngx_http_sio_access_open(cf, conf, NGX_SIO_ACCESS_USER, &scope);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    access = &scope.nsp->access;

    text = ngx_palloc(cf->pool, sizeof(ngx_sio_text_t));

    if (text == NULL
        || ngx_http_sio_rule_quotes(cf, &value[1]) != NGX_OK
        || ngx_http_sio_rule_text(cf, &scope, &value[1], text) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < text->nparts; i++) {
        if (text->parts[i].var
            && text->parts[i].var->type == NGX_SIO_VAR_USER)
        {
            return "cannot be made of \"$sio_user\"";
        }
    }

    access->user = text;
    access->file = cf->conf_file->file.name.data;
    access->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


char *
ngx_http_sio_user_room(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                  *rv;
    ngx_str_t             *value;
    ngx_sio_text_t         text;
    ngx_sio_access_t      *access;
    ngx_http_sio_scope_t   scope;

    value = cf->args->elts;

    rv = ngx_http_sio_access_open(cf, conf, NGX_SIO_ACCESS_ROOM, &scope);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    access = &scope.nsp->access;

    if (ngx_http_sio_rule_is(&value[1], "off")) {
        return NGX_CONF_OK;
    }

    if (ngx_http_sio_rule_is(&value[1], "on")) {
        ngx_str_set(&access->room, "user:");
        return NGX_CONF_OK;
    }

    if (value[1].len == 0) {
        return "needs \"on\", \"off\" or a prefix";
    }

    if (ngx_http_sio_rule_room(cf, &scope, &value[1], &text) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (text.nparts || value[1].len > NGX_HTTP_SIO_MAX_PREFIX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid prefix \"%V\": at most %d bytes, and no "
                           "variables", &value[1], NGX_HTTP_SIO_MAX_PREFIX);
        return NGX_CONF_ERROR;
    }

    access->room = value[1];

    return NGX_CONF_OK;
}


char *
ngx_http_sio_user_sessions(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                  *rv;
    ngx_int_t              n;
    ngx_str_t             *value;
    ngx_sio_access_t      *access;
    ngx_http_sio_scope_t   scope;

    value = cf->args->elts;

    rv = ngx_http_sio_access_open(cf, conf, NGX_SIO_ACCESS_SESSIONS, &scope);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    access = &scope.nsp->access;

    if (cf->args->nelts == 2 && ngx_http_sio_rule_is(&value[1], "off")) {
        return NGX_CONF_OK;
    }

    n = ngx_atoi(value[1].data, value[1].len);

    if (n == NGX_ERROR || n == 0 || n > NGX_HTTP_SIO_MAX_SESSIONS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number \"%V\" in \"%V\": from 1 to %d, or "
                           "\"off\"", &value[1], &value[0],
                           NGX_HTTP_SIO_MAX_SESSIONS);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 2) {
        return "needs \"kick\" or \"refuse\" behind the number";
    }

    if (ngx_http_sio_rule_is(&value[2], "kick")) {
        access->kick = 1;

    } else if (!ngx_http_sio_rule_is(&value[2], "refuse")) {
        return ngx_http_sio_rule_unknown(cf, &value[2]);
    }

    access->sessions = n;
    access->sessions_file = cf->conf_file->file.name.data;
    access->sessions_line = cf->conf_file->line;

    return NGX_CONF_OK;
}


char *
ngx_http_sio_allow(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t              *value;
    ngx_uint_t              i;
    ngx_array_t           **patterns;
    ngx_sio_access_t       *access;
    ngx_sio_pattern_t      *pattern;
    ngx_http_sio_scope_t    scope;

    value = cf->args->elts;

    if (ngx_http_sio_rule_scope(cf, conf, &scope) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    access = &scope.nsp->access;
    patterns = (ngx_array_t **) ((char *) access + cmd->offset);

    /* several of them are one list */

    if (*patterns == NULL) {
        *patterns = ngx_array_create(cf->pool, cf->args->nelts,
                                     sizeof(ngx_sio_pattern_t));
        if (*patterns == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    for (i = 1; i < cf->args->nelts; i++) {

        pattern = ngx_array_push(*patterns);

        if (pattern == NULL
            || ngx_http_sio_allow_pattern(cf, &scope, &value[i], pattern)
               != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_sio_allow_pattern(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_str_t *src, ngx_sio_pattern_t *pattern)
{
    u_char          *p, *last, *star;
    ngx_str_t        text;
    ngx_array_t      globs;
    ngx_sio_glob_t  *glob;

    ngx_memzero(pattern, sizeof(ngx_sio_pattern_t));

    if (src->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "empty pattern");
        return NGX_ERROR;
    }

    if (ngx_http_sio_rule_quotes(cf, src) != NGX_OK
        || ngx_array_init(&globs, cf->pool, 4, sizeof(ngx_sio_glob_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    pattern->any = ngx_http_sio_rule_is(src, "*");

    p = src->data;
    last = p + src->len;

    for ( ;; ) {

        star = ngx_strlchr(p, last, '*');

        text.data = p;
        text.len = (star ? star : last) - p;

        if (text.len
            && ngx_http_sio_allow_text(cf, scope, &text, &globs) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (star == NULL) {
            break;
        }

        if (star + 1 < last && star[1] == '*') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"**\" in the pattern \"%V\"", src);
            return NGX_ERROR;
        }

        glob = ngx_array_push(&globs);
        if (glob == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(glob, sizeof(ngx_sio_glob_t));

        p = star + 1;
    }

    pattern->globs = globs.elts;
    pattern->nglobs = globs.nelts;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_allow_text(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_str_t *src, ngx_array_t *globs)
{
    ngx_uint_t       i;
    ngx_sio_glob_t  *glob;
    ngx_sio_text_t   text;

    if (ngx_http_sio_rule_text(cf, scope, src, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < ngx_max(text.nparts, 1); i++) {

        glob = ngx_array_push(globs);
        if (glob == NULL) {
            return NGX_ERROR;
        }

        glob->var = text.nparts ? text.parts[i].var : NULL;
        glob->text = text.nparts ? text.parts[i].text : text.constant;
    }

    return NGX_OK;
}


/* the directive's namespace, which may have it once */

static char *
ngx_http_sio_access_open(ngx_conf_t *cf, void *conf, ngx_uint_t bit,
    ngx_http_sio_scope_t *scope)
{
    ngx_sio_access_t  *access;

    if (ngx_http_sio_rule_scope(cf, conf, scope) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    access = &scope->nsp->access;

    if (access->given & bit) {
        return "is duplicate";
    }

    access->given |= bit;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_sio_rule_access(ngx_conf_t *cf, ngx_sio_program_t *program)
{
    ngx_uint_t        i;
    ngx_sio_nsp_t   **nsp;

    if (ngx_http_sio_access_one(cf, &program->main, &program->main.access)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    nsp = program->names.elts;

    for (i = 0; i < program->names.nelts; i++) {
        if (ngx_http_sio_access_one(cf, nsp[i], &program->main.access)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    nsp = program->patterns.elts;

    for (i = 0; i < program->patterns.nelts; i++) {
        if (ngx_http_sio_access_one(cf, nsp[i], &program->main.access)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_access_one(ngx_conf_t *cf, ngx_sio_nsp_t *nsp,
    ngx_sio_access_t *outer)
{
    ngx_sio_access_t  *access;

    access = &nsp->access;

    if (!(access->given & NGX_SIO_ACCESS_USER)) {
        access->user = outer->user;
        access->file = outer->file;
        access->line = outer->line;
    }

    if (!(access->given & NGX_SIO_ACCESS_ROOM)) {
        access->room = outer->room;
    }

    if (!(access->given & NGX_SIO_ACCESS_SESSIONS)) {
        access->sessions = outer->sessions;
        access->kick = outer->kick;
        access->sessions_file = outer->sessions_file;
        access->sessions_line = outer->sessions_line;
    }

    if (access->join == NULL) {
        access->join = outer->join;
    }

    if (access->emit == NULL) {
        access->emit = outer->emit;
    }

    if (access->sessions && access->room.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"sio_user_sessions\" needs \"sio_user_room\", which "
                      "is off in namespace \"%V\", in %s:%ui", &nsp->name,
                      access->sessions_file, access->sessions_line);
        return NGX_ERROR;
    }

    return NGX_OK;
}
