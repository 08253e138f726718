
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "ngx_sio_rules.h"
#include "ngx_sio_worker.h"


static ngx_int_t ngx_sio_var_args(ngx_sio_run_t *run, ngx_uint_t n,
    ngx_sio_value_t *value);
static ngx_int_t ngx_sio_var_number(ngx_sio_run_t *run, uint64_t n,
    ngx_sio_value_t *value);
static ngx_int_t ngx_sio_var_rooms(ngx_sio_run_t *run, ngx_sio_value_t *value);
static ngx_int_t ngx_sio_var_data(ngx_sio_run_t *run, const ngx_str_t *pointer,
    ngx_sio_value_t *value);
static void ngx_sio_var_auth(ngx_sio_run_t *run, ngx_sio_value_t *value);
static ngx_int_t ngx_sio_var_handshake(ngx_sio_run_t *run,
    ngx_sio_value_t *value);
static void ngx_sio_var_json(ngx_sio_run_t *run, const char *name,
    ngx_sio_value_t *value);
static void ngx_sio_var_info(ngx_sio_run_t *run, const ngx_str_t *name,
    ngx_sio_value_t *value);
static ngx_int_t ngx_sio_var_capture(ngx_sio_run_t *run,
    const ngx_sio_var_t *var, ngx_sio_value_t *value);
static ngx_int_t ngx_sio_set_get(ngx_sio_run_t *run, const ngx_sio_set_t *set,
    ngx_sio_value_t *value);
static ngx_int_t ngx_sio_set_room(ngx_sio_run_t *run, const ngx_sio_set_t *set,
    ngx_sio_value_t *value);
static ngx_uint_t ngx_sio_type_is(ngx_sio_run_t *run, ngx_sio_type_e type,
    const ngx_sio_value_t *value);


ngx_int_t
ngx_sio_var_get(ngx_sio_run_t *run, const ngx_sio_var_t *var,
    ngx_sio_value_t *value)
{
    ngx_time_t      *tp;
    ngx_sio_call_t  *call;

    call = run->call;

    ngx_memzero(value, sizeof(ngx_sio_value_t));

    switch (var->type) {

    case NGX_SIO_VAR_ARG:

        if (var->n < call->nargs) {
            value->kind = NGX_SIO_VALUE_JSON;
            value->s = call->args[var->n];
            value->packet = 1;
        }

        return NGX_OK;

    case NGX_SIO_VAR_ARGS:
        return ngx_sio_var_args(run, var->n, value);

    case NGX_SIO_VAR_ID:
        value->s = call->id;
        break;

    case NGX_SIO_VAR_NSP:
        value->s = call->nsp;
        break;

    case NGX_SIO_VAR_EVENT:
        value->s = call->event;
        break;

    case NGX_SIO_VAR_REASON:
        value->s = call->reason;
        break;

    case NGX_SIO_VAR_ERROR:
        value->s = call->error;
        break;

    case NGX_SIO_VAR_TRANSPORT:
        ngx_sio_call_transport(call, &value->s);
        break;

    case NGX_SIO_VAR_ACK:

        if (call->ack_asked) {
            ngx_str_set(&value->s, "1");
        }

        break;

    case NGX_SIO_VAR_ROOMS:
        return ngx_sio_var_rooms(run, value);

    case NGX_SIO_VAR_AUTH:

        ngx_sio_var_auth(run, value);

        if (value->kind == NGX_SIO_VALUE_MISSING) {

            /* a client that sends none has an empty one, as in Node */
            value->kind = NGX_SIO_VALUE_JSON;
            ngx_str_set(&value->s, "{}");
        }

        return NGX_OK;

    case NGX_SIO_VAR_HANDSHAKE:
        return ngx_sio_var_handshake(run, value);

    case NGX_SIO_VAR_DATA:
        return ngx_sio_var_data(run, &var->name, value);

    case NGX_SIO_VAR_JWT:
        return ngx_sio_var_jwt(run, &var->name, value);

    case NGX_SIO_VAR_RECOVERED:
        value->kind = NGX_SIO_VALUE_JSON;
        ngx_str_set(&value->s, "false");
        return NGX_OK;

    case NGX_SIO_VAR_USER:

        if (ngx_sio_call_user(call, &value->s) == NGX_ERROR) {
            return NGX_ERROR;
        }

        break;

    case NGX_SIO_VAR_TIME:
        tp = ngx_timeofday();
        return ngx_sio_var_number(run, (uint64_t) tp->sec * 1000 + tp->msec,
                                  value);

    case NGX_SIO_VAR_MSEC:
        tp = ngx_timeofday();

        value->s.data = ngx_pnalloc(call->pool, NGX_TIME_T_LEN + 4);
        if (value->s.data == NULL) {
            return NGX_ERROR;
        }

        value->s.len = ngx_sprintf(value->s.data, "%T.%03M", tp->sec, tp->msec)
                       - value->s.data;
        value->foreign = 1;
        break;

    case NGX_SIO_VAR_TIME_LOCAL:
        value->s.len = ngx_cached_http_log_time.len;
        value->s.data = ngx_cached_http_log_time.data;
        value->foreign = 1;
        break;

    case NGX_SIO_VAR_TIME_ISO8601:
        value->s.len = ngx_cached_http_log_iso8601.len;
        value->s.data = ngx_cached_http_log_iso8601.data;
        value->foreign = 1;
        break;

    case NGX_SIO_VAR_CAPTURE:
    case NGX_SIO_VAR_NSP_CAPTURE:
        return ngx_sio_var_capture(run, var, value);

    case NGX_SIO_VAR_FRESH:
        return call->server->rules->fresh(run, var->n, value);

    case NGX_SIO_VAR_SET:
        return ngx_sio_set_get(run, var->set, value);

    case NGX_SIO_VAR_INFO:
    case NGX_SIO_VAR_NAME:
        ngx_sio_var_info(run, &var->name, value);
        return NGX_OK;
    }

    if (value->s.len) {
        value->kind = NGX_SIO_VALUE_TEXT;
        value->utf8 = 1;
    }

    return NGX_OK;
}


/* all arguments from index n on: the bytes as they came */

static ngx_int_t
ngx_sio_var_args(ngx_sio_run_t *run, ngx_uint_t n, ngx_sio_value_t *value)
{
    u_char          *p, *last;
    size_t           len;
    ngx_uint_t       i;
    ngx_sio_call_t  *call;

    call = run->call;

    value->kind = NGX_SIO_VALUE_LIST;
    value->packet = 1;
    value->whole = (n == 0);

    if (n >= call->nargs) {
        return NGX_OK;
    }

    if (n == 0 && call->args_json.len) {
        value->s = call->args_json;
        return NGX_OK;
    }

    p = call->args[n].data;
    last = call->args_json.data + call->args_json.len;

    if (call->args_json.len && p >= call->args_json.data && p < last) {
        value->s.data = p;
        value->s.len = last - p;
        return NGX_OK;
    }

    len = 0;

    for (i = n; i < call->nargs; i++) {
        len += call->args[i].len + 1;
    }

    p = ngx_pnalloc(call->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value->s.data = p;

    for (i = n; i < call->nargs; i++) {
        if (i > n) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, call->args[i].data, call->args[i].len);
    }

    value->s.len = p - value->s.data;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_var_number(ngx_sio_run_t *run, uint64_t n, ngx_sio_value_t *value)
{
    value->s.data = ngx_pnalloc(run->call->pool, NGX_INT64_LEN);
    if (value->s.data == NULL) {
        return NGX_ERROR;
    }

    value->s.len = ngx_sprintf(value->s.data, "%uL", n) - value->s.data;
    value->kind = NGX_SIO_VALUE_JSON;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_var_rooms(ngx_sio_run_t *run, ngx_sio_value_t *value)
{
    u_char      *p;
    size_t       len;
    ngx_int_t    rc;
    ngx_str_t   *rooms;
    ngx_uint_t   i, n;

    rooms = NULL;
    n = 0;

    rc = ngx_sio_call_rooms(run->call, &rooms, &n);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc != NGX_OK) {
        n = 0;
    }

    /* names are valid UTF-8: ngx_sio_room_eval() repairs them */

    len = 2;

    for (i = 0; i < n; i++) {
        len += sio_json_string_len(rooms[i].data, rooms[i].len) + 1;
    }

    p = ngx_pnalloc(run->call->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value->kind = NGX_SIO_VALUE_JSON;
    value->rooms = 1;
    value->s.data = p;

    *p++ = '[';

    for (i = 0; i < n; i++) {
        if (i) {
            *p++ = ',';
        }

        p += sio_json_string_write(p, rooms[i].data, rooms[i].len);
    }

    *p++ = ']';

    value->s.len = p - value->s.data;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_var_data(ngx_sio_run_t *run, const ngx_str_t *pointer,
    ngx_sio_value_t *value)
{
    ngx_int_t  rc;
    ngx_str_t  json;
    sio_str_t  slice, ptr, out;

    ngx_str_null(&json);

    rc = ngx_sio_call_data(run->call, &json);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc != NGX_OK || json.len == 0) {
        return NGX_OK;
    }

    slice = ngx_sio_slice(&json);
    ptr = ngx_sio_slice(pointer);

    if (sio_json_get(&slice, &ptr, &out) != SIO_OK) {
        return NGX_OK;
    }

    value->kind = NGX_SIO_VALUE_JSON;
    value->s.len = out.len;
    value->s.data = out.data;
    value->data = 1;
    value->rooms = 1;

    return NGX_OK;
}


/* the CONNECT payload: the zone keeps it for what comes later */

static void
ngx_sio_var_auth(ngx_sio_run_t *run, ngx_sio_value_t *value)
{
    ngx_sio_call_t  *call;

    call = run->call;

    if (call->auth.len == 0 && call->type != NGX_SIO_CALL_CONNECT
        && call->socket.ref)
    {
        if (ngx_sio_socket_auth(&call->worker->zone, call->socket, call->pool,
                                &call->auth)
            != NGX_OK)
        {
            ngx_str_null(&call->auth);
        }
    }

    if (call->auth.len) {
        value->kind = NGX_SIO_VALUE_JSON;
        value->s = call->auth;
    }
}


/* what http keeps of the first request, and the CONNECT payload as "auth" */

static ngx_int_t
ngx_sio_var_handshake(ngx_sio_run_t *run, ngx_sio_value_t *value)
{
    u_char           *p;
    ngx_str_t         s;
    ngx_sio_value_t   auth;

    ngx_sio_var_json(run, ".handshake", value);

    if (value->kind == NGX_SIO_VALUE_MISSING) {
        return NGX_OK;
    }

    ngx_memzero(&auth, sizeof(ngx_sio_value_t));
    ngx_sio_var_auth(run, &auth);

    if (auth.kind == NGX_SIO_VALUE_MISSING) {
        ngx_str_set(&auth.s, "{}");
    }

    s.len = value->s.len + sizeof(",\"auth\":") - 1 + auth.s.len;

    s.data = ngx_pnalloc(run->call->pool, s.len);
    if (s.data == NULL) {
        return NGX_ERROR;
    }

    /* an object that is never empty */

    p = ngx_cpymem(s.data, value->s.data, value->s.len - 1);
    p = ngx_cpymem(p, ",\"auth\":", sizeof(",\"auth\":") - 1);
    p = ngx_cpymem(p, auth.s.data, auth.s.len);
    *p = '}';

    value->s = s;

    return NGX_OK;
}


/* what http keeps of the handshake as JSON */

static void
ngx_sio_var_json(ngx_sio_run_t *run, const char *name, ngx_sio_value_t *value)
{
    ngx_str_t  key;

    key.data = (u_char *) name;
    key.len = ngx_strlen(name);

    if (ngx_sio_call_info(run->call, &key, &value->s) == NGX_OK
        && value->s.len)
    {
        value->kind = NGX_SIO_VALUE_JSON;
    }
}


static void
ngx_sio_var_info(ngx_sio_run_t *run, const ngx_str_t *name,
    ngx_sio_value_t *value)
{
    if (ngx_sio_call_info(run->call, name, &value->s) == NGX_OK) {
        value->kind = NGX_SIO_VALUE_TEXT;
        value->foreign = 1;
    }
}


static ngx_int_t
ngx_sio_var_capture(ngx_sio_run_t *run, const ngx_sio_var_t *var,
    ngx_sio_value_t *value)
{
    int        *captures, from, to;
    ngx_str_t   text;

    if (var->type == NGX_SIO_VAR_CAPTURE) {
        captures = run->captures;
        text = run->call->event;

    } else {

        text = run->call->nsp;

        if (run->nsp_captures == NULL && run->nsp_regex) {

            /* seldom used: matched again by the first rule that asks */

            if (ngx_sio_regex_match(run, run->nsp_regex, &text,
                                    &run->nsp_captures)
                == NGX_ERROR)
            {
                return NGX_ERROR;
            }
        }

        captures = run->nsp_captures;
    }

    if (captures == NULL) {
        return NGX_OK;
    }

    from = captures[var->n * 2];
    to = captures[var->n * 2 + 1];

    if (from < 0 || to < from || (size_t) to > text.len) {
        return NGX_OK;
    }

    value->kind = NGX_SIO_VALUE_TEXT;
    value->s.data = text.data + from;
    value->s.len = to - from;
    value->foreign = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_set_get(ngx_sio_run_t *run, const ngx_sio_set_t *set,
    ngx_sio_value_t *value)
{
    ngx_int_t        rc;
    sio_str_t        slice, pointer, out;
    ngx_sio_call_t  *call;

    call = run->call;
    rc = NGX_OK;

    switch (set->source) {

    case NGX_SIO_SET_SIZE:
    case NGX_SIO_SET_SOCKETS:
        return ngx_sio_set_room(run, set, value);

    case NGX_SIO_SET_DATA:
        rc = ngx_sio_var_data(run, &set->pointer, value);
        break;

    case NGX_SIO_SET_QUERY:
        ngx_sio_var_json(run, ".query", value);
        break;

    case NGX_SIO_SET_AUTH:
        ngx_sio_var_auth(run, value);
        break;

    case NGX_SIO_SET_JWT:
        rc = ngx_sio_var_jwt(run, &set->pointer, value);
        break;

    case NGX_SIO_SET_ARGS:

        if (set->index == -1) {
            rc = ngx_sio_var_args(run, 0, value);
            break;
        }

        if ((ngx_uint_t) set->index < call->nargs) {
            value->s = call->args[set->index];
            value->kind = NGX_SIO_VALUE_JSON;
            value->packet = 1;
        }

        break;
    }

    if (rc != NGX_OK || value->kind == NGX_SIO_VALUE_MISSING) {
        return rc;
    }

    if (value->kind == NGX_SIO_VALUE_JSON && set->pointer.len
        && set->source != NGX_SIO_SET_DATA && set->source != NGX_SIO_SET_JWT)
    {
        slice = ngx_sio_slice(&value->s);
        pointer = ngx_sio_slice(&set->pointer);

        if (sio_json_get(&slice, &pointer, &out) != SIO_OK) {
            value->kind = NGX_SIO_VALUE_MISSING;
            return NGX_OK;
        }

        value->s.len = out.len;
        value->s.data = out.data;
    }

    if (!ngx_sio_type_is(run, set->type, value)) {
        value->kind = NGX_SIO_VALUE_MISSING;
    }

    return NGX_OK;
}


/* a room that is no room has no members to tell of: missing */

static ngx_int_t
ngx_sio_set_room(ngx_sio_run_t *run, const ngx_sio_set_t *set,
    ngx_sio_value_t *value)
{
    ngx_int_t    rc;
    ngx_str_t    room, *name;
    ngx_uint_t   n;
    const char  *why;

    name = NULL;

    if (set->room) {
        why = run->why;

        rc = ngx_sio_room_eval(run, set->room, &room);

        if (rc != NGX_OK) {
            run->why = why;
            return rc == NGX_DECLINED ? NGX_OK : rc;
        }

        name = &room;
    }

    if (set->source == NGX_SIO_SET_SIZE) {
        n = 0;

        rc = ngx_sio_call_size(run->call, name, &n);

        if (rc == NGX_OK) {
            return ngx_sio_var_number(run, n, value);
        }

    } else {

        rc = ngx_sio_call_sockets(run->call, name, &value->s);

        if (rc == NGX_OK) {
            value->kind = NGX_SIO_VALUE_JSON;
            value->data = 1;
        }
    }

    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


static ngx_uint_t
ngx_sio_type_is(ngx_sio_run_t *run, ngx_sio_type_e type,
    const ngx_sio_value_t *value)
{
    sio_str_t        slice;
    sio_json_type_e  is;

    if (type == NGX_SIO_TYPE_ANY) {
        return 1;
    }

    if (value->kind == NGX_SIO_VALUE_TEXT) {
        return type == NGX_SIO_TYPE_STRING;
    }

    if (value->kind == NGX_SIO_VALUE_LIST) {
        return type == NGX_SIO_TYPE_ARRAY;
    }

    slice = ngx_sio_slice(&value->s);
    is = sio_json_type(&slice);

    switch (type) {

    case NGX_SIO_TYPE_STRING:
        return is == SIO_JSON_STRING;

    case NGX_SIO_TYPE_NUMBER:
        return is == SIO_JSON_NUMBER;

    case NGX_SIO_TYPE_BOOLEAN:
        return is == SIO_JSON_TRUE || is == SIO_JSON_FALSE;

    case NGX_SIO_TYPE_ARRAY:
        return is == SIO_JSON_ARRAY;

    case NGX_SIO_TYPE_OBJECT:
        return is == SIO_JSON_OBJECT
               && !ngx_sio_value_binary(run, value, NULL);

    default: /* NGX_SIO_TYPE_BINARY */
        return ngx_sio_value_binary(run, value, NULL);
    }
}


ngx_int_t
ngx_sio_value_text(ngx_sio_run_t *run, const ngx_sio_value_t *value,
    ngx_str_t *text)
{
    ngx_int_t         rc;
    sio_str_t         slice;
    ngx_str_t         bytes;
    ngx_pool_t       *pool;
    ngx_sio_value_t   copy;
    sio_json_type_e   type;
    ngx_sio_result_t  result;

    pool = run->call->pool;

    if (value->kind == NGX_SIO_VALUE_MISSING) {
        ngx_str_null(text);
        return NGX_OK;
    }

    if (value->kind == NGX_SIO_VALUE_TEXT) {
        *text = value->s;
        return NGX_OK;
    }

    slice = ngx_sio_slice(&value->s);
    type = (value->kind == NGX_SIO_VALUE_LIST) ? SIO_JSON_ARRAY
                                               : sio_json_type(&slice);

    switch (type) {

    case SIO_JSON_STRING:

        if (ngx_strlchr(slice.data, slice.data + slice.len, '\\') == NULL) {
            text->data = slice.data + 1;
            text->len = slice.len - 2;
            return NGX_OK;
        }

        text->data = ngx_pnalloc(pool, slice.len);
        if (text->data == NULL) {
            return NGX_ERROR;
        }

        text->len = sio_json_string_read(text->data, &slice);
        return NGX_OK;

    case SIO_JSON_NUMBER:

        text->data = ngx_pnalloc(pool, SIO_JSON_NUMBER_MAX);
        if (text->data == NULL) {
            return NGX_ERROR;
        }

        text->len = sio_json_number_write(text->data, &slice);
        return NGX_OK;

    case SIO_JSON_ARRAY:
    case SIO_JSON_OBJECT:
        break;

    default:
        *text = value->s;
        return NGX_OK;
    }

    if (ngx_sio_value_binary(run, value, &bytes)) {

        if (value->data) {
            *text = bytes;
            return NGX_OK;
        }

        text->data = ngx_pnalloc(pool, sio_base64_len(bytes.len) + 1);
        if (text->data == NULL) {
            return NGX_ERROR;
        }

        text->len = sio_base64_write(text->data, bytes.data, bytes.len);
        return NGX_OK;
    }

    /* binaries inside are base64 as well */

    ngx_memzero(&result, sizeof(ngx_sio_result_t));
    result.plain = 1;
    copy = *value;

    rc = ngx_sio_value_plain(run, &copy, &result);
    if (rc != NGX_OK) {
        return rc;
    }

    slice = ngx_sio_slice(&result.json);

    text->data = ngx_pnalloc(pool, slice.len);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    text->len = sio_json_compact(text->data, &slice);

    return NGX_OK;
}


ngx_int_t
ngx_sio_value_name(ngx_sio_run_t *run, const ngx_sio_value_t *value,
    ngx_str_t *text)
{
    sio_str_t        slice;
    sio_json_type_e  type;

    if (value->kind == NGX_SIO_VALUE_MISSING) {
        run->why = "a variable is missing";
        return NGX_DECLINED;
    }

    if (value->kind != NGX_SIO_VALUE_TEXT) {

        slice = ngx_sio_slice(&value->s);
        type = (value->kind == NGX_SIO_VALUE_LIST) ? SIO_JSON_ARRAY
                                                   : sio_json_type(&slice);

        if (type != SIO_JSON_STRING && type != SIO_JSON_NUMBER) {
            run->why = "a name is neither a string nor a number";
            return NGX_DECLINED;
        }
    }

    return ngx_sio_value_text(run, value, text);
}


ngx_uint_t
ngx_sio_value_truthy(const ngx_sio_value_t *value)
{
    sio_str_t  slice;

    switch (value->kind) {

    case NGX_SIO_VALUE_LIST:
        return 1;

    case NGX_SIO_VALUE_JSON:
        slice = ngx_sio_slice(&value->s);
        return sio_json_truthy(&slice) ? 1 : 0;

    case NGX_SIO_VALUE_TEXT:

        /* other modules' variables as in nginx's own "if" */

        if (value->foreign && value->s.len == 1 && value->s.data[0] == '0') {
            return 0;
        }

        return value->s.len != 0;

    default:
        return 0;
    }
}


ngx_int_t
ngx_sio_regex_match(ngx_sio_run_t *run, ngx_sio_regex_t *regex,
    const ngx_str_t *text, int **captures)
{
#if (NGX_PCRE)

    int        *ovector;
    ngx_int_t   rc;
    ngx_str_t   subject;
    ngx_uint_t  n;

    ovector = NULL;
    n = 0;

    if (captures && regex->captures) {
        n = (regex->captures + 1) * 3;

        ovector = ngx_palloc(run->call->pool, n * sizeof(int));
        if (ovector == NULL) {
            return NGX_ERROR;
        }
    }

    subject = *text;

    if (subject.data == NULL) {
        ngx_str_set(&subject, "");
    }

    rc = ngx_regex_exec(regex->regex, &subject, ovector, n);

    if (rc == NGX_REGEX_NO_MATCHED) {
        return NGX_DECLINED;
    }

    if (rc < 0) {
        run->why = "a regex failed";
        return NGX_ERROR;
    }

    if (ovector) {

        /* groups behind the last that took part are not written */

        for (n = rc; n && n <= regex->captures; n++) {
            ovector[n * 2] = -1;
            ovector[n * 2 + 1] = -1;
        }

        *captures = ovector;
    }

    return NGX_OK;

#else

    run->why = "nginx was built without regex";

    return NGX_ERROR;

#endif
}
