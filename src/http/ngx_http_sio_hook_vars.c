
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Variables of rules as nginx's, where no rule runs: in the location of a hook
 * what the hook is about, written as in its headers; in requests of clients
 * what is known of them.
 */


#include "ngx_http_sio_rule.h"
#include "ngx_http_sio_hook.h"


#define NGX_HTTP_SIO_MAX_INDEX  65535


/* those that rules have not */

typedef enum {
    NGX_HTTP_SIO_HOOK_TYPE = 0,
    NGX_HTTP_SIO_HOOK_ROOM,
    NGX_HTTP_SIO_HOOK_SEQ,
    NGX_HTTP_SIO_HOOK_ATTACHMENTS
} ngx_http_sio_hook_var_e;


static ngx_int_t ngx_http_sio_hook_own(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sio_hook_known(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sio_hook_prefix(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sio_hook_get(ngx_sio_hook_t *hook,
    ngx_sio_var_t *var, ngx_str_t *text);
static ngx_int_t ngx_http_sio_hook_text(ngx_sio_run_t *run, ngx_str_t *json,
    ngx_str_t *text);
static ngx_int_t ngx_http_sio_request_get(ngx_http_request_t *r,
    ngx_sio_var_t *var, ngx_str_t *text);
static ngx_int_t ngx_http_sio_request_arg(void *data, ngx_str_t *name,
    ngx_str_t *value);
static ngx_int_t ngx_http_sio_hook_value(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_str_t *text);


static ngx_http_variable_t  ngx_http_sio_hook_variables[] = {

    { ngx_string("sio_type"), NULL, ngx_http_sio_hook_own,
      NGX_HTTP_SIO_HOOK_TYPE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sio_room"), NULL, ngx_http_sio_hook_own,
      NGX_HTTP_SIO_HOOK_ROOM, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sio_seq"), NULL, ngx_http_sio_hook_own,
      NGX_HTTP_SIO_HOOK_SEQ, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sio_attachments"), NULL, ngx_http_sio_hook_own,
      NGX_HTTP_SIO_HOOK_ATTACHMENTS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sio_data_"), NULL, ngx_http_sio_hook_prefix,
      0, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

    { ngx_string("sio_arg_"), NULL, ngx_http_sio_hook_prefix,
      0, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

    { ngx_string("sio_args_"), NULL, ngx_http_sio_hook_prefix,
      0, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_sio_hook_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_sio_hook_variables; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


/* those of rules that nothing in http{} mentions: njs and Lua ask by name */

ngx_int_t
ngx_http_sio_hook_add_variable(ngx_conf_t *cf, ngx_str_t *name,
    ngx_sio_var_t *var)
{
    ngx_http_variable_t  *v;

    v = ngx_http_add_variable(cf, name, NGX_HTTP_VAR_NOCACHEABLE);
    if (v == NULL) {
        return NGX_ERROR;
    }

    v->get_handler = ngx_http_sio_hook_known;
    v->data = (uintptr_t) var;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_hook_known(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    return ngx_http_sio_hook_variable(r, v, (ngx_sio_var_t *) data);
}


static ngx_int_t
ngx_http_sio_hook_own(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    u_char           buf[NGX_INT64_LEN];
    ngx_str_t        text;
    ngx_sio_hook_t  *hook;

    v->not_found = 1;

    hook = ngx_http_sio_hook_of(r);
    if (hook == NULL) {
        return NGX_OK;
    }

    ngx_str_null(&text);

    switch (data) {

    case NGX_HTTP_SIO_HOOK_TYPE:
        ngx_sio_hook_type(hook, &text);
        break;

    case NGX_HTTP_SIO_HOOK_ROOM:
        text = hook->room;
        break;

    case NGX_HTTP_SIO_HOOK_SEQ:

        if (hook->lane) {
            text.data = buf;
            text.len = ngx_sprintf(buf, "%uL", hook->seq) - buf;
        }

        break;

    default: /* NGX_HTTP_SIO_HOOK_ATTACHMENTS */

        if (hook->call.nattachments) {
            text.data = buf;
            text.len = ngx_sprintf(buf, "%ui", hook->call.nattachments) - buf;
        }
    }

    return ngx_http_sio_hook_value(r, v, &text);
}


/* data: the whole name */

static ngx_int_t
ngx_http_sio_hook_prefix(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t *name = (ngx_str_t *) data;

    u_char         *p;
    ngx_int_t       n;
    ngx_sio_var_t   var;

    v->not_found = 1;

    ngx_memzero(&var, sizeof(ngx_sio_var_t));

    p = ngx_strlchr(name->data + 4, name->data + name->len, '_') + 1;

    if (name->data[4] == 'd') {

        /* the key as a JSON pointer: it has neither "~" nor "/" */

        var.type = NGX_SIO_VAR_DATA;
        var.name.len = name->data + name->len - p + 1;
        var.name.data = ngx_pnalloc(r->pool, var.name.len);
        if (var.name.data == NULL) {
            return NGX_ERROR;
        }

        var.name.data[0] = '/';
        ngx_memcpy(var.name.data + 1, p, var.name.len - 1);

        return ngx_http_sio_hook_variable(r, v, &var);
    }

    n = ngx_atoi(p, name->data + name->len - p);

    if (n == NGX_ERROR || n > NGX_HTTP_SIO_MAX_INDEX) {
        return NGX_OK;
    }

    var.type = (p[-2] == 's') ? NGX_SIO_VAR_ARGS : NGX_SIO_VAR_ARG;
    var.n = n;

    return ngx_http_sio_hook_variable(r, v, &var);
}


ngx_int_t
ngx_http_sio_hook_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_sio_var_t *var)
{
    ngx_int_t        rc;
    ngx_str_t        text;
    ngx_sio_hook_t  *hook;

    v->not_found = 1;
    ngx_str_null(&text);

    hook = ngx_http_sio_hook_of(r);

    rc = hook ? ngx_http_sio_hook_get(hook, var, &text)
              : ngx_http_sio_request_get(r, var, &text);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    return rc == NGX_OK ? ngx_http_sio_hook_value(r, v, &text) : NGX_OK;
}


/* NGX_OK; NGX_DECLINED: it cannot be told; NGX_ERROR: no memory */

static ngx_int_t
ngx_http_sio_hook_get(ngx_sio_hook_t *hook, ngx_sio_var_t *var,
    ngx_str_t *text)
{
    ngx_int_t        rc;
    ngx_str_t        json;
    sio_str_t        data, pointer, value;
    ngx_sio_run_t    run;
    ngx_sio_value_t  v;

    ngx_memzero(&run, sizeof(ngx_sio_run_t));
    run.call = &hook->call;

    /* as it was when the hook was asked */

    switch (var->type) {

    case NGX_SIO_VAR_USER:
        *text = hook->user;
        return NGX_OK;

    case NGX_SIO_VAR_TRANSPORT:
        *text = hook->transport;
        return NGX_OK;

    case NGX_SIO_VAR_ACK:

        if (hook->call.ack.len) {
            ngx_str_set(text, "1");
        }

        return NGX_OK;

    case NGX_SIO_VAR_ROOMS:
        *text = hook->rooms;
        return NGX_OK;

    case NGX_SIO_VAR_HANDSHAKE:
        *text = hook->handshake;
        return NGX_OK;

    case NGX_SIO_VAR_DATA:
        data = ngx_sio_slice(&hook->data);
        pointer = ngx_sio_slice(&var->name);

        if (data.len == 0 || sio_json_get(&data, &pointer, &value) != SIO_OK) {
            return NGX_OK;
        }

        json.data = (u_char *) value.data;
        json.len = value.len;

        return ngx_http_sio_hook_text(&run, &json, text);

    case NGX_SIO_VAR_AUTH:
    case NGX_SIO_VAR_RECOVERED:

        if (hook->lane) {
            return NGX_OK;
        }

        break;

    default:
        break;
    }

    rc = ngx_sio_var_get(&run, var, &v);

    if (rc == NGX_OK && v.kind != NGX_SIO_VALUE_MISSING) {
        rc = ngx_sio_value_text(&run, &v, text);
    }

    return rc;
}


static ngx_int_t
ngx_http_sio_hook_text(ngx_sio_run_t *run, ngx_str_t *json, ngx_str_t *text)
{
    ngx_sio_value_t  v;

    ngx_memzero(&v, sizeof(ngx_sio_value_t));

    v.kind = NGX_SIO_VALUE_JSON;
    v.s = *json;
    v.data = 1;

    return ngx_sio_value_text(run, &v, text);
}


/* a client's own request is about no socket: what all of them have is known */

static ngx_int_t
ngx_http_sio_request_get(ngx_http_request_t *r, ngx_sio_var_t *var,
    ngx_str_t *text)
{
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sio_module);

    if (slcf->self == NULL || var->type != NGX_SIO_VAR_TRANSPORT) {
        return NGX_OK;
    }

    return ngx_http_sio_args(r->pool, &r->main->args,
                             ngx_http_sio_request_arg, text)
           == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_sio_request_arg(void *data, ngx_str_t *name, ngx_str_t *value)
{
    ngx_str_t *text = data;

    if (!ngx_http_sio_rule_is(name, "transport")) {
        return NGX_OK;
    }

    if (ngx_http_sio_rule_is(value, "polling")) {
        ngx_str_set(text, "polling");

    } else if (ngx_http_sio_rule_is(value, "websocket")) {
        ngx_str_set(text, "websocket");

    } else {
        ngx_str_null(text);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_hook_value(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    ngx_str_t *text)
{
    ngx_str_t  value;

    if (text->len == 0) {
        return NGX_OK;
    }

    if (ngx_http_sio_hook_escape(r->pool, text, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    v->len = value.len;
    v->data = value.data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}
