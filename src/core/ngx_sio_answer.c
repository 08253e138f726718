
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What a hook's answer means.  Nothing: nothing; an array: the client's
 * acknowledgement; an object: instructions, all of them or none.
 */


#include "ngx_sio_worker.h"
#include "ngx_sio_action.h"
#include "ngx_sio_order.h"


#define NGX_SIO_ANSWER_DEPTH  128


typedef struct {
    sio_str_t         ack;          /* an array, or empty */
    sio_str_t         data;         /* an object */
    ngx_str_t         user;         /* empty: nobody */
    ngx_uint_t        has_user;
    ngx_sio_order_t  *orders;
    ngx_uint_t        norders;
} ngx_sio_instructions_t;


static ngx_int_t ngx_sio_answer_broken(ngx_sio_hook_t *hook,
    ngx_sio_hook_e kind, const char *why, const ngx_str_t *what);
static ngx_int_t ngx_sio_answer_refused(ngx_sio_hook_t *hook);
static ngx_int_t ngx_sio_answer_read(ngx_sio_hook_t *hook, sio_str_t *object,
    ngx_sio_instructions_t *in);
static ngx_int_t ngx_sio_answer_run(ngx_sio_hook_t *hook,
    ngx_sio_instructions_t *in);
static ngx_int_t ngx_sio_answer_ack(ngx_sio_hook_t *hook, sio_str_t *array);
static ngx_int_t ngx_sio_answer_user(ngx_sio_hook_t *hook, sio_str_t *value,
    ngx_sio_instructions_t *in);
static ngx_int_t ngx_sio_answer_data(ngx_sio_hook_t *hook, sio_str_t *patch,
    ngx_str_t *json);
static u_char *ngx_sio_answer_merge(u_char *p, const sio_str_t *target,
    const sio_str_t *patch);


/* NGX_OK; NGX_DECLINED: a failed require, or call->failure says less than the
   log */

ngx_int_t
ngx_sio_hook_answer(ngx_sio_hook_t *hook)
{
    ngx_int_t               rc;
    sio_json_info_t         info;
    ngx_sio_instructions_t  in;

    if (hook->status >= 400 && hook->status < 500) {
        return ngx_sio_answer_refused(hook);
    }

    if (hook->status < 200 || hook->status >= 300) {
        return ngx_sio_answer_broken(hook,
                   hook->status == 504 ? NGX_SIO_HOOK_TIMEOUT
                                       : NGX_SIO_HOOK_FAILED,
                   hook->status ? "failed" : "gave no answer", NULL);
    }

    if (hook->answer.len == 0) {
        return NGX_OK;
    }

    if (sio_json_parse(hook->answer.data, hook->answer.len,
                       NGX_SIO_ANSWER_DEPTH, &info, NULL, 0)
        != SIO_OK)
    {
        return ngx_sio_answer_broken(hook, NGX_SIO_HOOK_INVALID,
                                     "did not answer with JSON", NULL);
    }

    ngx_memzero(&in, sizeof(ngx_sio_instructions_t));

    if (info.type == SIO_JSON_ARRAY) {

        if (hook->lane) {
            return ngx_sio_answer_broken(hook, NGX_SIO_HOOK_INVALID,
                                         "answered with an array, but there "
                                         "is no acknowledgement", NULL);
        }

        in.ack = info.value;

    } else if (info.type == SIO_JSON_OBJECT) {

        rc = ngx_sio_answer_read(hook, &info.value, &in);
        if (rc != NGX_OK) {
            return rc;
        }

    } else {
        return ngx_sio_answer_broken(hook, NGX_SIO_HOOK_INVALID,
                                     "answered with neither an array nor an "
                                     "object", NULL);
    }

    return ngx_sio_answer_run(hook, &in);
}


static ngx_int_t
ngx_sio_answer_broken(ngx_sio_hook_t *hook, ngx_sio_hook_e kind,
    const char *why, const ngx_str_t *what)
{
    ngx_str_t  type, none;

    ngx_str_null(&none);
    ngx_sio_hook_type(hook, &type);

    ngx_sio_hook_failed(hook->call.worker, kind,
                        "the backend %s%s%V, status %ui, type \"%V\"",
                        why, what ? ": " : "", what ? what : &none,
                        hook->status, &type);

    ngx_str_set(&hook->call.failure, "internal error");
    ngx_str_null(&hook->call.failure_data);

    return NGX_DECLINED;
}


/* {"message":TEXT,"data":...}, if it is that; as require */

static ngx_int_t
ngx_sio_answer_refused(ngx_sio_hook_t *hook)
{
    sio_str_t         value;
    ngx_str_t        *text;
    sio_json_info_t   info;
    ngx_sio_call_t   *call;

    static const sio_str_t  message = sio_string("/message");
    static const sio_str_t  data = sio_string("/data");

    call = &hook->call;
    text = &call->failure;

    ngx_str_set(text, NGX_SIO_NOT_ALLOWED);
    ngx_str_null(&call->failure_data);

    if (hook->answer.len == 0
        || sio_json_parse(hook->answer.data, hook->answer.len,
                          NGX_SIO_ANSWER_DEPTH, &info, NULL, 0)
           != SIO_OK
        || info.type != SIO_JSON_OBJECT)
    {
        return NGX_DECLINED;
    }

    if (sio_json_get(&info.value, &message, &value) == SIO_OK
        && sio_json_type(&value) == SIO_JSON_STRING)
    {
        text->data = ngx_pnalloc(call->pool, value.len);
        if (text->data == NULL) {
            ngx_str_set(text, NGX_SIO_NOT_ALLOWED);

        } else {
            text->len = sio_json_string_read(text->data, &value);
        }
    }

    if (sio_json_get(&info.value, &data, &value) == SIO_OK) {
        call->failure_data.data = value.data;
        call->failure_data.len = value.len;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_sio_answer_read(ngx_sio_hook_t *hook, sio_str_t *object,
    ngx_sio_instructions_t *in)
{
    ngx_int_t        rc;
    sio_str_t        key, value;
    ngx_str_t        json, error;
    sio_json_iter_t  it;

#define ngx_sio_answer_is(s)                                                  \
    (sio_json_string_eq(&key, (const uint8_t *) s, sizeof(s) - 1) == SIO_OK)

    sio_json_iter_init(&it, object);

    while (sio_json_iter_next(&it, &key, &value) == SIO_OK) {

        if (!hook->lane && ngx_sio_answer_is("ack")
            && sio_json_type(&value) == SIO_JSON_ARRAY)
        {
            in->ack = value;

        } else if (!hook->lane && ngx_sio_answer_is("data")
                   && sio_json_type(&value) == SIO_JSON_OBJECT)
        {
            in->data = value;

        } else if (!hook->lane && ngx_sio_answer_is("user")) {

            rc = ngx_sio_answer_user(hook, &value, in);
            if (rc != NGX_OK) {
                return rc;
            }

        } else if (ngx_sio_answer_is("do")) {

            json.data = value.data;
            json.len = value.len;

            rc = ngx_sio_orders_read(&hook->call, &json, &in->orders,
                                     &in->norders, &error);

            if (rc == NGX_DECLINED) {
                return ngx_sio_answer_broken(hook, NGX_SIO_HOOK_INVALID,
                                             "gave a wrong \"do\"", &error);
            }

            if (rc != NGX_OK) {
                return ngx_sio_answer_broken(hook, NGX_SIO_HOOK_REFUSED,
                                             "was answered, no memory",
                                             NULL);
            }

        } else {
            return ngx_sio_answer_broken(hook, NGX_SIO_HOOK_INVALID,
                                         hook->lane
                                         ? "gave something else than \"do\":"
                                           "[], which is all that a room has"
                                         : "gave something else than "
                                           "\"ack\":[], \"data\":{}, "
                                           "\"user\" and \"do\":[]", NULL);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_sio_answer_run(ngx_sio_hook_t *hook, ngx_sio_instructions_t *in)
{
    ngx_int_t        rc;
    ngx_str_t        data, error, user;
    ngx_uint_t       i, count, here, has_user;
    ngx_sio_call_t  *call;

    call = &hook->call;

    here = call->peer || call->connect;

    /* what cannot be is found before anything is changed; what is allowed is
       allowed to the new user */

    user = call->user;
    has_user = call->has_user;

    if (in->has_user && here) {
        call->user = in->user;
        call->has_user = 1;
    }

    rc = ngx_sio_orders_allowed(call, in->orders, in->norders, &error);

    call->user = user;
    call->has_user = has_user;

    if (rc != NGX_OK) {
        return ngx_sio_answer_broken(hook, NGX_SIO_HOOK_REFUSED,
                                     "gave an order that no sio_join_allow "
                                     "or sio_emit_allow matches",
                                     rc == NGX_DECLINED ? &error : NULL);
    }

    if (in->data.len && here) {

        rc = ngx_sio_answer_data(hook, &in->data, &data);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (in->has_user && here) {

        rc = ngx_sio_call_identify(call, &in->user);

        if (rc == NGX_DECLINED) {
            /* it has too many sessions, and the client may know */
            return rc;
        }

        if (rc != NGX_OK && rc != NGX_DONE) {
            return ngx_sio_answer_broken(hook, NGX_SIO_HOOK_REFUSED,
                                         "gave a user: the zone is full",
                                         NULL);
        }
    }

    if (in->data.len && here) {

        rc = ngx_sio_call_replace(call, &data);

        if (rc != NGX_OK && rc != NGX_DONE) {
            return ngx_sio_answer_broken(hook, NGX_SIO_HOOK_REFUSED,
                                         "gave data: the zone is full", NULL);
        }
    }

    for (i = 0; i < in->norders; i++) {

        rc = ngx_sio_order_run(call, &in->orders[i], &count);

        if (rc != NGX_OK && rc != NGX_DONE) {
            return ngx_sio_answer_broken(hook, NGX_SIO_HOOK_REFUSED,
                                         rc == NGX_DECLINED
                                         ? "gave an order that was refused: "
                                           "a room is full, or there are too "
                                           "many"
                                         : "gave an order: the zone is full",
                                         NULL);
        }
    }

    if (in->ack.len && call->peer && call->ack.len) {
        return ngx_sio_answer_ack(hook, &in->ack);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_sio_answer_ack(ngx_sio_hook_t *hook, sio_str_t *array)
{
    ngx_int_t         rc;
    ngx_str_t         json;
    const char       *why;
    ngx_sio_result_t  result;

    rc = ngx_sio_order_values(&hook->call, array, &json, &result, &why);

    if (rc == NGX_DECLINED) {
        return ngx_sio_answer_broken(hook, NGX_SIO_HOOK_INVALID, why, NULL);
    }

    if (rc != NGX_OK) {
        return ngx_sio_answer_broken(hook, NGX_SIO_HOOK_REFUSED,
                                     "was answered, no memory", NULL);
    }

    (void) ngx_sio_call_ack(&hook->call, &json, result.attachments,
                            result.nattachments);
    return NGX_OK;
}


/* as sio_user takes them: strings, whole numbers; null is nobody */

static ngx_int_t
ngx_sio_answer_user(ngx_sio_hook_t *hook, sio_str_t *value,
    ngx_sio_instructions_t *in)
{
    off_t             n;
    ngx_str_t        *user;
    const char       *why;
    sio_json_type_e   type;

    why = NULL;
    user = &in->user;
    type = sio_json_type(value);

    user->data = ngx_pnalloc(hook->pool,
                             ngx_max(value->len, SIO_JSON_NUMBER_MAX));
    if (user->data == NULL) {
        return ngx_sio_answer_broken(hook, NGX_SIO_HOOK_REFUSED,
                                     "was answered, no memory", NULL);
    }

    user->len = 0;
    in->has_user = 1;

    if (type == SIO_JSON_STRING) {
        user->len = sio_json_string_read(user->data, value);

    } else if (type == SIO_JSON_NUMBER) {
        user->len = sio_json_number_write(user->data, value);

        n = ngx_atoof(user->data + (user->data[0] == '-'),
                      user->len - (user->data[0] == '-'));

        if (n < 0 || n > (off_t) NGX_SIO_MAX_INTEGER) {
            why = "gave a \"user\" that is no whole number, or too large to "
                  "be told from others";
        }

    } else if (type != SIO_JSON_NULL) {
        why = "gave a \"user\" that is neither a string nor a number";
    }

    if (why == NULL && ngx_sio_user_check(&hook->call, user) != NGX_OK) {
        why = "gave a \"user\" that is too long or not UTF-8";
    }

    return why ? ngx_sio_answer_broken(hook, NGX_SIO_HOOK_INVALID, why, NULL)
               : NGX_OK;
}


/* RFC 7396; *json is then the data as it will be.  NGX_OK, NGX_DECLINED */

static ngx_int_t
ngx_sio_answer_data(ngx_sio_hook_t *hook, sio_str_t *patch, ngx_str_t *json)
{
    u_char          *p;
    sio_str_t        target;
    ngx_str_t        old;
    ngx_sio_call_t  *call;

    call = &hook->call;

    (void) ngx_sio_call_data(call, &old);

    p = ngx_pnalloc(call->pool, old.len + patch->len + 2);
    if (p == NULL) {
        return ngx_sio_answer_broken(hook, NGX_SIO_HOOK_REFUSED,
                                     "was answered, no memory", NULL);
    }

    target.data = old.data;
    target.len = old.len;

    json->data = p;
    json->len = ngx_sio_answer_merge(p, &target, patch) - p;

    /* binary values are found by how they are spelled without spaces */

    target.data = json->data;
    target.len = json->len;
    json->len = sio_json_compact(json->data, &target);

    if (json->len > call->server->limits.max_data) {
        ngx_sio_refused(&call->worker->zone, NGX_SIO_REFUSED_DATA);

        return ngx_sio_answer_broken(hook, NGX_SIO_HOOK_REFUSED,
                                     "gave data that has no room", NULL);
    }

    return NGX_OK;
}


/* target: an object, or empty.  No deeper than a patch may be; what is written
   is never longer than both together */

static u_char *
ngx_sio_answer_merge(u_char *p, const sio_str_t *target,
    const sio_str_t *patch)
{
    u_char           *start;
    sio_str_t         key, value, name, old, none;
    ngx_uint_t        found;
    sio_json_iter_t   it, in;

    ngx_memzero(&none, sizeof(sio_str_t));

    *p++ = '{';
    start = p;

    if (target->len) {

        sio_json_iter_init(&it, target);

        while (sio_json_iter_next(&it, &key, &old) == SIO_OK) {

            found = 0;
            sio_json_iter_init(&in, patch);

            while (sio_json_iter_next(&in, &name, &value) == SIO_OK) {
                if (name.len == key.len
                    && ngx_memcmp(name.data, key.data, key.len) == 0)
                {
                    found = 1;
                    break;
                }
            }

            if (found && sio_json_type(&value) == SIO_JSON_NULL) {
                continue;
            }

            if (p != start) {
                *p++ = ',';
            }

            p = ngx_cpymem(p, key.data, key.len);
            *p++ = ':';

            if (!found) {
                p = ngx_cpymem(p, old.data, old.len);

            } else if (sio_json_type(&value) == SIO_JSON_OBJECT) {
                p = ngx_sio_answer_merge(p, sio_json_type(&old)
                                            == SIO_JSON_OBJECT ? &old : &none,
                                         &value);

            } else {
                p = ngx_cpymem(p, value.data, value.len);
            }
        }
    }

    sio_json_iter_init(&in, patch);

    while (sio_json_iter_next(&in, &name, &value) == SIO_OK) {

        found = 0;

        if (target->len) {
            sio_json_iter_init(&it, target);

            while (sio_json_iter_next(&it, &key, &old) == SIO_OK) {
                if (name.len == key.len
                    && ngx_memcmp(name.data, key.data, key.len) == 0)
                {
                    found = 1;
                    break;
                }
            }
        }

        if (found || sio_json_type(&value) == SIO_JSON_NULL) {
            continue;
        }

        if (p != start) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, name.data, name.len);
        *p++ = ':';

        if (sio_json_type(&value) == SIO_JSON_OBJECT) {
            p = ngx_sio_answer_merge(p, &none, &value);

        } else {
            p = ngx_cpymem(p, value.data, value.len);
        }
    }

    *p++ = '}';

    return p;
}
