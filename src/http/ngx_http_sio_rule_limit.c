
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * sio_limit_events, in a location or in a sio_namespace.
 */


#include "ngx_http_sio_rule.h"


/* in ngx_sio_event_limit_t's */
#define NGX_HTTP_SIO_MAX_RATE    0x7fffffff
#define NGX_HTTP_SIO_MAX_BURST   (NGX_SIO_RATE_MAX / 2)


static char *ngx_http_sio_limit_parse(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_array_t *limits);
static ngx_int_t ngx_http_sio_limit_option(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_sio_event_limit_t *limit,
    ngx_str_t *arg, ngx_str_t *burst);
static ngx_int_t ngx_http_sio_limit_rate(ngx_conf_t *cf,
    ngx_sio_event_limit_t *limit, ngx_str_t *arg, ngx_str_t value);
static ngx_int_t ngx_http_sio_limit_burst(ngx_conf_t *cf,
    ngx_sio_event_limit_t *limit, ngx_str_t *value);
static ngx_int_t ngx_http_sio_limit_key(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_sio_event_limit_t *limit,
    ngx_str_t *arg, ngx_str_t *value);
static ngx_int_t ngx_http_sio_limit_event(ngx_conf_t *cf,
    ngx_sio_event_limit_t *limit, ngx_str_t *value);
static uint32_t ngx_http_sio_limit_id(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_array_t *limits);


char *
ngx_http_sio_limit_events(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_array_t           *limits;
    ngx_sio_program_t     *program;
    ngx_http_sio_scope_t   scope;

    if (ngx_http_sio_rule_scope(cf, conf, &scope) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf) {
        /* of all namespaces, not of "/" */
        program = scope.rules->program;
        limits = &program->limits;
        scope.nsp = NULL;

    } else {
        limits = &scope.nsp->limits;
    }

    return ngx_http_sio_limit_parse(cf, &scope, limits);
}


static char *
ngx_http_sio_limit_parse(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_array_t *limits)
{
    ngx_str_t              *value, burst;
    ngx_uint_t              i;
    ngx_sio_event_limit_t  *limit;

    value = cf->args->elts;

    if (limits->nelts == NGX_SIO_MAX_EVENT_LIMITS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "too many \"sio_limit_events\", %d may stand here",
                           NGX_SIO_MAX_EVENT_LIMITS);
        return NGX_CONF_ERROR;
    }

    limit = ngx_array_push(limits);
    if (limit == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(limit, sizeof(ngx_sio_event_limit_t));

    limit->file = cf->conf_file->file.name.data;
    limit->line = cf->conf_file->line;

    if (ngx_array_init(&limit->events, cf->pool, 1, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_str_null(&burst);

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_sio_limit_option(cf, scope, limit, &value[i], &burst)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (limit->rate == 0) {
        return "needs \"rate=\", as in rate=10r/s or rate=100k/s";
    }

    if (limit->action == 0) {
        limit->action = NGX_SIO_REFUSED_EVENT;
    }

    if (ngx_http_sio_limit_burst(cf, limit, &burst) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    limit->id = ngx_http_sio_limit_id(cf, scope, limits);

    scope->rules->limits_events = 1;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_sio_limit_option(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_sio_event_limit_t *limit, ngx_str_t *arg, ngx_str_t *burst)
{
    ngx_str_t  name, value;

    if (ngx_http_sio_rule_is(arg, "dry_run")) {
        limit->dry_run = 1;
        return NGX_OK;
    }

    if (!ngx_http_sio_rule_option(arg, &name, &value)) {
        goto invalid;
    }

    if (ngx_http_sio_rule_is(&name, "rate") && limit->rate == 0) {
        return ngx_http_sio_limit_rate(cf, limit, arg, value);
    }

    if (ngx_http_sio_rule_is(&name, "burst") && burst->data == NULL) {
        *burst = value;
        return NGX_OK;
    }

    if (ngx_http_sio_rule_is(&name, "key") && limit->key == NULL) {
        return ngx_http_sio_limit_key(cf, scope, limit, arg, &value);
    }

    if (ngx_http_sio_rule_is(&name, "event")) {
        return ngx_http_sio_limit_event(cf, limit, &value);
    }

    if (ngx_http_sio_rule_is(&name, "action") && limit->action == 0) {

        if (ngx_http_sio_rule_is(&value, "drop")) {
            limit->action = NGX_SIO_REFUSED_EVENT;
            return NGX_OK;
        }

        if (ngx_http_sio_rule_is(&value, "nack")) {
            limit->action = NGX_SIO_REFUSED_EVENT_NACK;
            return NGX_OK;
        }

        if (ngx_http_sio_rule_is(&value, "disconnect")) {
            limit->action = NGX_SIO_REFUSED_EVENT_CLOSE;
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\": it is drop, nack or disconnect",
                           arg);
        return NGX_ERROR;
    }

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown or duplicate parameter \"%V\"", arg);

    return NGX_ERROR;
}


/* 10r/s, 600r/m: events; 100k/s, 6m/m: bytes */

static ngx_int_t
ngx_http_sio_limit_rate(ngx_conf_t *cf, ngx_sio_event_limit_t *limit,
    ngx_str_t *arg, ngx_str_t value)
{
    ssize_t  n;

    limit->spelling = *arg;
    limit->period = NGX_SIO_RATE_SECOND;
    n = NGX_ERROR;

    if (value.len < 3 || value.data[value.len - 2] != '/') {
        goto invalid;
    }

    if (value.data[value.len - 1] == 'm') {
        limit->period *= 60;

    } else if (value.data[value.len - 1] != 's') {
        goto invalid;
    }

    value.len -= 2;

    if (value.data[value.len - 1] == 'r') {
        n = ngx_atoi(value.data, value.len - 1);

    } else {
        n = ngx_parse_size(&value);
        limit->bytes = 1;
    }

invalid:

    if (n <= 0 || n > NGX_HTTP_SIO_MAX_RATE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\": it is a number of events, as in "
                           "10r/s or 600r/m, or of bytes, as in 100k/s", arg);
        return NGX_ERROR;
    }

    limit->rate = n;

    return NGX_OK;
}


/* unless it is given: what the rate allows in a second */

static ngx_int_t
ngx_http_sio_limit_burst(ngx_conf_t *cf, ngx_sio_event_limit_t *limit,
    ngx_str_t *value)
{
    ssize_t  n;

    if (value->data == NULL) {
        limit->burst = limit->rate * NGX_SIO_RATE_SECOND / limit->period;
        limit->burst = ngx_max(limit->burst, 1);
        return NGX_OK;
    }

    n = limit->bytes ? ngx_parse_size(value)
                     : ngx_atoi(value->data, value->len);

    if (n <= 0 || n > NGX_HTTP_SIO_MAX_RATE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"burst=%V\": it is a number of %s", value,
                           limit->bytes ? "bytes, as in 100k" : "events");
        return NGX_ERROR;
    }

    if (ngx_sio_event_limit_cost(limit, n) > NGX_HTTP_SIO_MAX_BURST) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"burst=%V\" is what the rate allows in more than "
                           "12 hours", value);
        return NGX_ERROR;
    }

    limit->burst = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_limit_key(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_sio_event_limit_t *limit, ngx_str_t *arg, ngx_str_t *value)
{
    if (value->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"key=\" is empty: such a key is not limited; "
                           "without \"key=\" each connection is");
        return NGX_ERROR;
    }

    limit->key = ngx_pcalloc(cf->pool, sizeof(ngx_sio_text_t));

    if (limit->key == NULL || ngx_http_sio_rule_quotes(cf, arg) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sio_rule_text(cf, scope, value, limit->key);
}


static ngx_int_t
ngx_http_sio_limit_event(ngx_conf_t *cf, ngx_sio_event_limit_t *limit,
    ngx_str_t *value)
{
    ngx_str_t  *name;

    if (value->len == 0
        || sio_packet_reserved(value->data, value->len)
        || ngx_strlchr(value->data, value->data + value->len, '$'))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"event=%V\" is not the name of an event that a "
                           "client sends", value);
        return NGX_ERROR;
    }

    name = ngx_array_push(&limit->events);
    if (name == NULL) {
        return NGX_ERROR;
    }

    *name = *value;

    return NGX_OK;
}


/* from its place and its words, so that buckets outlive a reload */

static uint32_t
ngx_http_sio_limit_id(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_array_t *limits)
{
    uint32_t                crc;
    ngx_str_t              *value;
    ngx_uint_t              i;
    ngx_sio_event_limit_t  *limit;

    value = cf->args->elts;

    ngx_crc32_init(crc);

    if (scope->nsp) {
        ngx_crc32_update(&crc, scope->nsp->name.data, scope->nsp->name.len);
        ngx_crc32_update(&crc, (u_char *) "~", scope->nsp->regex ? 1 : 0);
    }

    for (i = 1; i < cf->args->nelts; i++) {
        ngx_crc32_update(&crc, (u_char *) "", 1);
        ngx_crc32_update(&crc, value[i].data, value[i].len);
    }

    ngx_crc32_final(crc);

    limit = limits->elts;

    for (i = 0; i < limits->nelts - 1; i++) {

        if (limit[i].id == crc) {
            crc++;
            i = (ngx_uint_t) -1;
        }
    }

    return crc;
}
