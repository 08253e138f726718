
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What the configuration says of a socket's user.
 */


#include "ngx_sio_rules.h"


ngx_int_t
ngx_sio_access_user(ngx_sio_run_t *run, ngx_sio_access_t *access)
{
    u_char          *p;
    size_t           len;
    ngx_int_t        rc;
    ngx_str_t       *s, name;
    ngx_uint_t       i;
    ngx_sio_call_t  *call;
    ngx_sio_text_t  *text;

    call = run->call;
    text = access->user;

    name = text->constant;

    if (text->nparts) {

        s = ngx_palloc(call->pool, text->nparts * sizeof(ngx_str_t));
        if (s == NULL) {
            return NGX_ERROR;
        }

        len = 0;

        for (i = 0; i < text->nparts; i++) {

            s[i] = text->parts[i].text;

            if (text->parts[i].var) {

                rc = ngx_sio_access_name(run, text->parts[i].var, &s[i]);

                if (rc == NGX_DECLINED) {
                    goto invalid;
                }

                if (rc != NGX_OK) {
                    return rc;
                }

                if (s[i].len == 0) {
                    /* never "org:" instead of "org:42" */
                    return NGX_OK;
                }
            }

            len += s[i].len;

            if (len > call->server->max_user) {
                break;
            }
        }

        name.len = len;
        name.data = ngx_pnalloc(call->pool, len + 1);
        if (name.data == NULL) {
            return NGX_ERROR;
        }

        for (i = 0, p = name.data; i < text->nparts && len; i++) {
            p = ngx_cpymem(p, s[i].data, ngx_min(s[i].len, len));
            len -= ngx_min(s[i].len, len);
        }
    }

    rc = ngx_sio_call_identify(call, &name);

    if (rc != NGX_DECLINED) {
        return rc == NGX_OK ? NGX_OK : NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_INFO, call->pool->log, 0,
                  "sio rule: \"sio_user\" in %s:%ui failed: %V",
                  access->file, access->line, &call->failure);

    return NGX_DECLINED;

invalid:

    ngx_log_error(NGX_LOG_INFO, call->pool->log, 0,
                  "sio rule: \"sio_user\" in %s:%ui failed: %s",
                  access->file, access->line, run->why);

    ngx_str_set(&call->failure, "invalid user");

    return NGX_DECLINED;
}


ngx_int_t
ngx_sio_access_name(ngx_sio_run_t *run, const ngx_sio_var_t *var,
    ngx_str_t *text)
{
    off_t            n;
    ngx_int_t        rc;
    sio_str_t        slice;
    sio_json_type_e  type;
    ngx_sio_value_t  value;

    ngx_str_null(text);

    rc = ngx_sio_var_get(run, var, &value);

    if (rc != NGX_OK || value.kind == NGX_SIO_VALUE_MISSING) {
        return rc;
    }

    type = SIO_JSON_STRING;

    if (value.kind == NGX_SIO_VALUE_JSON) {
        slice = ngx_sio_slice(&value.s);
        type = sio_json_type(&slice);

        if (type == SIO_JSON_NULL) {
            return NGX_OK;
        }
    }

    rc = ngx_sio_value_name(run, &value, text);

    if (rc != NGX_OK || type != SIO_JSON_NUMBER) {
        return rc;
    }

    n = text->len ? ngx_atoof(text->data + (text->data[0] == '-'),
                              text->len - (text->data[0] == '-'))
                  : NGX_ERROR;

    if (n < 0 || n > (off_t) NGX_SIO_MAX_INTEGER) {
        run->why = "the number is not a whole one, or too large to be told "
                   "from others";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_sio_access_reserved(ngx_sio_call_t *call, const ngx_str_t *name,
    const ngx_str_t *rooms, ngx_uint_t n)
{
    ngx_str_t        *prefix;
    ngx_uint_t        i;
    ngx_sio_nsp_t    *nsp;
    ngx_sio_rules_t  *rules;

    rules = call->server->rules;

    if (rules == NULL || rules->program == NULL) {
        return 0;
    }

    nsp = call->program;

    if (name->len || nsp == NULL) {
        nsp = ngx_sio_nsp_lookup(rules->program, name->len ? name : &call->nsp,
                                 call->pool->log);
    }

    if (nsp == NULL || nsp->access.room.len == 0) {
        return 0;
    }

    prefix = &nsp->access.room;

    for (i = 0; i < n; i++) {
        if (rooms[i].len >= prefix->len
            && ngx_memcmp(rooms[i].data, prefix->data, prefix->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
