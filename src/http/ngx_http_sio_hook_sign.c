
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Signatures of hooks after the Standard Webhooks scheme:
 * "v1," base64(HMAC-SHA256(key, id "." timestamp "." body)), one for each key.
 * https://github.com/standard-webhooks/standard-webhooks, spec, 1.0.0
 */


#include "ngx_http_sio_hook.h"

#if (NGX_OPENSSL)

#include <openssl/evp.h>
#include <openssl/hmac.h>

#endif


#define NGX_HTTP_SIO_SECRET_PREFIX  "whsec_"


#if (NGX_OPENSSL)

static ngx_int_t ngx_http_sio_hook_signature(ngx_pool_t *pool,
    ngx_array_t *keys, ngx_str_t *text, ngx_str_t *signature);

#endif


char *
ngx_http_sio_hook_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_loc_conf_t *slcf = conf;

    size_t       len;
    ngx_str_t   *value, *key, text;
    ngx_uint_t   i;

    if (slcf->hook_secrets != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        slcf->hook_secrets = NULL;
        return NGX_CONF_OK;
    }

#if !(NGX_OPENSSL)

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"sio_hook_secret\" needs nginx with OpenSSL");
    return NGX_CONF_ERROR;

#endif

    slcf->hook_secrets = ngx_array_create(cf->pool, 2, sizeof(ngx_str_t));
    if (slcf->hook_secrets == NULL) {
        return NGX_CONF_ERROR;
    }

    len = sizeof(NGX_HTTP_SIO_SECRET_PREFIX) - 1;

    for (i = 1; i < cf->args->nelts; i++) {

        key = ngx_array_push(slcf->hook_secrets);
        if (key == NULL) {
            return NGX_CONF_ERROR;
        }

        *key = value[i];

        if (value[i].len >= len
            && ngx_strncmp(value[i].data, NGX_HTTP_SIO_SECRET_PREFIX, len)
               == 0)
        {
            text.data = value[i].data + len;
            text.len = value[i].len - len;

            key->len = 0;
            key->data = ngx_pnalloc(cf->pool,
                                    ngx_base64_decoded_length(text.len) + 1);
            if (key->data == NULL) {
                return NGX_CONF_ERROR;
            }

            if (ngx_decode_base64(key, &text) != NGX_OK) {
                key->len = 0;
            }
        }

        /* it is a secret: its place says enough */

        if (key->len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid key %ui in \"sio_hook_secret\": it is "
                               "empty, or no base64 behind \"whsec_\"", i);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_sio_hook_sign(ngx_http_request_t *r, ngx_sio_hook_t *hook,
    ngx_array_t *keys)
{
#if (NGX_OPENSSL)

    u_char       *p;
    size_t        len;
    ngx_str_t     id, time, text, signature;
    ngx_list_t   *headers;

    len = sizeof("msg_") - 1 + NGX_SIO_ID_LEN + 1 + NGX_TIME_T_LEN + 1
          + hook->body.len;

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text.data = p;

    /* 120 random bits: no two are the same, and none can be foretold */

    id.data = p;
    p = ngx_cpymem(p, "msg_", sizeof("msg_") - 1);
    ngx_sio_random_id(hook->call.worker, p);
    p += NGX_SIO_ID_LEN;
    id.len = p - id.data;

    *p++ = '.';

    time.data = p;
    p = ngx_sprintf(p, "%T", ngx_time());
    time.len = p - time.data;

    *p++ = '.';

    p = ngx_cpymem(p, hook->body.data, hook->body.len);
    text.len = p - text.data;

    headers = &r->headers_in.headers;

    if (ngx_http_sio_hook_signature(r->pool, keys, &text, &signature)
        != NGX_OK
        || ngx_http_sio_hook_push(headers, "webhook-id", &id, r->pool) == NULL
        || ngx_http_sio_hook_push(headers, "webhook-timestamp", &time, r->pool)
           == NULL
        || ngx_http_sio_hook_push(headers, "webhook-signature", &signature,
                                  r->pool)
           == NULL)
    {
        return NGX_ERROR;
    }

#endif

    return NGX_OK;
}


#if (NGX_OPENSSL)

static ngx_int_t
ngx_http_sio_hook_signature(ngx_pool_t *pool, ngx_array_t *keys,
    ngx_str_t *text, ngx_str_t *signature)
{
    u_char       *p;
    u_char        hmac[EVP_MAX_MD_SIZE];
    unsigned      len;
    ngx_str_t    *key, mac, base64;
    ngx_uint_t    i;

    p = ngx_pnalloc(pool, keys->nelts
                          * (sizeof(" v1,") - 1
                             + ngx_base64_encoded_length(EVP_MAX_MD_SIZE)));
    if (p == NULL) {
        return NGX_ERROR;
    }

    signature->data = p;

    key = keys->elts;

    for (i = 0; i < keys->nelts; i++) {

        if (HMAC(EVP_sha256(), key[i].data, (int) key[i].len, text->data,
                 text->len, hmac, &len)
            == NULL)
        {
            ngx_ssl_error(NGX_LOG_ERR, pool->log, 0,
                          "sio hook: HMAC() failed");
            return NGX_ERROR;
        }

        if (i) {
            *p++ = ' ';
        }

        p = ngx_cpymem(p, "v1,", sizeof("v1,") - 1);

        mac.data = hmac;
        mac.len = len;
        base64.data = p;

        ngx_encode_base64(&base64, &mac);

        p += base64.len;
    }

    signature->len = p - signature->data;

    return NGX_OK;
}

#endif
