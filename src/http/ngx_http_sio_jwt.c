
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The directive "sio_jwt".
 */


#include "ngx_http_sio_module.h"
#include "ngx_http_sio_rule.h"
#include "ngx_http_sio_jwt.h"
#include "../wire/sio_json.h"


#if (NGX_HTTP_SIO_HAVE_JWT)

#define NGX_HTTP_SIO_JWT_GRACE    30        /* seconds */
#define NGX_HTTP_SIO_JWT_NAME     200       /* bytes, of a source's name */


static ngx_http_sio_jwt_t *ngx_http_sio_jwt_create(ngx_conf_t *cf);
static char *ngx_http_sio_jwt_words(ngx_conf_t *cf, ngx_sio_rules_t *rules,
    ngx_http_sio_jwt_t *jwt);
static ngx_int_t ngx_http_sio_jwt_source(ngx_conf_t *cf,
    ngx_sio_rules_t *rules, ngx_http_sio_jwt_t *jwt,
    ngx_http_sio_jwt_source_e type, ngx_str_t *name);
static ngx_int_t ngx_http_sio_jwt_option(ngx_conf_t *cf,
    ngx_http_sio_jwt_t *jwt, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_sio_jwt_algs(ngx_conf_t *cf,
    ngx_http_sio_jwt_t *jwt, ngx_str_t *value);
static ngx_int_t ngx_http_sio_jwt_time(ngx_conf_t *cf, ngx_str_t *value,
    ngx_int_t min, time_t *time);
static ngx_int_t ngx_http_sio_jwt_expire(ngx_conf_t *cf,
    ngx_http_sio_jwt_t *jwt, ngx_str_t *value);


static ngx_str_t  ngx_http_sio_jwt_sources[] = {
    ngx_string("auth"),
    ngx_string("query"),
    ngx_string("cookie"),
    ngx_string("header"),
    ngx_null_string
};


/* in a location, or in a namespace: then conf is NULL */

char *
ngx_http_sio_jwt(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t             *value;
    ngx_sio_nsp_t         *nsp;
    ngx_sio_rules_t       *rules;
    ngx_http_sio_jwt_t    *jwt;
    ngx_http_sio_scope_t   scope;

    if (conf == NULL) {
        scope = *(ngx_http_sio_scope_t *) cf->handler_conf;

    } else if (ngx_http_sio_scope_init(cf, conf, &scope) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    nsp = scope.nsp;
    rules = scope.rules;

    if (nsp->jwt) {
        return "is duplicate";
    }

    jwt = ngx_http_sio_jwt_create(cf);
    if (jwt == NULL) {
        return NGX_CONF_ERROR;
    }

    nsp->jwt = &jwt->jwt;

    value = cf->args->elts;

    if (ngx_http_sio_rule_is(&value[1], "off")) {

        if (cf->args->nelts > 2) {
            return ngx_http_sio_rule_unknown(cf, &value[2]);
        }

        jwt->jwt.off = 1;

        return NGX_CONF_OK;
    }

    rules->token = ngx_http_sio_jwt_token;

    return ngx_http_sio_jwt_words(cf, rules, jwt);
}


static ngx_http_sio_jwt_t *
ngx_http_sio_jwt_create(ngx_conf_t *cf)
{
    ngx_http_sio_jwt_t  *jwt;

    jwt = ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_jwt_t));

    if (jwt == NULL
        || ngx_array_init(&jwt->sources, cf->pool, 2,
                          sizeof(ngx_http_sio_jwt_source_t))
           != NGX_OK
        || ngx_array_init(&jwt->keys, cf->pool, 2,
                          sizeof(ngx_http_sio_jwt_key_t))
           != NGX_OK
        || ngx_array_init(&jwt->aud, cf->pool, 1, sizeof(ngx_str_t)) != NGX_OK
        || ngx_array_init(&jwt->iss, cf->pool, 1, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NULL;
    }

    jwt->file = cf->conf_file->file.name.data;
    jwt->line = cf->conf_file->line;
    jwt->expire = 1;

    return jwt;
}


static char *
ngx_http_sio_jwt_words(ngx_conf_t *cf, ngx_sio_rules_t *rules,
    ngx_http_sio_jwt_t *jwt)
{
    uint32_t                 algs;
    ngx_str_t               *value, name, s;
    ngx_uint_t               i, k;
    ngx_http_sio_jwt_key_t  *key;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        for (k = 0; ngx_http_sio_jwt_sources[k].len; k++) {
            if (value[i].len == ngx_http_sio_jwt_sources[k].len
                && ngx_strncmp(value[i].data, ngx_http_sio_jwt_sources[k].data,
                               value[i].len) == 0)
            {
                break;
            }
        }

        if (ngx_http_sio_jwt_sources[k].len) {

            if (++i == cf->args->nelts) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "\"sio_jwt\" needs a name behind \"%V\"",
                                   &value[i - 1]);
                return NGX_CONF_ERROR;
            }

            if (ngx_http_sio_jwt_source(cf, rules, jwt, k, &value[i])
                != NGX_OK)
            {
                return NGX_CONF_ERROR;
            }

        } else if (ngx_http_sio_rule_is(&value[i], "optional")) {
            jwt->jwt.optional = 1;

        } else if (!ngx_http_sio_rule_option(&value[i], &name, &s)) {
            return ngx_http_sio_rule_unknown(cf, &value[i]);

        } else {

            switch (ngx_http_sio_jwt_option(cf, jwt, &name, &s)) {

            case NGX_OK:
                break;

            case NGX_DECLINED:
                return ngx_http_sio_rule_unknown(cf, &value[i]);

            default:
                return NGX_CONF_ERROR;
            }
        }
    }

    if (jwt->sources.nelts == 0) {
        return "does not say where a token is: auth, query, cookie or header";
    }

    if (jwt->keys.nelts == 0) {
        return "has no key: secret=, secret_file=, key= or jwks=";
    }

    if (jwt->jwt.grace && jwt->jwt.event.len == 0) {
        return "has \"grace=\", but no event: \"expire=EVENT\"";
    }

    if (jwt->jwt.event.len && jwt->jwt.grace == 0) {
        jwt->jwt.grace = NGX_HTTP_SIO_JWT_GRACE;
    }

    /* an algorithm is for keys of one kind: RFC 8725, 3.1 */

    key = jwt->keys.elts;
    algs = 0;

    for (i = 0; i < jwt->keys.nelts; i++) {
        algs |= key[i].algs;
    }

    if (jwt->named && (jwt->algs & ~algs)) {
        return "has an \"alg=\" that none of its keys is for";
    }

    if (!jwt->named) {
        jwt->algs = algs;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_sio_jwt_source(ngx_conf_t *cf, ngx_sio_rules_t *rules,
    ngx_http_sio_jwt_t *jwt, ngx_http_sio_jwt_source_e type, ngx_str_t *name)
{
    u_char                      *p;
    sio_str_t                    pointer;
    ngx_str_t                   *word;
    ngx_uint_t                   i;
    ngx_http_sio_jwt_source_t   *source, **token;

    source = ngx_array_push(&jwt->sources);
    if (source == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(source, sizeof(ngx_http_sio_jwt_source_t));

    source->type = type;
    source->name = *name;

    word = &ngx_http_sio_jwt_sources[type];

    if (type == NGX_HTTP_SIO_JWT_AUTH) {

        pointer = ngx_sio_slice(name);

        if (name->len < 2 || sio_json_pointer_valid(&pointer) != SIO_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid JSON pointer \"%V\", it is as in "
                               "\"auth /token\"", name);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    if (name->len == 0 || name->len > NGX_HTTP_SIO_JWT_NAME) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name \"%V\" of the token's \"%V\"", name,
                           word);
        return NGX_ERROR;
    }

    if (type == NGX_HTTP_SIO_JWT_HEADER) {
        ngx_strlow(name->data, name->data, name->len);
    }

    source->info.len = sizeof(".jwt..") - 1 + word->len + name->len;
    source->info.data = ngx_pnalloc(cf->pool, source->info.len);
    if (source->info.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(source->info.data, ".jwt.", sizeof(".jwt.") - 1);
    p = ngx_cpymem(p, word->data, word->len);
    *p++ = '.';
    ngx_memcpy(p, name->data, name->len);

    /* two namespaces may want the same one */

    token = rules->tokens.elts;

    for (i = 0; i < rules->tokens.nelts; i++) {
        if (token[i]->info.len == source->info.len
            && ngx_memcmp(token[i]->info.data, source->info.data,
                          source->info.len) == 0)
        {
            return NGX_OK;
        }
    }

    if (token == NULL
        && ngx_array_init(&rules->tokens, cf->pool, 1,
                          sizeof(ngx_http_sio_jwt_source_t *))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    token = ngx_array_push(&rules->tokens);
    if (token == NULL) {
        return NGX_ERROR;
    }

    *token = ngx_palloc(cf->pool, sizeof(ngx_http_sio_jwt_source_t));
    if (*token == NULL) {
        return NGX_ERROR;
    }

    **token = *source;

    return NGX_OK;
}


/* NGX_DECLINED: there is none of that name */

static ngx_int_t
ngx_http_sio_jwt_option(ngx_conf_t *cf, ngx_http_sio_jwt_t *jwt,
    ngx_str_t *name, ngx_str_t *value)
{
    ngx_str_t    *s;
    ngx_array_t  *names;

    if (ngx_http_sio_rule_is(name, "secret")) {
        return ngx_http_sio_jwt_secret(cf, &jwt->keys, value);
    }

    if (value->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V=\" of \"sio_jwt\" is empty", name);
        return NGX_ERROR;
    }

    if (ngx_http_sio_rule_is(name, "secret_file")) {
        return ngx_http_sio_jwt_secret_file(cf, &jwt->keys, value);
    }

    if (ngx_http_sio_rule_is(name, "key")) {
        return ngx_http_sio_jwt_pem(cf, &jwt->keys, value);
    }

    if (ngx_http_sio_rule_is(name, "jwks")) {
        return ngx_http_sio_jwt_jwks(cf, &jwt->keys, value);
    }

    if (ngx_http_sio_rule_is(name, "alg")) {
        return ngx_http_sio_jwt_algs(cf, jwt, value);
    }

    if (ngx_http_sio_rule_is(name, "leeway")) {
        return ngx_http_sio_jwt_time(cf, value, 0, &jwt->leeway);
    }

    if (ngx_http_sio_rule_is(name, "grace")) {
        return ngx_http_sio_jwt_time(cf, value, 1, &jwt->jwt.grace);
    }

    if (ngx_http_sio_rule_is(name, "expire")) {
        return ngx_http_sio_jwt_expire(cf, jwt, value);
    }

    if (ngx_http_sio_rule_is(name, "aud")) {
        names = &jwt->aud;

    } else if (ngx_http_sio_rule_is(name, "iss")) {
        names = &jwt->iss;

    } else {
        return NGX_DECLINED;
    }

    s = ngx_array_push(names);
    if (s == NULL) {
        return NGX_ERROR;
    }

    *s = *value;

    return NGX_OK;
}


/* names with commas between */

static ngx_int_t
ngx_http_sio_jwt_algs(ngx_conf_t *cf, ngx_http_sio_jwt_t *jwt,
    ngx_str_t *value)
{
    u_char         *p, *last, *end;
    sio_jwt_alg_e   alg;

    jwt->named = 1;

    last = value->data + value->len;

    for (p = value->data; p <= last; p = end + 1) {

        end = ngx_strlchr(p, last, ',');

        if (end == NULL) {
            end = last;
        }

        alg = sio_jwt_alg(p, end - p);

        if (alg == SIO_JWT_NONE) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown algorithm \"%*s\" in \"alg=%V\"",
                               (size_t) (end - p), p, value);
            return NGX_ERROR;
        }

        jwt->algs |= sio_jwt_bit(alg);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_jwt_time(ngx_conf_t *cf, ngx_str_t *value, ngx_int_t min,
    time_t *time)
{
    ngx_int_t  n;

    n = ngx_parse_time(value, 1);

    if (n == NGX_ERROR || n < min || n > NGX_MAX_INT32_VALUE / 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\" in \"sio_jwt\"", value);
        return NGX_ERROR;
    }

    *time = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_jwt_expire(ngx_conf_t *cf, ngx_http_sio_jwt_t *jwt,
    ngx_str_t *value)
{
    ngx_str_t  *event;

    if (ngx_http_sio_rule_is(value, "close")) {
        return NGX_OK;
    }

    if (ngx_http_sio_rule_is(value, "off")) {
        jwt->expire = 0;
        return NGX_OK;
    }

    if (sio_packet_reserved(value->data, value->len)
        || sio_utf8_valid(value->data, value->len) != SIO_OK
        || ngx_strlchr(value->data, value->data + value->len, '$'))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the event name \"%V\" in \"expire=\" is reserved, "
                           "or none", value);
        return NGX_ERROR;
    }

    event = &jwt->jwt.event;

    event->len = sio_json_string_len(value->data, value->len);
    event->data = ngx_pnalloc(cf->pool, event->len);
    if (event->data == NULL) {
        return NGX_ERROR;
    }

    (void) sio_json_string_write(event->data, value->data, value->len);

    return NGX_OK;
}

#else

char *
ngx_http_sio_jwt(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return "needs nginx built with SSL, by OpenSSL 1.1.1 or later";
}

#endif


ngx_int_t
ngx_http_sio_jwt_postconf(ngx_conf_t *cf, ngx_sio_rules_t *rules)
{
    ngx_uint_t          i;
    ngx_array_t        *nsps;
    ngx_sio_nsp_t     **nsp;
    ngx_sio_capture_t  *claim;
    ngx_sio_program_t  *program;

    program = rules->program;

    for (nsps = &program->names;
         nsps;
         nsps = (nsps == &program->names) ? &program->patterns : NULL)
    {
        nsp = nsps->elts;

        for (i = 0; i < nsps->nelts; i++) {
            if (nsp[i]->jwt == NULL) {
                nsp[i]->jwt = program->main.jwt;
            }
        }
    }

    if (rules->token == NULL && rules->claims.nelts) {
        claim = rules->claims.elts;

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "a claim is used in %V:%ui, but there is no \"sio_jwt\" "
                      "in the location of %V:%ui", &claim->file, claim->line,
                      &rules->file, rules->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}
