
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The actions: their parameters are evaluated here and given to the services
 * (ngx_sio_service.c), which know sessions and the zone.
 */


#include "ngx_sio_action.h"
#include "ngx_sio_hook.h"


#define NGX_SIO_NO_PATTERN  "no sio_join_allow or sio_emit_allow matches"


static ngx_int_t ngx_sio_action_require(ngx_sio_run_t *run,
    ngx_sio_action_t *action);
static ngx_int_t ngx_sio_action_reject(ngx_sio_run_t *run,
    ngx_sio_action_t *action);
static ngx_int_t ngx_sio_action_join(ngx_sio_run_t *run,
    ngx_sio_action_t *action);
static ngx_int_t ngx_sio_action_leave(ngx_sio_run_t *run,
    ngx_sio_action_t *action);
static ngx_int_t ngx_sio_action_emit(ngx_sio_run_t *run,
    ngx_sio_action_t *action);
static ngx_int_t ngx_sio_action_ack(ngx_sio_run_t *run,
    ngx_sio_action_t *action);
static ngx_int_t ngx_sio_action_set(ngx_sio_run_t *run,
    ngx_sio_action_t *action);
static ngx_int_t ngx_sio_action_disconnect(ngx_sio_run_t *run,
    ngx_sio_action_t *action);
static ngx_int_t ngx_sio_action_hook(ngx_sio_run_t *run,
    ngx_sio_action_t *action);
static ngx_int_t ngx_sio_hook_question(ngx_sio_run_t *run,
    ngx_sio_hook_t *hook);
static ngx_int_t ngx_sio_hook_value(ngx_sio_run_t *run, ngx_sio_var_e type,
    ngx_str_t *json);
static ngx_int_t ngx_sio_cond_eval(ngx_sio_run_t *run, ngx_sio_cond_t *cond);
static ngx_int_t ngx_sio_aim_eval(ngx_sio_run_t *run, ngx_sio_aim_t *aim,
    ngx_sio_where_t *where);
static ngx_int_t ngx_sio_aim_nsp(ngx_sio_run_t *run, ngx_sio_text_t *text,
    ngx_str_t *nsp);


ngx_int_t
ngx_sio_action_run(ngx_sio_run_t *run, ngx_sio_action_t *action)
{
    ngx_int_t  rc;

    switch (action->type) {

    case NGX_SIO_DO_REQUIRE:
        return ngx_sio_action_require(run, action);

    case NGX_SIO_DO_REJECT:
        return ngx_sio_action_reject(run, action);

    case NGX_SIO_DO_HOOK:
        return ngx_sio_action_hook(run, action);

    case NGX_SIO_DO_JOIN:
        rc = ngx_sio_action_join(run, action);
        break;

    case NGX_SIO_DO_LEAVE:
        rc = ngx_sio_action_leave(run, action);
        break;

    case NGX_SIO_DO_EMIT:
        rc = ngx_sio_action_emit(run, action);
        break;

    case NGX_SIO_DO_ACK:
        rc = ngx_sio_action_ack(run, action);
        break;

    case NGX_SIO_DO_SET:
        rc = ngx_sio_action_set(run, action);
        break;

    default: /* NGX_SIO_DO_DISCONNECT */
        rc = ngx_sio_action_disconnect(run, action);
    }

    if (rc == NGX_DECLINED && run->why == NULL) {
        run->why = "refused";
    }

    return rc;
}


static ngx_int_t
ngx_sio_action_require(ngx_sio_run_t *run, ngx_sio_action_t *action)
{
    ngx_int_t  rc;

    rc = ngx_sio_cond_eval(run, action->cond);

    if (rc == NGX_DECLINED && run->why == NULL) {
        return ngx_sio_action_reject(run, action);
    }

    return rc;
}


static ngx_int_t
ngx_sio_action_reject(ngx_sio_run_t *run, ngx_sio_action_t *action)
{
    ngx_int_t          rc;
    ngx_str_t          text;
    ngx_sio_call_t    *call;
    ngx_sio_result_t   result;

    call = run->call;

    ngx_str_set(&text, NGX_SIO_NOT_ALLOWED);

    if (action->error) {
        rc = ngx_sio_utf8_eval(run, action->error, &text);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (action->data) {
        ngx_memzero(&result, sizeof(ngx_sio_result_t));
        result.plain = 1;

        rc = ngx_sio_json_eval(run, action->data, NULL, &result);
        if (rc != NGX_OK) {
            return rc;
        }

        call->failure_data = result.json;
    }

    call->failure = text;

    return NGX_DECLINED;
}


/* NGX_AGAIN: its answer is waited for; NGX_OK: it is not */

static ngx_int_t
ngx_sio_action_hook(ngx_sio_run_t *run, ngx_sio_action_t *action)
{
    ngx_sio_call_t  *call;
    ngx_sio_hook_t  *hook;

    call = run->call;
    hook = call->hook;

    if (action->async || hook == NULL) {

        hook = ngx_sio_hook_keep(call);
        if (hook == NULL) {
            goto failed;
        }

        hook->async = 1;
        hook->borrow = 1;
        ngx_str_null(&hook->call.ack);
    }

    hook->target = action->hook;

    if (ngx_sio_hook_question(run, hook) != NGX_OK
        || call->server->rules->hook(hook) != NGX_OK)
    {
        if (hook != call->hook) {
            ngx_sio_hook_free(hook);
        }

        goto failed;
    }

    ngx_sio_hook_count(ngx_sio_worker_zone(call->worker), NGX_SIO_HOOK_ASKED,
                       1);

    if (hook != call->hook) {
        hook->call.connect = NULL;
        hook->call.client = NULL;
        hook->call.peer = NULL;
        return NGX_OK;
    }

    return NGX_AGAIN;

failed:

    run->why = "the backend could not be asked";
    ngx_str_set(&call->failure, "internal error");

    return NGX_DECLINED;
}


/* what the backend is told; from the hook's pool */

static ngx_int_t
ngx_sio_hook_question(ngx_sio_run_t *run, ngx_sio_hook_t *hook)
{
    ngx_sio_run_t      own;
    ngx_sio_var_t      var;
    ngx_sio_value_t    value;
    ngx_sio_result_t   result;

    if (hook->run == NULL) {
        hook->run = ngx_palloc(hook->pool, sizeof(ngx_sio_run_t));
        if (hook->run == NULL) {
            return NGX_ERROR;
        }
    }

    /* with the hook's own call the values are from its pool */

    own = *run;
    own.call = &hook->call;

    ngx_memzero(&var, sizeof(ngx_sio_var_t));
    ngx_memzero(&value, sizeof(ngx_sio_value_t));
    ngx_memzero(&result, sizeof(ngx_sio_result_t));

    var.type = NGX_SIO_VAR_ARGS;
    result.plain = 1;

    if (ngx_sio_var_get(&own, &var, &value) != NGX_OK
        || ngx_sio_value_plain(&own, &value, &result) != NGX_OK)
    {
        return NGX_ERROR;
    }

    hook->body = result.json;
    ngx_str_null(&hook->handshake);

    if (hook->call.type == NGX_SIO_CALL_CONNECT
        && ngx_sio_hook_value(&own, NGX_SIO_VAR_HANDSHAKE, &hook->handshake)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_sio_hook_value(&own, NGX_SIO_VAR_ROOMS, &hook->rooms) != NGX_OK
        || ngx_sio_call_user(&hook->call, &hook->user) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    (void) ngx_sio_call_data(&hook->call, &hook->data);
    ngx_sio_call_transport(&hook->call, &hook->transport);

    if (ngx_sio_allow_keep(&hook->call) != NGX_OK) {
        return NGX_ERROR;
    }

    /* variables of the location may ask for them when others have gone */

    if (ngx_sio_hook_copy(hook->pool, &hook->handshake) != NGX_OK
        || (hook->async
            && (ngx_sio_hook_copy(hook->pool, &hook->user) != NGX_OK
                || ngx_sio_hook_copy(hook->pool, &hook->data) != NGX_OK)))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_sio_hook_value(ngx_sio_run_t *run, ngx_sio_var_e type, ngx_str_t *json)
{
    ngx_sio_var_t    var;
    ngx_sio_value_t  value;

    ngx_memzero(&var, sizeof(ngx_sio_var_t));
    ngx_memzero(&value, sizeof(ngx_sio_value_t));

    var.type = type;
    ngx_str_null(json);

    if (ngx_sio_var_get(run, &var, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.kind != NGX_SIO_VALUE_MISSING) {
        *json = value.s;
    }

    return NGX_OK;
}


/* NGX_OK: true; NGX_DECLINED: false, or with run->why a failure */

static ngx_int_t
ngx_sio_cond_eval(ngx_sio_run_t *run, ngx_sio_cond_t *cond)
{
    ngx_int_t        rc;
    ngx_str_t        left, right;
    ngx_uint_t       is;
    ngx_sio_value_t  value;

    if (cond->type == NGX_SIO_COND_MEMBER) {

        rc = ngx_sio_room_eval(run, &cond->text, &left);
        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_sio_call_member(run->call, &left);

        if (rc != NGX_OK && rc != NGX_DECLINED && rc != NGX_DONE) {
            return rc;
        }

        is = (rc == NGX_OK);

        goto done;
    }

    rc = ngx_sio_var_get(run, cond->var, &value);
    if (rc != NGX_OK) {
        return rc;
    }

    if (cond->type == NGX_SIO_COND_TRUE) {
        is = ngx_sio_value_truthy(&value);
        goto done;
    }

    rc = ngx_sio_value_text(run, &value, &left);
    if (rc != NGX_OK) {
        return rc;
    }

    if (cond->type == NGX_SIO_COND_EQUAL) {

        rc = ngx_sio_text_eval(run, &cond->text, &right);
        if (rc != NGX_OK) {
            return rc;
        }

        is = (left.len == right.len
              && (left.len == 0
                  || ngx_memcmp(left.data, right.data, left.len) == 0));

        goto done;
    }

    /* NGX_SIO_COND_MATCH */

    rc = ngx_sio_regex_match(run, cond->regex, &left, NULL);

    if (rc == NGX_ERROR) {

        /* not valid UTF-8, or past the limits of the library */

        return NGX_DECLINED;
    }

    is = (rc == NGX_OK);

done:

    return (is != cond->negative) ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_sio_action_join(ngx_sio_run_t *run, ngx_sio_action_t *action)
{
    ngx_int_t         rc;
    ngx_str_t        *rooms;
    ngx_uint_t        i, n, *max;
    ngx_sio_where_t   where;

    rc = ngx_sio_rooms_eval(run, action->rooms, action->nrooms, &rooms, &n);

    if (rc != NGX_OK || n == 0) {
        return rc;
    }

    max = NULL;

    if (action->max) {
        max = ngx_palloc(run->call->pool, n * sizeof(ngx_uint_t));
        if (max == NULL) {
            return NGX_ERROR;
        }

        for (i = 0; i < n; i++) {
            max[i] = action->max;
        }
    }

    ngx_memzero(&where, sizeof(ngx_sio_where_t));
    where.self = 1;

    if (!action->aim.self) {

        rc = ngx_sio_aim_eval(run, &action->aim, &where);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ngx_sio_access_reserved(run->call, &where.nsp, rooms, n)) {
        run->why = "a room is a user's, by sio_user_room";
        return NGX_DECLINED;
    }

    rc = ngx_sio_allow_join(run->call, rooms, n, &where, NULL);

    if (rc != NGX_OK) {
        run->why = NGX_SIO_NO_PATTERN;
        return rc;
    }

    rc = ngx_sio_call_join(run->call, rooms, max, n, &where);

    if (rc == NGX_DECLINED) {
        run->why = "a room is full, or there are too many";
    }

    return rc;
}


static ngx_int_t
ngx_sio_action_leave(ngx_sio_run_t *run, ngx_sio_action_t *action)
{
    ngx_int_t         rc;
    ngx_str_t        *rooms;
    ngx_uint_t        n;
    ngx_sio_where_t   where;

    rc = ngx_sio_rooms_eval(run, action->rooms, action->nrooms, &rooms, &n);

    if (rc != NGX_OK || n == 0) {
        return rc;
    }

    if (action->aim.self) {
        return ngx_sio_call_leave(run->call, rooms, n, NULL);
    }

    rc = ngx_sio_aim_eval(run, &action->aim, &where);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_sio_allow_join(run->call, rooms, n, &where, NULL);

    if (rc != NGX_OK) {
        run->why = NGX_SIO_NO_PATTERN;
        return rc;
    }

    return ngx_sio_call_leave(run->call, rooms, n, &where);
}


static ngx_int_t
ngx_sio_action_emit(ngx_sio_run_t *run, ngx_sio_action_t *action)
{
    ngx_int_t             rc;
    ngx_str_t             event;
    ngx_sio_result_t      result;
    ngx_sio_event_out_t   out;

    ngx_memzero(&out, sizeof(ngx_sio_event_out_t));

    rc = ngx_sio_aim_eval(run, &action->aim, &out.where);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_sio_allow_emit(run->call, &out.where, NULL);

    if (rc != NGX_OK) {
        run->why = NGX_SIO_NO_PATTERN;
        return rc;
    }

    ngx_str_null(&event);

    if (action->event) {
        rc = ngx_sio_event_eval(run, action->event, &event);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_memzero(&result, sizeof(ngx_sio_result_t));

    rc = ngx_sio_json_eval(run, &action->json, &event, &result);
    if (rc != NGX_OK) {
        return rc;
    }

    out.json = result.json;
    out.attachments = result.attachments;
    out.nattachments = result.nattachments;
    out.flags = action->flags;
    out.ack_name = action->ack_name;
    out.ack_timeout = action->ack_timeout;

    return ngx_sio_call_emit(run->call, &out);
}


static ngx_int_t
ngx_sio_action_ack(ngx_sio_run_t *run, ngx_sio_action_t *action)
{
    ngx_int_t         rc;
    ngx_sio_result_t  result;

    if (run->call->ack.len == 0) {
        return NGX_OK;
    }

    ngx_memzero(&result, sizeof(ngx_sio_result_t));

    rc = ngx_sio_json_eval(run, &action->json, NULL, &result);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_sio_call_ack(run->call, &result.json, result.attachments,
                            result.nattachments);
}


static ngx_int_t
ngx_sio_action_set(ngx_sio_run_t *run, ngx_sio_action_t *action)
{
    ngx_int_t         rc;
    ngx_sio_result_t  result;

    ngx_memzero(&result, sizeof(ngx_sio_result_t));
    result.plain = 1;
    result.strict = 1;

    rc = ngx_sio_json_eval(run, &action->json, NULL, &result);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_sio_call_set(run->call, &action->key, &result.json);

    if (rc == NGX_DECLINED) {
        run->why = "the socket's data would be too long";
    }

    return rc;
}


static ngx_int_t
ngx_sio_action_disconnect(ngx_sio_run_t *run, ngx_sio_action_t *action)
{
    ngx_int_t        rc;
    ngx_sio_where_t  where;

    if (action->aim.self) {
        return ngx_sio_call_disconnect(run->call, action->close, NULL);
    }

    rc = ngx_sio_aim_eval(run, &action->aim, &where);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_sio_allow_emit(run->call, &where, NULL);

    if (rc != NGX_OK) {
        run->why = NGX_SIO_NO_PATTERN;
        return rc;
    }

    return ngx_sio_call_disconnect(run->call, action->close, &where);
}


/* NGX_OK; NGX_DONE: rooms were named, but they came to none: nobody */

static ngx_int_t
ngx_sio_aim_eval(ngx_sio_run_t *run, ngx_sio_aim_t *aim,
    ngx_sio_where_t *where)
{
    ngx_int_t  rc;

    ngx_memzero(where, sizeof(ngx_sio_where_t));

    where->self = aim->self;
    where->all = aim->all;
    where->except_self = aim->except_self;

    if (aim->nsp) {
        rc = ngx_sio_aim_nsp(run, aim->nsp, &where->nsp);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (aim->nto) {
        rc = ngx_sio_rooms_eval(run, aim->to, aim->nto, &where->to,
                                &where->nto);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (aim->nexcept) {
        rc = ngx_sio_rooms_eval(run, aim->except, aim->nexcept,
                                &where->except, &where->nexcept);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (!where->self && !where->all && where->nto == 0) {
        return NGX_DONE;
    }

    if (where->all) {
        where->nto = 0;
    }

    return NGX_OK;
}


/* a name without "/" in front has one, as in io.of() */

static ngx_int_t
ngx_sio_aim_nsp(ngx_sio_run_t *run, ngx_sio_text_t *text, ngx_str_t *nsp)
{
    u_char     *p;
    ngx_int_t   rc;

    rc = ngx_sio_utf8_eval(run, text, nsp);
    if (rc != NGX_OK) {
        return rc;
    }

    if (nsp->len == 0
        || nsp->len > run->call->server->packet_limits.max_nsp)
    {
        run->why = "the namespace's name is empty or too long";
        return NGX_DECLINED;
    }

    if (ngx_strlchr(nsp->data, nsp->data + nsp->len, ',')) {
        run->why = "a namespace's name has no comma";
        return NGX_DECLINED;
    }

    if (nsp->data[0] == '/') {
        return NGX_OK;
    }

    p = ngx_pnalloc(run->call->pool, nsp->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p = '/';
    ngx_memcpy(p + 1, nsp->data, nsp->len);

    nsp->data = p;
    nsp->len++;

    return NGX_OK;
}
