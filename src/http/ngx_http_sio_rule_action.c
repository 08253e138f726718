
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The commands inside of blocks.
 */


#include "ngx_http_sio_rule.h"


#define NGX_HTTP_SIO_MAX_KEY  64            /* bytes, of "set" */


static ngx_int_t ngx_http_sio_rule_cond(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_sio_cond_t *cond, ngx_uint_t *next);
static ngx_int_t ngx_http_sio_rule_operator(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_sio_cond_t *cond, ngx_str_t *op,
    ngx_str_t *operand);
static ngx_int_t ngx_http_sio_rule_failure(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_sio_action_t *action, ngx_str_t *name,
    ngx_str_t *value);
static ngx_int_t ngx_http_sio_rule_error(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_sio_action_t *action, ngx_str_t *value);
static char *ngx_http_sio_rule_rooms(ngx_conf_t *cf, ngx_sio_action_e type,
    const char *name);
static ngx_int_t ngx_http_sio_rule_max(ngx_conf_t *cf,
    ngx_sio_action_t *action, ngx_str_t *value);
static ngx_int_t ngx_http_sio_emit_event(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_http_sio_builder_t *b,
    ngx_sio_action_t *action, ngx_str_t *src);
static ngx_int_t ngx_http_sio_emit_option(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_http_sio_aim_t *aim,
    ngx_sio_action_t *action, ngx_str_t *arg);
static ngx_int_t ngx_http_sio_emit_ack(ngx_conf_t *cf,
    ngx_sio_action_t *action, ngx_str_t *value);
static ngx_int_t ngx_http_sio_emit_done(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_http_sio_aim_t *aim,
    ngx_http_sio_builder_t *b, ngx_sio_action_t *action);


ngx_sio_action_t *
ngx_http_sio_rule_push(ngx_conf_t *cf, ngx_sio_action_e type, const char *name)
{
    ngx_sio_action_t      *action;
    ngx_http_sio_scope_t  *scope;

    scope = cf->handler_conf;

    action = ngx_array_push(&scope->block->actions);
    if (action == NULL) {
        return NULL;
    }

    ngx_memzero(action, sizeof(ngx_sio_action_t));

    action->type = type;
    action->name = name;
    action->file = cf->conf_file->file.name.data;
    action->line = cf->conf_file->line;

    return action;
}


char *
ngx_http_sio_rule_require(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_int_t              rc;
    ngx_str_t             *value, name, text;
    ngx_uint_t             i;
    ngx_sio_action_t      *action;
    ngx_http_sio_scope_t  *scope;

    scope = cf->handler_conf;
    value = cf->args->elts;

    action = ngx_http_sio_rule_push(cf, NGX_SIO_DO_REQUIRE, "require");
    if (action == NULL) {
        return NGX_CONF_ERROR;
    }

    action->cond = ngx_pcalloc(cf->pool, sizeof(ngx_sio_cond_t));
    if (action->cond == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_sio_rule_cond(cf, scope, action->cond, &i) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for ( /* void */ ; i < cf->args->nelts; i++) {

        if (!ngx_http_sio_rule_option(&value[i], &name, &text)) {
            return ngx_http_sio_rule_unknown(cf, &value[i]);
        }

        if (ngx_http_sio_rule_is(&name, "error")) {
            rc = ngx_http_sio_rule_error(cf, scope, action, &text);

        } else {
            rc = ngx_http_sio_rule_failure(cf, scope, action, &name, &text);
        }

        if (rc == NGX_DECLINED) {
            return ngx_http_sio_rule_unknown(cf, &value[i]);
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_http_sio_rule_reject(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_int_t              rc;
    ngx_str_t             *value, name, text;
    ngx_uint_t             i;
    ngx_sio_action_t      *action;
    ngx_http_sio_scope_t  *scope;

    scope = cf->handler_conf;
    value = cf->args->elts;

    action = ngx_http_sio_rule_push(cf, NGX_SIO_DO_REJECT, "reject");
    if (action == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_http_sio_rule_option(&value[i], &name, &text)) {
            rc = ngx_http_sio_rule_failure(cf, scope, action, &name, &text);

        } else if (action->error == NULL) {
            rc = ngx_http_sio_rule_error(cf, scope, action, &value[i]);

        } else {
            rc = NGX_DECLINED;
        }

        if (rc == NGX_DECLINED) {
            return ngx_http_sio_rule_unknown(cf, &value[i]);
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* *next: the first parameter behind the condition */

static ngx_int_t
ngx_http_sio_rule_cond(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_sio_cond_t *cond, ngx_uint_t *next)
{
    u_char      *p;
    ngx_str_t   *value, left;
    ngx_uint_t   n;

    value = cf->args->elts;
    n = cf->args->nelts;
    left = value[1];

    if (left.len && left.data[0] == '!') {
        cond->negative = 1;
        left.data++;
        left.len--;
    }

    if (ngx_http_sio_rule_is(&left, "member")) {

        if (n < 3) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "a room is missing behind \"%V\"", &value[1]);
            return NGX_ERROR;
        }

        cond->type = NGX_SIO_COND_MEMBER;
        *next = 3;

        return ngx_http_sio_rule_room(cf, scope, &value[2], &cond->text);
    }

    if (!ngx_http_sio_rule_lone(&left)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid condition \"%V\": $x, !$x, $x = y, "
                           "$x ~ regex, member ROOM or !member ROOM are "
                           "expected", &value[1]);
        return NGX_ERROR;
    }

    p = left.data;

    cond->var = ngx_http_sio_rule_var(cf, scope, &p, p + left.len);
    if (cond->var == NULL) {
        return NGX_ERROR;
    }

    *next = 2;

    if (n < 3
        || (value[2].len
            && ((value[2].data[0] >= 'a' && value[2].data[0] <= 'z')
                || (value[2].data[0] >= 'A' && value[2].data[0] <= 'Z'))))
    {
        /* options */

        return NGX_OK;
    }

    if (cond->negative || n < 4) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid condition \"%V %V\"", &value[1],
                           &value[2]);
        return NGX_ERROR;
    }

    *next = 4;

    return ngx_http_sio_rule_operator(cf, scope, cond, &value[2], &value[3]);
}


static ngx_int_t
ngx_http_sio_rule_operator(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_sio_cond_t *cond, ngx_str_t *op, ngx_str_t *operand)
{
    ngx_str_t   rest;
    ngx_uint_t  caseless;

    rest = *op;

    if (rest.len && rest.data[0] == '!') {
        cond->negative = 1;
        rest.data++;
        rest.len--;
    }

    if (ngx_http_sio_rule_is(&rest, "=")) {
        cond->type = NGX_SIO_COND_EQUAL;
        return ngx_http_sio_rule_text(cf, scope, operand, &cond->text);
    }

    if (ngx_http_sio_rule_is(&rest, "~")) {
        caseless = 0;

    } else if (ngx_http_sio_rule_is(&rest, "~*")) {
        caseless = 1;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown operator \"%V\" in a condition: = != ~ "
                           "~* !~ !~* are known", op);
        return NGX_ERROR;
    }

    cond->type = NGX_SIO_COND_MATCH;
    cond->regex = ngx_http_sio_rule_regex(cf, operand, caseless);

    return cond->regex ? NGX_OK : NGX_ERROR;
}


/* error=TEXT, or the TEXT of reject */

static ngx_int_t
ngx_http_sio_rule_error(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_sio_action_t *action, ngx_str_t *value)
{
    if (action->error) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate \"error=\"");
        return NGX_ERROR;
    }

    action->error = ngx_pcalloc(cf->pool, sizeof(ngx_sio_text_t));

    if (action->error == NULL
        || ngx_http_sio_rule_quotes(cf, value) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_sio_rule_text(cf, scope, value, action->error);
}


static ngx_int_t
ngx_http_sio_rule_failure(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_sio_action_t *action, ngx_str_t *name, ngx_str_t *value)
{
    if (!ngx_http_sio_rule_is(name, "data")) {
        return NGX_DECLINED;
    }

    if (action->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate \"data=\"");
        return NGX_ERROR;
    }

    action->data = ngx_http_sio_rule_json(cf, scope, value);

    return action->data ? NGX_OK : NGX_ERROR;
}


char *
ngx_http_sio_rule_join(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_sio_rule_rooms(cf, NGX_SIO_DO_JOIN, "join");
}


char *
ngx_http_sio_rule_leave(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_sio_rule_rooms(cf, NGX_SIO_DO_LEAVE, "leave");
}


static char *
ngx_http_sio_rule_rooms(ngx_conf_t *cf, ngx_sio_action_e type,
    const char *name)
{
    ngx_int_t              rc;
    ngx_str_t             *value, option, text;
    ngx_uint_t             i;
    ngx_array_t            rooms;
    ngx_sio_text_t        *room;
    ngx_sio_action_t      *action;
    ngx_http_sio_aim_t     aim;
    ngx_http_sio_scope_t  *scope;

    scope = cf->handler_conf;
    value = cf->args->elts;

    action = ngx_http_sio_rule_push(cf, type, name);

    if (action == NULL
        || ngx_http_sio_aim_init(cf, &aim, "in") != NGX_OK
        || ngx_array_init(&rooms, cf->pool, 1, sizeof(ngx_sio_text_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        rc = ngx_http_sio_aim_option(cf, scope, &aim, &value[i]);

        if (rc == NGX_DECLINED) {

            if (ngx_http_sio_rule_option(&value[i], &option, &text)) {

                if (type != NGX_SIO_DO_JOIN
                    || !ngx_http_sio_rule_is(&option, "max"))
                {
                    return ngx_http_sio_rule_unknown(cf, &value[i]);
                }

                rc = ngx_http_sio_rule_max(cf, action, &text);

            } else {

                room = ngx_array_push(&rooms);
                if (room == NULL) {
                    return NGX_CONF_ERROR;
                }

                rc = ngx_http_sio_rule_room(cf, scope, &value[i], room);
            }
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (rooms.nelts == 0) {
        return "needs a room";
    }

    action->rooms = rooms.elts;
    action->nrooms = rooms.nelts;

    if (ngx_http_sio_aim_done(cf, &aim, &action->aim) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_sio_rule_max(ngx_conf_t *cf, ngx_sio_action_t *action,
    ngx_str_t *value)
{
    ngx_int_t  n;

    if (action->max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate \"max=\"");
        return NGX_ERROR;
    }

    n = ngx_atoi(value->data, value->len);

    if (n == NGX_ERROR || n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number \"max=%V\"", value);
        return NGX_ERROR;
    }

    action->max = n;

    return NGX_OK;
}


char *
ngx_http_sio_rule_emit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_int_t                rc;
    ngx_str_t               *value, name, text;
    ngx_uint_t               i;
    ngx_sio_action_t        *action;
    ngx_http_sio_aim_t       aim;
    ngx_http_sio_scope_t    *scope;
    ngx_http_sio_builder_t   b;

    scope = cf->handler_conf;
    value = cf->args->elts;

    action = ngx_http_sio_rule_push(cf, NGX_SIO_DO_EMIT, "emit");

    if (action == NULL
        || ngx_http_sio_aim_init(cf, &aim, "to") != NGX_OK
        || ngx_http_sio_builder_init(&b, cf, scope) != NGX_OK
        || ngx_http_sio_emit_event(cf, scope, &b, action, &value[1])
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        rc = ngx_http_sio_emit_option(cf, scope, &aim, action, &value[i]);

        if (rc == NGX_DECLINED) {

            if (ngx_http_sio_rule_option(&value[i], &name, &text)) {
                return ngx_http_sio_rule_unknown(cf, &value[i]);
            }

            rc = ngx_http_sio_builder_arg(&b, &value[i], 1);
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_sio_emit_done(cf, scope, &aim, &b, action) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* emit $sio_event $sio_args ... */

char *
ngx_http_sio_rule_relay(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_int_t                rc;
    ngx_str_t               *value;
    ngx_uint_t               i;
    ngx_sio_action_t        *action;
    ngx_http_sio_aim_t       aim;
    ngx_http_sio_scope_t    *scope;
    ngx_http_sio_builder_t   b;

    static ngx_str_t  event = ngx_string("$sio_event");
    static ngx_str_t  args = ngx_string("$sio_args");

    scope = cf->handler_conf;
    value = cf->args->elts;

    if (scope->kind != NGX_HTTP_SIO_BLOCK_EVENT) {
        return "stands in the rules of events only: nothing came that could "
               "go on";
    }

    action = ngx_http_sio_rule_push(cf, NGX_SIO_DO_EMIT, "relay");

    if (action == NULL
        || ngx_http_sio_aim_init(cf, &aim, "to") != NGX_OK
        || ngx_http_sio_builder_init(&b, cf, scope) != NGX_OK
        || ngx_http_sio_emit_event(cf, scope, &b, action, &event) != NGX_OK
        || ngx_http_sio_builder_arg(&b, &args, 1) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        rc = ngx_http_sio_emit_option(cf, scope, &aim, action, &value[i]);

        if (rc == NGX_DECLINED) {
            return ngx_http_sio_rule_unknown(cf, &value[i]);
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_sio_emit_done(cf, scope, &aim, &b, action) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_sio_emit_event(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_http_sio_builder_t *b, ngx_sio_action_t *action, ngx_str_t *src)
{
    ngx_str_t        name, value;
    ngx_sio_text_t  *text;

    if (src->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "an event's name is empty");
        return NGX_ERROR;
    }

    if (ngx_http_sio_rule_option(src, &name, &value)
        || src->data[0] == '{' || src->data[0] == '[')
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "an event's name is expected in place of \"%V\"",
                           src);
        return NGX_ERROR;
    }

    text = ngx_pcalloc(cf->pool, sizeof(ngx_sio_text_t));

    if (text == NULL
        || ngx_http_sio_rule_quotes(cf, src) != NGX_OK
        || ngx_http_sio_rule_text(cf, scope, src, text) != NGX_OK
        || ngx_http_sio_builder_const(b, 0, (u_char *) "[", 1) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (text->nparts) {
        action->event = text;

        return ngx_http_sio_builder_piece(b, NGX_SIO_PIECE_EVENT, 0, NULL)
               ? NGX_OK : NGX_ERROR;
    }

    if (sio_packet_reserved(src->data, src->len)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the event name \"%V\" is reserved%s", src,
                           ngx_http_sio_rule_is(src, "disconnect")
                           ? "; to disconnect there is \"disconnect\"" : "");
        return NGX_ERROR;
    }

    return ngx_http_sio_builder_string(b, src);
}


static ngx_int_t
ngx_http_sio_emit_option(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_http_sio_aim_t *aim, ngx_sio_action_t *action, ngx_str_t *arg)
{
    ngx_int_t  rc;
    ngx_str_t  name, value;

    rc = ngx_http_sio_aim_option(cf, scope, aim, arg);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_sio_rule_is(arg, "volatile")) {
        action->flags |= NGX_SIO_VOLATILE;
        return NGX_OK;
    }

    if (!ngx_http_sio_rule_option(arg, &name, &value)) {
        return NGX_DECLINED;
    }

    if (ngx_http_sio_rule_is(&name, "ack")) {
        return ngx_http_sio_emit_ack(cf, action, &value);
    }

    if (ngx_http_sio_rule_is(&name, "timeout")) {

        rc = ngx_parse_time(&value, 0);

        if (rc == NGX_ERROR || rc == 0 || action->ack_timeout) {
            goto invalid;
        }

        action->ack_timeout = rc;

        return NGX_OK;
    }

    if (ngx_http_sio_rule_is(&name, "compress")) {

        if (ngx_http_sio_rule_is(&value, "off")) {
            action->flags |= NGX_SIO_NO_COMPRESS;

        } else if (!ngx_http_sio_rule_is(&value, "on")) {
            goto invalid;
        }

        return NGX_OK;
    }

    return NGX_DECLINED;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%V\"", arg);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_sio_emit_ack(ngx_conf_t *cf, ngx_sio_action_t *action,
    ngx_str_t *value)
{
    if (action->ack_name.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate \"ack=\"");
        return NGX_ERROR;
    }

    if (value->len == 0
        || ngx_strlchr(value->data, value->data + value->len, '$'))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ack=%V\": a name without variables is expected",
                           value);
        return NGX_ERROR;
    }

    if (ngx_http_sio_rule_quotes(cf, value) != NGX_OK) {
        return NGX_ERROR;
    }

    action->ack_name = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_emit_done(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_http_sio_aim_t *aim, ngx_http_sio_builder_t *b,
    ngx_sio_action_t *action)
{
    ngx_http_sio_ack_t  *ack;

    if (ngx_http_sio_builder_const(b, 0, (u_char *) "]", 1) != NGX_OK
        || ngx_http_sio_builder_done(b, &action->json) != NGX_OK
        || ngx_http_sio_aim_done(cf, aim, &action->aim) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (action->ack_name.len == 0) {

        if (action->ack_timeout) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"timeout=\" needs \"ack=\"");
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    ack = ngx_array_push(&scope->main->acks);
    if (ack == NULL) {
        return NGX_ERROR;
    }

    ack->name = action->ack_name;
    ack->rules = scope->rules;
    ack->nsp = scope->nsp;
    ack->to_nsp = action->aim.nsp;
    ack->file = action->file;
    ack->line = action->line;

    return NGX_OK;
}


char *
ngx_http_sio_rule_ack(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t               *value, name, text;
    ngx_uint_t               i;
    ngx_sio_action_t        *action;
    ngx_http_sio_scope_t    *scope;
    ngx_http_sio_builder_t   b;

    scope = cf->handler_conf;
    value = cf->args->elts;

    if (scope->kind != NGX_HTTP_SIO_BLOCK_EVENT) {
        return "stands in the rules of events only: no client waits here";
    }

    action = ngx_http_sio_rule_push(cf, NGX_SIO_DO_ACK, "ack");

    if (action == NULL
        || ngx_http_sio_builder_init(&b, cf, scope) != NGX_OK
        || ngx_http_sio_builder_const(&b, 0, (u_char *) "[", 1) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_http_sio_rule_option(&value[i], &name, &text)) {
            return ngx_http_sio_rule_unknown(cf, &value[i]);
        }

        if (ngx_http_sio_builder_arg(&b, &value[i], 1) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_sio_builder_const(&b, 0, (u_char *) "]", 1) != NGX_OK
        || ngx_http_sio_builder_done(&b, &action->json) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* set KEY ARG */

char *
ngx_http_sio_rule_data(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    size_t                 i;
    u_char                 c;
    ngx_str_t             *value;
    ngx_sio_json_t        *json;
    ngx_sio_action_t      *action;
    ngx_http_sio_scope_t  *scope;

    scope = cf->handler_conf;
    value = cf->args->elts;

    action = ngx_http_sio_rule_push(cf, NGX_SIO_DO_SET, "set");
    if (action == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < value[1].len; i++) {
        c = value[1].data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
            break;
        }
    }

    if (i != value[1].len || i == 0 || i > NGX_HTTP_SIO_MAX_KEY) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid key \"%V\": a-z, 0-9 and \"_\", at most "
                           "%d of them, make a key of socket.data",
                           &value[1], NGX_HTTP_SIO_MAX_KEY);
        return NGX_CONF_ERROR;
    }

    action->key = value[1];

    json = ngx_http_sio_rule_json(cf, scope, &value[2]);
    if (json == NULL) {
        return NGX_CONF_ERROR;
    }

    action->json = *json;

    return NGX_CONF_OK;
}


char *
ngx_http_sio_rule_disconnect(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_int_t              rc;
    ngx_str_t             *value;
    ngx_uint_t             i;
    ngx_sio_action_t      *action;
    ngx_http_sio_aim_t     aim;
    ngx_http_sio_scope_t  *scope;

    scope = cf->handler_conf;
    value = cf->args->elts;

    action = ngx_http_sio_rule_push(cf, NGX_SIO_DO_DISCONNECT, "disconnect");

    if (action == NULL || ngx_http_sio_aim_init(cf, &aim, "in") != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_http_sio_rule_is(&value[i], "close")) {
            action->close = 1;
            continue;
        }

        rc = ngx_http_sio_aim_option(cf, scope, &aim, &value[i]);

        if (rc == NGX_DECLINED) {
            return ngx_http_sio_rule_unknown(cf, &value[i]);
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_sio_aim_done(cf, &aim, &action->aim) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
