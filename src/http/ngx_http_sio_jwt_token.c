
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What becomes of a token: taken from the handshake, verified at a CONNECT.
 */


#include "ngx_http_sio_module.h"
#include "ngx_http_sio_jwt.h"
#include "../wire/sio_json.h"


#if (NGX_HTTP_SIO_HAVE_JWT)

#define NGX_HTTP_SIO_JWT_DEPTH    32


static ngx_int_t ngx_http_sio_jwt_last(void *data, ngx_str_t *name,
    ngx_str_t *value);
static ngx_int_t ngx_http_sio_jwt_find(ngx_sio_call_t *call,
    ngx_http_sio_jwt_t *jwt, ngx_str_t *token, const char **why);
static ngx_int_t ngx_http_sio_jwt_key(ngx_http_sio_jwt_t *conf,
    sio_jwt_t *jwt, const char **why);
static ngx_uint_t ngx_http_sio_jwt_kid(ngx_http_sio_jwt_key_t *key,
    sio_jwt_t *jwt);
static ngx_uint_t ngx_http_sio_jwt_among(ngx_array_t *names,
    sio_str_t *value);
static ngx_int_t ngx_http_sio_jwt_refuse(ngx_sio_call_t *call,
    const char *message, const char *data, const char *why);


ngx_int_t
ngx_http_sio_jwt_capture(ngx_http_request_t *r, ngx_sio_rules_t *rules,
    ngx_uint_t n, ngx_str_t *name, ngx_str_t *value)
{
    u_char                     *p;
    ngx_str_t                   variable;
    ngx_uint_t                  key;
    ngx_table_elt_t            *h;
    ngx_http_variable_value_t  *vv;
    ngx_http_sio_jwt_source_t  *source;

    source = ((ngx_http_sio_jwt_source_t **) rules->tokens.elts)[n];

    *name = source->info;
    ngx_str_null(value);

    switch (source->type) {

    case NGX_HTTP_SIO_JWT_QUERY:

        /* the last of a name, as URLSearchParams has it; first its name */

        {
        ngx_str_t  pair[2];

        pair[0] = source->name;
        ngx_str_null(&pair[1]);

        if (ngx_http_sio_args(r->pool, &r->args, ngx_http_sio_jwt_last, pair)
            == NGX_ERROR)
        {
            return NGX_ERROR;
        }

        *value = pair[1];
        }

        break;

    case NGX_HTTP_SIO_JWT_HEADER:

        h = ngx_http_sio_header_in(r, (char *) source->name.data,
                                   source->name.len);
        if (h == NULL) {
            break;
        }

        *value = h->value;

        /* RFC 6750, 2.1 */

        if (value->len > 7
            && ngx_strncasecmp(value->data, (u_char *) "Bearer ", 7) == 0)
        {
            value->data += 7;
            value->len -= 7;

            while (value->len && value->data[0] == ' ') {
                value->data++;
                value->len--;
            }
        }

        break;

    default: /* NGX_HTTP_SIO_JWT_COOKIE */

        variable.len = sizeof("cookie_") - 1 + source->name.len;
        variable.data = ngx_pnalloc(r->pool, variable.len);
        if (variable.data == NULL) {
            return NGX_ERROR;
        }

        p = ngx_cpymem(variable.data, "cookie_", sizeof("cookie_") - 1);
        ngx_memcpy(p, source->name.data, source->name.len);

        key = ngx_hash_strlow(variable.data, variable.data, variable.len);

        vv = ngx_http_get_variable(r, &variable, key);
        if (vv == NULL) {
            return NGX_ERROR;
        }

        if (!vv->not_found) {
            value->data = vv->data;
            value->len = vv->len;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_jwt_last(void *data, ngx_str_t *name, ngx_str_t *value)
{
    ngx_str_t *pair = data;

    if (name->len == pair[0].len
        && ngx_memcmp(name->data, pair[0].data, name->len) == 0)
    {
        pair[1] = *value;
    }

    return NGX_OK;
}


/* rules->token */

ngx_int_t
ngx_http_sio_jwt_token(ngx_sio_call_t *call, ngx_sio_jwt_t *conf)
{
    u_char              *dst;
    time_t               now;
    ngx_int_t            rc;
    sio_jwt_t            jwt;
    ngx_str_t            token;
    const char          *why;
    sio_jwt_claims_t     claims;
    ngx_http_sio_jwt_t  *own;

    own = (ngx_http_sio_jwt_t *) conf;

    rc = ngx_http_sio_jwt_find(call, own, &token, &why);

    if (rc == NGX_DECLINED) {

        if (conf->optional) {
            return NGX_OK;
        }

        return ngx_http_sio_jwt_refuse(call, "token required",
                                       "{\"code\":\"token_required\"}",
                                       "there is none");
    }

    if (rc != NGX_OK) {
        goto invalid;
    }

    if (token.len > call->server->max_token) {
        why = "it is too long";
        goto invalid;
    }

    dst = ngx_pnalloc(call->pool, 2 * token.len + 1);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    if (sio_jwt_parse(dst, token.data, token.len, NGX_HTTP_SIO_JWT_DEPTH,
                      &jwt, &why)
        != SIO_OK)
    {
        goto invalid;
    }

    rc = ngx_http_sio_jwt_key(own, &jwt, &why);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc != NGX_OK
        || sio_jwt_claims(&jwt.payload, NGX_HTTP_SIO_JWT_DEPTH,
                          dst + token.len, &claims, &why)
           != SIO_OK)
    {
        goto invalid;
    }

    if (own->iss.nelts && !ngx_http_sio_jwt_among(&own->iss, &claims.iss)) {
        why = "its \"iss\" is another";
        goto invalid;
    }

    if (own->aud.nelts && !ngx_http_sio_jwt_among(&own->aud, &claims.aud)) {
        why = "its \"aud\" is another";
        goto invalid;
    }

    now = ngx_time();

    if (claims.has_nbf && claims.nbf > (double) (now + own->leeway)) {
        return ngx_http_sio_jwt_refuse(call, "token not active",
                                       "{\"code\":\"token_not_active\"}",
                                       "its \"nbf\" is to come");
    }

    call->claims.data = jwt.payload.data;
    call->claims.len = jwt.payload.len;

    if (!claims.has_exp) {
        return NGX_OK;
    }

    /* RFC 7519, 4.1.4: not at that time, nor after it */

    claims.exp += own->leeway;

    if (claims.exp <= (double) now) {
        ngx_str_null(&call->claims);

        return ngx_http_sio_jwt_refuse(call, "token expired",
                                       "{\"code\":\"token_expired\"}",
                                       "its \"exp\" has passed");
    }

    if (own->expire && claims.exp < (double) NGX_MAX_UINT32_VALUE) {
        call->expires = (time_t) claims.exp;
        call->expires += ((double) call->expires < claims.exp);
    }

    return NGX_OK;

invalid:

    return ngx_http_sio_jwt_refuse(call, "invalid token",
                                   "{\"code\":\"invalid_token\"}", why);
}


/* the first source that has one: NGX_OK; NGX_DECLINED: none has;
   NGX_ERROR: what it has is no text */

static ngx_int_t
ngx_http_sio_jwt_find(ngx_sio_call_t *call, ngx_http_sio_jwt_t *jwt,
    ngx_str_t *token, const char **why)
{
    sio_str_t                   auth, pointer, value;
    ngx_uint_t                  i;
    ngx_http_sio_jwt_source_t  *source;

    source = jwt->sources.elts;

    for (i = 0; i < jwt->sources.nelts; i++) {

        if (source[i].type != NGX_HTTP_SIO_JWT_AUTH) {

            if (ngx_sio_call_info(call, &source[i].info, token) == NGX_OK
                && token->len)
            {
                return NGX_OK;
            }

            continue;
        }

        auth = ngx_sio_slice(&call->auth);
        pointer = ngx_sio_slice(&source[i].name);

        if (auth.len == 0
            || sio_json_get(&auth, &pointer, &value) != SIO_OK
            || sio_json_type(&value) == SIO_JSON_NULL)
        {
            continue;
        }

        if (sio_json_type(&value) != SIO_JSON_STRING) {
            *why = "it is not a string";
            return NGX_ERROR;
        }

        /* escapes in it stay: no token has one */

        token->data = value.data + 1;
        token->len = value.len - 2;

        if (token->len) {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* NGX_OK: signed with one of our keys; NGX_DECLINED, NGX_ERROR */

static ngx_int_t
ngx_http_sio_jwt_key(ngx_http_sio_jwt_t *conf, sio_jwt_t *jwt,
    const char **why)
{
    ngx_int_t                rc;
    ngx_uint_t               i, known;
    ngx_http_sio_jwt_key_t  *key;

    if (!(conf->algs & sio_jwt_bit(jwt->alg))) {
        *why = "its \"alg\" is not taken here";
        return NGX_DECLINED;
    }

    key = conf->keys.elts;
    known = 0;

    for (i = 0; jwt->kid.data && i < conf->keys.nelts; i++) {
        if (ngx_http_sio_jwt_kid(&key[i], jwt)) {
            known = 1;
        }
    }

    *why = "none of the keys is for it";

    for (i = 0; i < conf->keys.nelts; i++) {

        if (!(key[i].algs & sio_jwt_bit(jwt->alg))) {
            continue;
        }

        /* a key of another name is not for it; one without a name may be */

        if (jwt->kid.data && key[i].kid.data
            && !ngx_http_sio_jwt_kid(&key[i], jwt))
        {
            continue;
        }

        if (known && key[i].kid.data == NULL) {
            continue;
        }

        rc = ngx_http_sio_jwt_verify(&key[i], jwt);

        if (rc != NGX_DECLINED) {
            return rc;
        }

        *why = "its signature is wrong";
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_sio_jwt_kid(ngx_http_sio_jwt_key_t *key, sio_jwt_t *jwt)
{
    return key->kid.data && key->kid.len == jwt->kid.len
           && ngx_memcmp(key->kid.data, jwt->kid.data, jwt->kid.len) == 0;
}


static ngx_uint_t
ngx_http_sio_jwt_among(ngx_array_t *names, sio_str_t *value)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    name = names->elts;

    for (i = 0; i < names->nelts; i++) {
        if (sio_jwt_is(value, name[i].data, name[i].len)) {
            return 1;
        }
    }

    return 0;
}


/* the client hears less than the log */

static ngx_int_t
ngx_http_sio_jwt_refuse(ngx_sio_call_t *call, const char *message,
    const char *data, const char *why)
{
    ngx_log_error(NGX_LOG_INFO, call->pool->log, 0,
                  "sio jwt: token for namespace \"%V\" refused: %s",
                  &call->nsp, why);

    call->failure.data = (u_char *) message;
    call->failure.len = ngx_strlen(message);
    call->failure_data.data = (u_char *) data;
    call->failure_data.len = ngx_strlen(data);

    return NGX_DECLINED;
}

#else

ngx_int_t
ngx_http_sio_jwt_capture(ngx_http_request_t *r, ngx_sio_rules_t *rules,
    ngx_uint_t n, ngx_str_t *name, ngx_str_t *value)
{
    return NGX_ERROR;
}

#endif
