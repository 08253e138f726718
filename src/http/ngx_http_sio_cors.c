
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * CORS, as the cors option of Socket.IO (npm's "cors") has it.
 */


#include "ngx_http_sio_module.h"


static ngx_int_t ngx_http_sio_cors_allow_origin(ngx_http_request_t *r,
    ngx_http_sio_loc_conf_t *conf);
static ngx_uint_t ngx_http_sio_cors_match(ngx_http_sio_loc_conf_t *conf,
    ngx_str_t *origin);
static ngx_int_t ngx_http_sio_cors_preflight(ngx_http_request_t *r,
    ngx_http_sio_loc_conf_t *conf);


/* sio_cors_origin off | * | ORIGIN | ORIGIN ORIGIN ... | ~REGEX ... */

char *
ngx_http_sio_cors_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_loc_conf_t *slcf = conf;

    ngx_str_t              *value;
    ngx_uint_t              i;
    ngx_http_sio_origin_t  *origin;

    if (slcf->cors_mode != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    slcf->cors_origins = NULL;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        slcf->cors_mode = NGX_HTTP_SIO_CORS_OFF;
        return NGX_CONF_OK;
    }

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "*") == 0) {
        slcf->cors_mode = NGX_HTTP_SIO_CORS_ANY;
        return NGX_CONF_OK;
    }

    slcf->cors_mode = (cf->args->nelts == 2 && value[1].data[0] != '~')
                      ? NGX_HTTP_SIO_CORS_FIXED : NGX_HTTP_SIO_CORS_LIST;

    slcf->cors_origins = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                          sizeof(ngx_http_sio_origin_t));
    if (slcf->cors_origins == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "*") == 0
            || ngx_strcmp(value[i].data, "off") == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" stands alone in \"sio_cors_origin\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        origin = ngx_array_push(slcf->cors_origins);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(origin, sizeof(ngx_http_sio_origin_t));
        origin->origin = value[i];

        if (value[i].data[0] == '~') {
#if (NGX_PCRE)
            ngx_regex_compile_t  rc;
            u_char               errstr[NGX_MAX_CONF_ERRSTR];

            ngx_memzero(&rc, sizeof(ngx_regex_compile_t));

            rc.pattern.data = value[i].data + 1;
            rc.pattern.len = value[i].len - 1;
            rc.pool = cf->pool;
            rc.err.len = NGX_MAX_CONF_ERRSTR;
            rc.err.data = errstr;

            if (ngx_regex_compile(&rc) != NGX_OK) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V", &rc.err);
                return NGX_CONF_ERROR;
            }

            origin->regex = rc.regex;
#else
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "using regex \"%V\" requires PCRE library",
                               &value[i]);
            return NGX_CONF_ERROR;
#endif
        }
    }

    return NGX_CONF_OK;
}


/* the words of a header, commas between */

char *
ngx_http_sio_cors_list(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    size_t       len;
    u_char      *dst;
    ngx_str_t   *field, *value;
    ngx_uint_t   i;

    field = (ngx_str_t *) (p + cmd->offset);

    if (field->data) {
        return "is duplicate";
    }

    value = cf->args->elts;
    len = 0;

    for (i = 1; i < cf->args->nelts; i++) {
        len += value[i].len + 1;
    }

    dst = ngx_pnalloc(cf->pool, len);
    if (dst == NULL) {
        return NGX_CONF_ERROR;
    }

    field->data = dst;

    for (i = 1; i < cf->args->nelts; i++) {

        if (i > 1) {
            *dst++ = ',';
        }

        dst = ngx_cpymem(dst, value[i].data, value[i].len);
    }

    field->len = dst - field->data;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_sio_cors(ngx_http_request_t *r, ngx_http_sio_loc_conf_t *conf)
{
    static ngx_str_t  yes = ngx_string("true");

    if (conf->cors_mode == NGX_HTTP_SIO_CORS_OFF) {
        return NGX_OK;
    }

    if (ngx_http_sio_cors_allow_origin(r, conf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (conf->cors_credentials
        && ngx_http_sio_set_header(r, "Access-Control-Allow-Credentials", &yes)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (r->method == NGX_HTTP_OPTIONS
        && ngx_http_sio_cors_preflight(r, conf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (conf->cors_expose_headers.len) {
        return ngx_http_sio_set_header(r, "Access-Control-Expose-Headers",
                                       &conf->cors_expose_headers);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_cors_allow_origin(ngx_http_request_t *r,
    ngx_http_sio_loc_conf_t *conf)
{
    ngx_str_t              *value;
    ngx_table_elt_t        *h;
    ngx_http_sio_origin_t  *origins;

    static ngx_str_t  any = ngx_string("*");
    static ngx_str_t  vary = ngx_string("Origin");
    static ngx_str_t  vary_preflight =
                        ngx_string("Origin, Access-Control-Request-Headers");

    value = NULL;

    if (conf->cors_mode == NGX_HTTP_SIO_CORS_ANY) {
        return ngx_http_sio_set_header(r, "Access-Control-Allow-Origin", &any);
    }

    if (conf->cors_mode == NGX_HTTP_SIO_CORS_FIXED) {
        origins = conf->cors_origins->elts;
        value = &origins[0].origin;

    } else {
        h = ngx_http_sio_get_header(r, "origin");

        if (h && h->value.len && ngx_http_sio_cors_match(conf, &h->value)) {
            value = &h->value;
        }
    }

    if (value
        && ngx_http_sio_set_header(r, "Access-Control-Allow-Origin", value)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_sio_set_header(r, "Vary",
                    (r->method == NGX_HTTP_OPTIONS && !conf->cors_headers.len)
                    ? &vary_preflight : &vary);
}


static ngx_uint_t
ngx_http_sio_cors_match(ngx_http_sio_loc_conf_t *conf, ngx_str_t *origin)
{
    ngx_uint_t              i;
    ngx_http_sio_origin_t  *origins;

    origins = conf->cors_origins->elts;

    for (i = 0; i < conf->cors_origins->nelts; i++) {

#if (NGX_PCRE)
        if (origins[i].regex) {
            if (ngx_regex_exec(origins[i].regex, origin, NULL, 0) >= 0) {
                return 1;
            }

            continue;
        }
#endif

        if (origins[i].origin.len == origin->len
            && ngx_strncmp(origins[i].origin.data, origin->data, origin->len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * A page's own host is its Host header's: behind a proxy that ends TLS the
 * scheme of this connection is not the page's.
 */

ngx_uint_t
ngx_http_sio_origin_allowed(ngx_http_request_t *r,
    ngx_http_sio_loc_conf_t *conf)
{
    u_char           *p, *last;
    ngx_str_t         host;
    ngx_table_elt_t  *h;

    if (!conf->origin_check) {
        return 1;
    }

    h = ngx_http_sio_get_header(r, "origin");

    if (h == NULL || conf->cors_mode == NGX_HTTP_SIO_CORS_ANY) {
        return 1;
    }

    if (conf->cors_origins && ngx_http_sio_cors_match(conf, &h->value)) {
        return 1;
    }

    if (r->headers_in.host) {
        host = r->headers_in.host->value;

    } else {
        /* HTTP/3 has ":authority" alone */
        host.data = r->host_start;
        host.len = r->host_end - r->host_start;
    }

    p = h->value.data;
    last = p + h->value.len;

    p = ngx_strlchr(p, last, ':');

    if (p == NULL || p == h->value.data || last - p < 3
        || p[1] != '/' || p[2] != '/')
    {
        return 0;
    }

    p += 3;

    return host.len && (size_t) (last - p) == host.len
           && ngx_strncasecmp(p, host.data, host.len) == 0;
}


static ngx_int_t
ngx_http_sio_cors_preflight(ngx_http_request_t *r,
    ngx_http_sio_loc_conf_t *conf)
{
    ngx_str_t         value;
    ngx_table_elt_t  *h;

    static ngx_str_t  vary = ngx_string("Access-Control-Request-Headers");

    if (ngx_http_sio_set_header(r, "Access-Control-Allow-Methods",
                                &conf->cors_methods)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (conf->cors_headers.len) {

        if (ngx_http_sio_set_header(r, "Access-Control-Allow-Headers",
                                    &conf->cors_headers)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else {

        /* those that the browser asks for */

        if (conf->cors_mode == NGX_HTTP_SIO_CORS_ANY
            && ngx_http_sio_set_header(r, "Vary", &vary) != NGX_OK)
        {
            return NGX_ERROR;
        }

        h = ngx_http_sio_get_header(r, "access-control-request-headers");

        if (h && h->value.len
            && ngx_http_sio_set_header(r, "Access-Control-Allow-Headers",
                                       &h->value)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (conf->cors_max_age == -1) {
        return NGX_OK;
    }

    value.data = ngx_pnalloc(r->pool, NGX_TIME_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%T", conf->cors_max_age) - value.data;

    return ngx_http_sio_set_header(r, "Access-Control-Max-Age", &value);
}
