
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The options of actions.  An unknown WORD= is refused everywhere: a mistyped
 * to= would be sent to the sender, as an argument.
 */


#include "ngx_http_sio_rule.h"


static ngx_int_t ngx_http_sio_aim_room(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_array_t *rooms, ngx_str_t *arg,
    ngx_str_t *value);
static ngx_int_t ngx_http_sio_aim_nsp(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_http_sio_aim_t *aim, ngx_str_t *value);


ngx_uint_t
ngx_http_sio_rule_option(const ngx_str_t *arg, ngx_str_t *name,
    ngx_str_t *value)
{
    size_t  i;
    u_char  c;

    for (i = 0; i < arg->len; i++) {
        c = arg->data[i];

        if (c == '=' && i) {
            name->data = arg->data;
            name->len = i;
            value->data = arg->data + i + 1;
            value->len = arg->len - i - 1;

            return 1;
        }

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'
            || (i && c >= '0' && c <= '9'))
        {
            continue;
        }

        break;
    }

    return 0;
}


char *
ngx_http_sio_rule_unknown(ngx_conf_t *cf, ngx_str_t *arg)
{
    ngx_str_t  name, value;

    if (ngx_http_sio_rule_option(arg, &name, &value)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown option \"%V=\" in \"%V\"; a string that "
                           "begins so is written json:\"...\"", &name, arg);
    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unexpected parameter \"%V\"", arg);
    }

    return NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_sio_aim_init(ngx_conf_t *cf, ngx_http_sio_aim_t *aim,
    const char *word)
{
    ngx_memzero(aim, sizeof(ngx_http_sio_aim_t));

    aim->word = word;

    if (ngx_array_init(&aim->to, cf->pool, 1, sizeof(ngx_sio_text_t))
        != NGX_OK
        || ngx_array_init(&aim->except, cf->pool, 1, sizeof(ngx_sio_text_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_aim_option(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_http_sio_aim_t *aim, ngx_str_t *arg)
{
    size_t     len;
    ngx_str_t  name, value;

    if (ngx_http_sio_rule_is(arg, "local")) {

        /* all of this server is local as yet */

        return NGX_OK;
    }

    if (!ngx_http_sio_rule_option(arg, &name, &value)) {
        return NGX_DECLINED;
    }

    len = ngx_strlen(aim->word);

    if (name.len == len && ngx_strncmp(name.data, aim->word, len) == 0) {

        if (ngx_http_sio_rule_is(&value, "*")) {
            aim->all = 1;
            return NGX_OK;
        }

        return ngx_http_sio_aim_room(cf, scope, &aim->to, arg, &value);
    }

    if (ngx_http_sio_rule_is(&name, "except")) {

        if (ngx_http_sio_rule_is(&value, "self")) {
            aim->except_self = 1;
            return NGX_OK;
        }

        return ngx_http_sio_aim_room(cf, scope, &aim->except, arg, &value);
    }

    if (ngx_http_sio_rule_is(&name, "nsp")) {
        return ngx_http_sio_aim_nsp(cf, scope, aim, &value);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_sio_aim_room(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_array_t *rooms, ngx_str_t *arg, ngx_str_t *value)
{
    ngx_sio_text_t  *text;

    if (value->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "empty room in \"%V\"", arg);
        return NGX_ERROR;
    }

    text = ngx_array_push(rooms);
    if (text == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_sio_rule_room(cf, scope, value, text);
}


static ngx_int_t
ngx_http_sio_aim_nsp(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_http_sio_aim_t *aim, ngx_str_t *value)
{
    if (aim->nsp) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate \"nsp=\"");
        return NGX_ERROR;
    }

    aim->nsp = ngx_pcalloc(cf->pool, sizeof(ngx_sio_text_t));
    if (aim->nsp == NULL) {
        return NGX_ERROR;
    }

    if (value->len == 0
        || ngx_strlchr(value->data, value->data + value->len, '$') == NULL)
    {
        if (ngx_http_sio_rule_nsp_name(cf, value) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (ngx_http_sio_rule_quotes(cf, value) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sio_rule_text(cf, scope, value, aim->nsp);
}


ngx_int_t
ngx_http_sio_aim_done(ngx_conf_t *cf, ngx_http_sio_aim_t *from,
    ngx_sio_aim_t *to)
{
    to->to = from->to.elts;
    to->nto = from->to.nelts;
    to->except = from->except.elts;
    to->nexcept = from->except.nelts;
    to->nsp = from->nsp;
    to->all = from->all;
    to->except_self = from->except_self;
    to->self = (!to->all && to->nto == 0);

    if (!to->self) {
        return NGX_OK;
    }

    if (to->nexcept || to->except_self) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"except=\" needs \"%s=\": without it there is "
                           "this socket only", from->word);
        return NGX_ERROR;
    }

    if (to->nsp) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"nsp=\" needs \"%s=\": this socket is in its own "
                           "namespace", from->word);
        return NGX_ERROR;
    }

    return NGX_OK;
}
