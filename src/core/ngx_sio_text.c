
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Evaluation of plain text: TEXT, EVENT, and ROOM with its own strictness.
 */


#include "ngx_sio_value.h"
#include "../wire/sio_utf8.h"


static ngx_int_t ngx_sio_text_join(ngx_sio_run_t *run,
    const ngx_sio_text_t *text, ngx_uint_t strict, ngx_str_t *result);
static ngx_int_t ngx_sio_room_check(ngx_sio_run_t *run, ngx_str_t *room);
static ngx_int_t ngx_sio_room_limit(ngx_sio_run_t *run,
    const ngx_str_t *room);
static ngx_int_t ngx_sio_room_value(ngx_sio_run_t *run,
    const ngx_sio_value_t *value, ngx_str_t *room);
static ngx_int_t ngx_sio_rooms_one(ngx_sio_run_t *run,
    const ngx_sio_text_t *text, ngx_str_t **rooms, ngx_uint_t *n);
static ngx_int_t ngx_sio_rooms_array(ngx_sio_run_t *run,
    const ngx_sio_value_t *value, ngx_str_t **rooms, ngx_uint_t *n);


ngx_int_t
ngx_sio_text_eval(ngx_sio_run_t *run, const ngx_sio_text_t *text,
    ngx_str_t *result)
{
    if (text->nparts == 0) {
        *result = text->constant;
        return NGX_OK;
    }

    return ngx_sio_text_join(run, text, 0, result);
}


ngx_int_t
ngx_sio_utf8_eval(ngx_sio_run_t *run, const ngx_sio_text_t *text,
    ngx_str_t *result)
{
    ngx_int_t  rc;

    rc = ngx_sio_text_eval(run, text, result);

    if (rc != NGX_OK || text->nparts == 0) {
        return rc;
    }

    return ngx_sio_text_repair(run, result);
}


/* strict: a variable that is missing or empty fails */

static ngx_int_t
ngx_sio_text_join(ngx_sio_run_t *run, const ngx_sio_text_t *text,
    ngx_uint_t strict, ngx_str_t *result)
{
    u_char           *p;
    size_t            len;
    ngx_int_t         rc;
    ngx_str_t        *s;
    ngx_uint_t        i;
    ngx_sio_part_t   *part;
    ngx_sio_value_t   value;

    s = ngx_palloc(run->call->pool, text->nparts * sizeof(ngx_str_t));
    if (s == NULL) {
        return NGX_ERROR;
    }

    len = 0;
    part = text->parts;

    for (i = 0; i < text->nparts; i++) {

        if (part[i].var == NULL) {
            s[i] = part[i].text;
            len += s[i].len;
            continue;
        }

        rc = ngx_sio_var_get(run, part[i].var, &value);
        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_sio_value_text(run, &value, &s[i]);
        if (rc != NGX_OK) {
            return rc;
        }

        if (strict && s[i].len == 0) {
            run->why = "a variable is missing or empty";
            return NGX_DECLINED;
        }

        len += s[i].len;

        if (len > NGX_SIO_MAX_RESULT) {
            run->why = "the text is too long";
            return NGX_DECLINED;
        }
    }

    if (text->nparts == 1) {
        *result = s[0];
        return NGX_OK;
    }

    p = ngx_pnalloc(run->call->pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    result->data = p;
    result->len = len;

    for (i = 0; i < text->nparts; i++) {
        if (s[i].len) {
            p = ngx_cpymem(p, s[i].data, s[i].len);
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_sio_event_eval(ngx_sio_run_t *run, const ngx_sio_text_t *text,
    ngx_str_t *result)
{
    ngx_int_t        rc;
    ngx_sio_value_t  value;

    if (text->nparts == 1) {
        rc = ngx_sio_var_get(run, text->parts[0].var, &value);
        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_sio_value_name(run, &value, result);

    } else {
        rc = ngx_sio_text_eval(run, text, result);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (result->len == 0) {
        run->why = "the event's name is empty";
        return NGX_DECLINED;
    }

    /* as a packet from a server it would mean something else altogether */

    if (sio_packet_reserved(result->data, result->len)) {
        run->why = "the event's name is reserved";
        return NGX_DECLINED;
    }

    return ngx_sio_text_repair(run, result);
}


ngx_int_t
ngx_sio_room_eval(ngx_sio_run_t *run, const ngx_sio_text_t *text,
    ngx_str_t *room)
{
    ngx_int_t        rc;
    ngx_sio_value_t  value;

    if (text->nparts == 0) {
        *room = text->constant;
        return ngx_sio_room_limit(run, room);
    }

    if (text->nparts == 1) {

        rc = ngx_sio_var_get(run, text->parts[0].var, &value);
        if (rc != NGX_OK) {
            return rc;
        }

        return ngx_sio_room_value(run, &value, room);
    }

    rc = ngx_sio_text_join(run, text, 1, room);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_sio_room_check(run, room);
}


/* a lone variable: JSON may be "", as in Node; another module's may not */

static ngx_int_t
ngx_sio_room_value(ngx_sio_run_t *run, const ngx_sio_value_t *value,
    ngx_str_t *room)
{
    ngx_int_t  rc;

    rc = ngx_sio_value_name(run, value, room);
    if (rc != NGX_OK) {
        return rc;
    }

    if (room->len == 0 && value->foreign) {
        run->why = "a variable is missing or empty";
        return NGX_DECLINED;
    }

    return ngx_sio_room_check(run, room);
}


static ngx_int_t
ngx_sio_room_check(ngx_sio_run_t *run, ngx_str_t *room)
{
    /* a repaired name is longer */

    if (ngx_sio_room_limit(run, room) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (ngx_sio_text_repair(run, room) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_sio_room_limit(run, room);
}


static ngx_int_t
ngx_sio_room_limit(ngx_sio_run_t *run, const ngx_str_t *room)
{
    if (room->len > run->call->server->limits.max_room_name) {
        ngx_sio_refused(ngx_sio_worker_zone(run->call->worker),
                        NGX_SIO_REFUSED_ROOM);
        run->why = "a room's name is too long";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ngx_sio_rooms_eval(ngx_sio_run_t *run, const ngx_sio_text_t *texts,
    ngx_uint_t ntexts, ngx_str_t **rooms, ngx_uint_t *n)
{
    ngx_int_t     rc;
    ngx_str_t    *part, *all, *room;
    ngx_uint_t    i, npart;
    ngx_array_t   array;

    if (ntexts == 1) {
        return ngx_sio_rooms_one(run, texts, rooms, n);
    }

    *rooms = NULL;
    *n = 0;

    if (ntexts == 0) {
        return NGX_OK;
    }

    if (ngx_array_init(&array, run->call->pool, ntexts, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < ntexts; i++) {

        rc = ngx_sio_rooms_one(run, &texts[i], &part, &npart);
        if (rc != NGX_OK) {
            return rc;
        }

        if (npart == 1) {
            room = ngx_array_push(&array);
            if (room == NULL) {
                return NGX_ERROR;
            }

            *room = part[0];

        } else if (npart) {
            all = ngx_array_push_n(&array, npart);
            if (all == NULL) {
                return NGX_ERROR;
            }

            ngx_memcpy(all, part, npart * sizeof(ngx_str_t));
        }
    }

    *rooms = array.elts;
    *n = array.nelts;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_rooms_one(ngx_sio_run_t *run, const ngx_sio_text_t *text,
    ngx_str_t **rooms, ngx_uint_t *n)
{
    ngx_int_t        rc;
    ngx_str_t       *room;
    ngx_sio_var_t   *var;
    ngx_sio_value_t  value;

    if (text->nparts == 0) {
        *rooms = (ngx_str_t *) &text->constant;
        *n = 1;
        return ngx_sio_room_limit(run, *rooms);
    }

    if (text->nparts == 1) {

        var = text->parts[0].var;

        if (var->type == NGX_SIO_VAR_ROOMS) {

            rc = ngx_sio_call_rooms(run->call, rooms, n);

            if (rc != NGX_OK) {
                *n = 0;
            }

            return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
        }

        rc = ngx_sio_var_get(run, var, &value);
        if (rc != NGX_OK) {
            return rc;
        }

        if (value.rooms && value.kind == NGX_SIO_VALUE_JSON
            && value.s.len && value.s.data[0] == '[')
        {
            return ngx_sio_rooms_array(run, &value, rooms, n);
        }

        room = ngx_palloc(run->call->pool, sizeof(ngx_str_t));
        if (room == NULL) {
            return NGX_ERROR;
        }

        rc = ngx_sio_room_value(run, &value, room);

    } else {

        room = ngx_palloc(run->call->pool, sizeof(ngx_str_t));
        if (room == NULL) {
            return NGX_ERROR;
        }

        rc = ngx_sio_room_eval(run, text, room);
    }

    *rooms = room;
    *n = 1;

    return rc;
}


/* an array of socket.data */

static ngx_int_t
ngx_sio_rooms_array(ngx_sio_run_t *run, const ngx_sio_value_t *value,
    ngx_str_t **rooms, ngx_uint_t *n)
{
    ngx_int_t         rc;
    sio_str_t         slice, key, elt;
    ngx_uint_t        i;
    ngx_sio_value_t   one;
    sio_json_iter_t   it;

    slice = ngx_sio_slice(&value->s);

    *rooms = NULL;
    *n = 0;

    sio_json_iter_init(&it, &slice);

    for (i = 0; sio_json_iter_next(&it, &key, &elt) == SIO_OK; i++) {
        /* void */
    }

    if (i == 0) {
        return NGX_OK;
    }

    *rooms = ngx_palloc(run->call->pool, i * sizeof(ngx_str_t));
    if (*rooms == NULL) {
        return NGX_ERROR;
    }

    *n = i;

    sio_json_iter_init(&it, &slice);

    for (i = 0; i < *n && sio_json_iter_next(&it, &key, &elt) == SIO_OK; i++) {

        ngx_memzero(&one, sizeof(ngx_sio_value_t));
        one.kind = NGX_SIO_VALUE_JSON;
        one.s.len = elt.len;
        one.s.data = elt.data;

        rc = ngx_sio_room_value(run, &one, *rooms + i);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}
