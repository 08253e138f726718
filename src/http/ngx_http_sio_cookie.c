
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * sio_cookie: Engine.IO's cookie option.
 */


#include "ngx_http_sio_module.h"


#define NGX_HTTP_SIO_COOKIE_ATTRS  6


static char *ngx_http_sio_cookie_attribute(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *attrs);


/*
 * sio_cookie NAME | off [path=] [domain=] [httponly[=off]] [secure]
 *            [samesite=] [max_age=]
 *
 * Engine.IO's defaults are Path=/; HttpOnly; SameSite=Lax.
 */

char *
ngx_http_sio_cookie(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_loc_conf_t *slcf = conf;

    char                   *rv;
    size_t                  len;
    u_char                 *p;
    ngx_str_t              *value, attrs[NGX_HTTP_SIO_COOKIE_ATTRS];
    ngx_uint_t              i;
    ngx_http_sio_cookie_t  *cookie;

    if (slcf->cookie != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        slcf->cookie = NULL;
        return (cf->args->nelts == 2) ? NGX_CONF_OK
                                      : "takes nothing behind \"off\"";
    }

    cookie = ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_cookie_t));
    if (cookie == NULL) {
        return NGX_CONF_ERROR;
    }

    cookie->name = value[1];

    /* RFC 6265, 4.1.1: a token */

    if (value[1].len == 0
        || strcspn((char *) value[1].data, "()<>@,;:\\\"/[]?={} \t")
           != value[1].len)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid cookie name \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    /* in the order in which Node writes them */

    ngx_memzero(attrs, sizeof(attrs));
    ngx_str_set(&attrs[2], "; Path=/");
    ngx_str_set(&attrs[3], "; HttpOnly");
    ngx_str_set(&attrs[5], "; SameSite=Lax");

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_http_sio_cookie_attribute(cf, &value[i], attrs);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    len = 0;

    for (i = 0; i < NGX_HTTP_SIO_COOKIE_ATTRS; i++) {
        len += attrs[i].len;
    }

    p = ngx_pnalloc(cf->pool, len + 1);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    cookie->attributes.data = p;
    cookie->attributes.len = len;

    for (i = 0; i < NGX_HTTP_SIO_COOKIE_ATTRS; i++) {

        if (attrs[i].len) {
            p = ngx_cpymem(p, attrs[i].data, attrs[i].len);
        }
    }

    slcf->cookie = cookie;

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_cookie_attribute(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *attrs)
{
    u_char      *p;
    size_t       n;
    time_t       sec;
    ngx_str_t    s, *attr;
    ngx_uint_t   i;

    static struct {
        ngx_str_t   word;
        ngx_str_t   text;
        ngx_uint_t  attr;
    } words[] = {
        { ngx_string("max_age="), ngx_string("; Max-Age="), 0 },
        { ngx_string("domain="), ngx_string("; Domain="), 1 },
        { ngx_string("path="), ngx_string("; Path="), 2 },
        { ngx_string("httponly=off"), ngx_null_string, 3 },
        { ngx_string("httponly"), ngx_string("; HttpOnly"), 3 },
        { ngx_string("secure"), ngx_string("; Secure"), 4 },
        { ngx_string("samesite=off"), ngx_null_string, 5 },
        { ngx_string("samesite=strict"), ngx_string("; SameSite=Strict"), 5 },
        { ngx_string("samesite=lax"), ngx_string("; SameSite=Lax"), 5 },
        { ngx_string("samesite=none"), ngx_string("; SameSite=None"), 5 },
        { ngx_null_string, ngx_null_string, 0 }
    };

    for (i = 0; words[i].word.len; i++) {

        n = words[i].word.len;
        attr = &attrs[words[i].attr];

        if (value->len < n
            || ngx_strncasecmp(value->data, words[i].word.data, n) != 0)
        {
            continue;
        }

        if (words[i].word.data[n - 1] != '=') {

            if (value->len != n) {
                continue;
            }

            *attr = words[i].text;
            return NGX_CONF_OK;
        }

        s.data = value->data + n;
        s.len = value->len - n;

        if (s.len == 0) {
            ngx_str_null(attr);
            return NGX_CONF_OK;
        }

        if (strcspn((char *) s.data, "; \t\r\n") != s.len) {
            break;
        }

        p = ngx_pnalloc(cf->pool,
                        words[i].text.len + s.len + NGX_TIME_T_LEN);
        if (p == NULL) {
            return NGX_CONF_ERROR;
        }

        attr->data = p;
        p = ngx_cpymem(p, words[i].text.data, words[i].text.len);

        if (words[i].attr == 0) {

            sec = ngx_parse_time(&s, 1);
            if (sec == (time_t) NGX_ERROR) {
                break;
            }

            p = ngx_sprintf(p, "%T", sec);

        } else {
            p = ngx_cpymem(p, s.data, s.len);
        }

        attr->len = p - attr->data;

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid cookie parameter \"%V\"", value);

    return NGX_CONF_ERROR;
}
