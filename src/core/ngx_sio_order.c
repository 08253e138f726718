
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Orders: what their members mean.
 */


#include "ngx_sio_worker.h"
#include "ngx_sio_order.h"
#include "ngx_sio_rules.h"


#define NGX_SIO_ORDER_MAX_ERROR  256
#define NGX_SIO_ORDER_MAX_DEPTH  128
#define NGX_SIO_ORDER_MAX_NAME   64
#define NGX_SIO_ORDER_TIMEOUT    5000       /* milliseconds */

#define NGX_SIO_ORDER_ANY                                                     \
    (NGX_SIO_ORDER_EMIT|NGX_SIO_ORDER_JOIN|NGX_SIO_ORDER_LEAVE                \
     |NGX_SIO_ORDER_DISCONNECT|NGX_SIO_ORDER_RELAY)


/* one order while it is read */

typedef struct {
    ngx_sio_call_t           *call;
    ngx_sio_order_t          *order;
    ngx_str_t                *error;
    ngx_int_t                 index;        /* in the list, -1: it is none */
    const char               *key;
    ngx_uint_t                given;        /* a bit for each key */
    sio_str_t                 event;        /* a string's slice */
    sio_str_t                 args;         /* an array's */
    ngx_uint_t                max;
    ngx_msec_t                timeout;
    unsigned                  aimed:1;      /* "to" or "in" */
    unsigned                  ack:1;
} ngx_sio_order_read_t;


typedef ngx_int_t (*ngx_sio_order_key_pt)(ngx_sio_order_read_t *o,
    const sio_str_t *value, ngx_uint_t n);

typedef struct {
    const char               *name;
    ngx_sio_order_key_pt      read;
    ngx_uint_t                n;            /* for read() */
    ngx_uint_t                types;        /* of orders that may have it */
    ngx_sio_order_e           type;         /* that it makes of the order */
} ngx_sio_order_key_t;


static ngx_int_t ngx_sio_order_read(ngx_sio_order_read_t *o,
    const sio_str_t *object);
static ngx_int_t ngx_sio_order_unknown(ngx_sio_order_read_t *o,
    const sio_str_t *key);
static ngx_int_t ngx_sio_order_settle(ngx_sio_order_read_t *o);
static ngx_int_t ngx_sio_order_ask(ngx_sio_order_read_t *o);
static ngx_int_t ngx_sio_order_event(ngx_sio_order_read_t *o,
    const sio_str_t *value, ngx_uint_t n);
static ngx_int_t ngx_sio_order_rooms(ngx_sio_order_read_t *o,
    const sio_str_t *value, ngx_uint_t n);
static ngx_int_t ngx_sio_order_aim(ngx_sio_order_read_t *o,
    const sio_str_t *value, ngx_uint_t n);
static ngx_int_t ngx_sio_order_names(ngx_sio_order_read_t *o,
    const sio_str_t *value, ngx_str_t **names, ngx_uint_t *count);
static ngx_int_t ngx_sio_order_name(ngx_sio_order_read_t *o,
    const sio_str_t *value, ngx_str_t *name);
static ngx_int_t ngx_sio_order_nsp(ngx_sio_order_read_t *o,
    const sio_str_t *value, ngx_uint_t n);
static ngx_int_t ngx_sio_order_args(ngx_sio_order_read_t *o,
    const sio_str_t *value, ngx_uint_t n);
static ngx_int_t ngx_sio_order_number(ngx_sio_order_read_t *o,
    const sio_str_t *value, ngx_uint_t n);
static ngx_int_t ngx_sio_order_flag(ngx_sio_order_read_t *o,
    const sio_str_t *value, ngx_uint_t n);
static ngx_int_t ngx_sio_order_true(ngx_sio_order_read_t *o,
    const sio_str_t *value, ngx_uint_t n);
static ngx_int_t ngx_sio_order_relay(ngx_sio_order_read_t *o,
    const sio_str_t *value, ngx_uint_t n);
static ngx_int_t ngx_sio_order_wrong(ngx_sio_order_read_t *o,
    const char *why);


enum {
    NGX_SIO_ORDER_TO = 0,
    NGX_SIO_ORDER_EXCEPT,

    NGX_SIO_ORDER_MAX,
    NGX_SIO_ORDER_MSEC,

    NGX_SIO_ORDER_ALL,
    NGX_SIO_ORDER_EXCEPT_SELF,
    NGX_SIO_ORDER_IS_VOLATILE,
    NGX_SIO_ORDER_COMPRESS,
    NGX_SIO_ORDER_ACK,
    NGX_SIO_ORDER_CLOSE
};


static const ngx_sio_order_key_t  ngx_sio_order_keys[] = {

    { "emit", ngx_sio_order_event, 0, NGX_SIO_ORDER_EMIT,
      NGX_SIO_ORDER_EMIT },
    { "join", ngx_sio_order_rooms, 0, NGX_SIO_ORDER_JOIN,
      NGX_SIO_ORDER_JOIN },
    { "leave", ngx_sio_order_rooms, 0, NGX_SIO_ORDER_LEAVE,
      NGX_SIO_ORDER_LEAVE },
    { "disconnect", ngx_sio_order_true, 0, NGX_SIO_ORDER_DISCONNECT,
      NGX_SIO_ORDER_DISCONNECT },
    { "relay", ngx_sio_order_relay, 0, NGX_SIO_ORDER_RELAY,
      NGX_SIO_ORDER_RELAY },

    { "nsp", ngx_sio_order_nsp, 0, NGX_SIO_ORDER_ANY, 0 },
    { "to", ngx_sio_order_aim, NGX_SIO_ORDER_TO, NGX_SIO_ORDER_ANY, 0 },
    { "in", ngx_sio_order_aim, NGX_SIO_ORDER_TO, NGX_SIO_ORDER_ANY, 0 },
    { "except", ngx_sio_order_aim, NGX_SIO_ORDER_EXCEPT, NGX_SIO_ORDER_ANY,
      0 },
    { "all", ngx_sio_order_flag, NGX_SIO_ORDER_ALL, NGX_SIO_ORDER_ANY, 0 },
    { "except_self", ngx_sio_order_flag, NGX_SIO_ORDER_EXCEPT_SELF,
      NGX_SIO_ORDER_ANY, 0 },

    { "args", ngx_sio_order_args, 0, NGX_SIO_ORDER_EMIT, 0 },
    { "volatile", ngx_sio_order_flag, NGX_SIO_ORDER_IS_VOLATILE,
      NGX_SIO_ORDER_EMIT|NGX_SIO_ORDER_RELAY, 0 },
    { "compress", ngx_sio_order_flag, NGX_SIO_ORDER_COMPRESS,
      NGX_SIO_ORDER_EMIT|NGX_SIO_ORDER_RELAY, 0 },
    { "ack", ngx_sio_order_flag, NGX_SIO_ORDER_ACK, NGX_SIO_ORDER_EMIT, 0 },
    { "timeout", ngx_sio_order_number, NGX_SIO_ORDER_MSEC,
      NGX_SIO_ORDER_EMIT, 0 },

    { "max", ngx_sio_order_number, NGX_SIO_ORDER_MAX, NGX_SIO_ORDER_JOIN, 0 },
    { "close", ngx_sio_order_flag, NGX_SIO_ORDER_CLOSE,
      NGX_SIO_ORDER_DISCONNECT, 0 }
};

#define NGX_SIO_ORDER_NKEYS                                                   \
    (sizeof(ngx_sio_order_keys) / sizeof(ngx_sio_order_keys[0]))


ngx_int_t
ngx_sio_orders_open(ngx_sio_orders_t *orders, ngx_sio_call_t *call,
    const ngx_str_t *json)
{
    sio_json_info_t       info;
    ngx_sio_order_read_t  o;

    ngx_memzero(orders, sizeof(ngx_sio_orders_t));
    ngx_memzero(&o, sizeof(ngx_sio_order_read_t));

    orders->call = call;

    o.call = call;
    o.error = &orders->error;
    o.index = -1;

    if (sio_json_parse(json->data, json->len, NGX_SIO_ORDER_MAX_DEPTH, &info,
                       NULL, 0)
        != SIO_OK)
    {
        return ngx_sio_order_wrong(&o, "not valid JSON");
    }

    if (info.type != SIO_JSON_OBJECT && info.type != SIO_JSON_ARRAY) {
        return ngx_sio_order_wrong(&o, "an object or an array of objects is "
                                       "expected");
    }

    orders->list = (info.type == SIO_JSON_ARRAY);
    orders->n = orders->list ? info.nelts : 1;
    orders->value = info.value;

    if (orders->n > call->server->max_orders) {
        return ngx_sio_order_wrong(&o, "more orders than sio_limit "
                                       "api_orders allows");
    }

    orders->orders = ngx_pcalloc(call->pool,
                                 (orders->n + 1) * sizeof(ngx_sio_order_t));
    if (orders->orders == NULL) {
        return NGX_ERROR;
    }

    sio_json_iter_init(&orders->it, &orders->value);

    return NGX_OK;
}


ngx_int_t
ngx_sio_orders_more(ngx_sio_orders_t *orders, ngx_uint_t max)
{
    ngx_int_t             rc;
    sio_str_t             key, value;
    ngx_sio_order_read_t  o;

    for ( /* void */ ; orders->nread < orders->n; orders->nread++) {

        if (max-- == 0) {
            return NGX_AGAIN;
        }

        ngx_memzero(&o, sizeof(ngx_sio_order_read_t));

        o.call = orders->call;
        o.error = &orders->error;
        o.order = &orders->orders[orders->nread];
        o.index = -1;
        value = orders->value;

        if (orders->list) {
            o.index = orders->nread;
            (void) sio_json_iter_next(&orders->it, &key, &value);
        }

        if (sio_json_type(&value) != SIO_JSON_OBJECT) {
            return ngx_sio_order_wrong(&o, "must be an object");
        }

        rc = ngx_sio_order_read(&o, &value);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_sio_orders_read(ngx_sio_call_t *call, const ngx_str_t *json,
    ngx_sio_order_t **orders, ngx_uint_t *n, ngx_str_t *error)
{
    ngx_int_t         rc;
    ngx_sio_orders_t  all;

    rc = ngx_sio_orders_open(&all, call, json);

    if (rc == NGX_OK) {
        rc = ngx_sio_orders_more(&all, all.n);
    }

    *orders = all.orders;
    *n = all.n;
    *error = all.error;

    return rc;
}


static ngx_int_t
ngx_sio_order_read(ngx_sio_order_read_t *o, const sio_str_t *object)
{
    ngx_int_t                   rc;
    sio_str_t                   key, value;
    ngx_uint_t                  i, types;
    sio_json_iter_t             it;
    const ngx_sio_order_key_t  *k;

    types = NGX_SIO_ORDER_ANY;

    sio_json_iter_init(&it, object);

    while (sio_json_iter_next(&it, &key, &value) == SIO_OK) {

        o->key = NULL;

        for (i = 0; i < NGX_SIO_ORDER_NKEYS; i++) {
            k = &ngx_sio_order_keys[i];

            if (sio_json_string_eq(&key, (const uint8_t *) k->name,
                                   ngx_strlen(k->name))
                == SIO_OK)
            {
                break;
            }
        }

        if (i == NGX_SIO_ORDER_NKEYS) {
            return ngx_sio_order_unknown(o, &key);
        }

        k = &ngx_sio_order_keys[i];
        o->key = k->name;

        if (o->given & ((ngx_uint_t) 1 << i)) {
            return ngx_sio_order_wrong(o, "is given twice");
        }

        o->given |= (ngx_uint_t) 1 << i;
        types &= k->types;

        if (k->type) {

            if (o->order->type) {
                return ngx_sio_order_wrong(o, "is a second action");
            }

            o->order->type = k->type;
        }

        rc = k->read(o, &value, k->n);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    o->key = NULL;

    if (o->order->type == NGX_SIO_ORDER_NONE) {
        return ngx_sio_order_wrong(o, "has no emit, join, leave or "
                                      "disconnect");
    }

    /* which member does not belong there: they are few */

    for (i = 0; types == 0 && i < NGX_SIO_ORDER_NKEYS; i++) {
        k = &ngx_sio_order_keys[i];

        if ((o->given & ((ngx_uint_t) 1 << i))
            && !(k->types & o->order->type))
        {
            o->key = k->name;
            return ngx_sio_order_wrong(o, "is not for this action");
        }
    }

    return ngx_sio_order_settle(o);
}


/* it is any text, the log is not */

static ngx_int_t
ngx_sio_order_unknown(ngx_sio_order_read_t *o, const sio_str_t *key)
{
    size_t  i, len;
    u_char  text[NGX_SIO_ORDER_MAX_NAME + sizeof("has an unknown member ''")];

    len = ngx_min(key->len - 2, NGX_SIO_ORDER_MAX_NAME);

    ngx_sprintf(text, "has an unknown member '%*s'%Z", len, key->data + 1);

    for (i = 0; text[i]; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e) {
            text[i] = '?';
        }
    }

    return ngx_sio_order_wrong(o, (char *) text);
}


/* what depends on more than one member */

static ngx_int_t
ngx_sio_order_settle(ngx_sio_order_read_t *o)
{
    ngx_int_t         rc;
    ngx_uint_t        i;
    const char       *why;
    ngx_sio_order_t  *order;
    ngx_sio_where_t  *where;

    order = o->order;
    where = &order->out.where;

    if (where->all) {

        if (o->aimed) {
            o->key = "all";
            return ngx_sio_order_wrong(o, "goes with neither to nor in");
        }

    } else if (!o->aimed) {

        if (o->call->type == NGX_SIO_CALL_API) {
            return ngx_sio_order_wrong(o, "needs to, in or all");
        }

        if (where->nexcept || where->except_self || where->nsp.len) {
            return ngx_sio_order_wrong(o, "has except or nsp, which need to, "
                                          "in or all");
        }

        where->self = 1;
    }

    if (where->except_self && o->call->type == NGX_SIO_CALL_API) {
        o->key = "except_self";
        return ngx_sio_order_wrong(o, "has no meaning here");
    }

    if (order->type == NGX_SIO_ORDER_JOIN
        && ngx_sio_access_reserved(o->call, &where->nsp, order->rooms,
                                   order->nrooms))
    {
        o->key = "join";
        return ngx_sio_order_wrong(o, "names a user's room, which is joined "
                                      "by being that user only");
    }

    if (o->ack || o->timeout) {
        rc = ngx_sio_order_ask(o);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (o->max) {
        order->max = ngx_palloc(o->call->pool,
                                (order->nrooms + 1) * sizeof(ngx_uint_t));
        if (order->max == NULL) {
            return NGX_ERROR;
        }

        for (i = 0; i < order->nrooms; i++) {
            order->max[i] = o->max;
        }
    }

    if (order->type == NGX_SIO_ORDER_RELAY) {
        order->type = NGX_SIO_ORDER_EMIT;
        return ngx_sio_order_relayed(o->call, order);
    }

    if (order->type != NGX_SIO_ORDER_EMIT) {
        return NGX_OK;
    }

    rc = ngx_sio_order_packet(o->call, order, &o->event, &o->args, &why);

    if (rc == NGX_DECLINED) {
        o->key = "args";
        return ngx_sio_order_wrong(o, why);
    }

    return rc;
}


/* the one who asks has to wait, so it is for one order alone */

static ngx_int_t
ngx_sio_order_ask(ngx_sio_order_read_t *o)
{
    o->key = o->ack ? "ack" : "timeout";

    if (!o->ack) {
        return ngx_sio_order_wrong(o, "goes with ack");
    }

    if (o->call->type != NGX_SIO_CALL_API) {
        return ngx_sio_order_wrong(o, "has no meaning here");
    }

    if (o->index >= 0) {
        return ngx_sio_order_wrong(o, "is for an order that comes alone, not "
                                      "in an array");
    }

    if (ngx_sio_plain_call(o->call)) {
        return ngx_sio_order_wrong(o, "has no meaning in Engine.IO");
    }

    o->key = NULL;
    o->order->timeout = o->timeout
                        ? o->timeout
                        : ngx_min(NGX_SIO_ORDER_TIMEOUT,
                                  o->call->server->max_ack_timeout);

    return NGX_OK;
}


static ngx_int_t
ngx_sio_order_event(ngx_sio_order_read_t *o, const sio_str_t *value,
    ngx_uint_t n)
{
    size_t   len;
    u_char  *p;

    if (sio_json_type(value) != SIO_JSON_STRING) {
        return ngx_sio_order_wrong(o, "must be a string");
    }

    p = ngx_pnalloc(o->call->pool, value->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    len = sio_json_string_read(p, value);

    if (len == 0) {
        return ngx_sio_order_wrong(o, "must not be empty");
    }

    /* as a packet from a server it would mean something else altogether */

    if (sio_packet_reserved(p, len)) {
        return ngx_sio_order_wrong(o, "is a reserved name");
    }

    o->event = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_order_rooms(ngx_sio_order_read_t *o, const sio_str_t *value,
    ngx_uint_t n)
{
    return ngx_sio_order_names(o, value, &o->order->rooms,
                               &o->order->nrooms);
}


static ngx_int_t
ngx_sio_order_aim(ngx_sio_order_read_t *o, const sio_str_t *value,
    ngx_uint_t n)
{
    ngx_sio_where_t  *where;

    where = &o->order->out.where;

    if (n == NGX_SIO_ORDER_EXCEPT) {
        return ngx_sio_order_names(o, value, &where->except,
                                   &where->nexcept);
    }

    if (o->aimed) {
        return ngx_sio_order_wrong(o, "is the second of to and in");
    }

    o->aimed = 1;

    return ngx_sio_order_names(o, value, &where->to, &where->nto);
}


/* one name, or an array of them */

static ngx_int_t
ngx_sio_order_names(ngx_sio_order_read_t *o, const sio_str_t *value,
    ngx_str_t **names, ngx_uint_t *count)
{
    ngx_int_t        rc;
    sio_str_t        key, name;
    ngx_uint_t       n;
    sio_json_iter_t  it;

    if (sio_json_type(value) != SIO_JSON_ARRAY) {

        *names = ngx_palloc(o->call->pool, sizeof(ngx_str_t));
        if (*names == NULL) {
            return NGX_ERROR;
        }

        *count = 1;

        return ngx_sio_order_name(o, value, *names);
    }

    n = 0;
    sio_json_iter_init(&it, value);

    while (sio_json_iter_next(&it, &key, &name) == SIO_OK) {
        n++;
    }

    *names = ngx_palloc(o->call->pool, (n + 1) * sizeof(ngx_str_t));
    if (*names == NULL) {
        return NGX_ERROR;
    }

    *count = 0;
    sio_json_iter_init(&it, value);

    while (sio_json_iter_next(&it, &key, &name) == SIO_OK) {

        rc = ngx_sio_order_name(o, &name, &(*names)[*count]);
        if (rc != NGX_OK) {
            return rc;
        }

        (*count)++;
    }

    return NGX_OK;
}


/* a room's: 5, 5.0 and "5" are one */

static ngx_int_t
ngx_sio_order_name(ngx_sio_order_read_t *o, const sio_str_t *value,
    ngx_str_t *name)
{
    switch (sio_json_type(value)) {

    case SIO_JSON_STRING:
        name->data = ngx_pnalloc(o->call->pool, value->len);
        if (name->data == NULL) {
            return NGX_ERROR;
        }

        name->len = sio_json_string_read(name->data, value);
        break;

    case SIO_JSON_NUMBER:
        name->data = ngx_pnalloc(o->call->pool, SIO_JSON_NUMBER_MAX);
        if (name->data == NULL) {
            return NGX_ERROR;
        }

        name->len = sio_json_number_write(name->data, value);
        break;

    default:
        return ngx_sio_order_wrong(o, "must be a string, a number, or an "
                                      "array of these");
    }

    if (name->len > o->call->server->limits.max_room_name) {
        return ngx_sio_order_wrong(o, "has a name that is too long");
    }

    return NGX_OK;
}


/* a name without "/" in front has one, as in io.of() */

static ngx_int_t
ngx_sio_order_nsp(ngx_sio_order_read_t *o, const sio_str_t *value,
    ngx_uint_t n)
{
    u_char     *p;
    ngx_str_t  *nsp;

    nsp = &o->order->out.where.nsp;

    if (sio_json_type(value) != SIO_JSON_STRING) {
        return ngx_sio_order_wrong(o, "must be a string");
    }

    p = ngx_pnalloc(o->call->pool, value->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p = '/';

    nsp->data = p;
    nsp->len = sio_json_string_read(p + 1, value) + 1;

    if (nsp->len > 1 && p[1] == '/') {
        nsp->data++;
        nsp->len--;
    }

    if (nsp->len > o->call->server->packet_limits.max_nsp) {
        return ngx_sio_order_wrong(o, "is too long");
    }

    if (ngx_strlchr(nsp->data, nsp->data + nsp->len, ',')) {
        return ngx_sio_order_wrong(o, "must not hold a comma");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_sio_order_args(ngx_sio_order_read_t *o, const sio_str_t *value,
    ngx_uint_t n)
{
    if (sio_json_type(value) != SIO_JSON_ARRAY) {
        return ngx_sio_order_wrong(o, "must be an array");
    }

    o->args = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_order_number(ngx_sio_order_read_t *o, const sio_str_t *value,
    ngx_uint_t n)
{
    ngx_int_t  number;

    number = (sio_json_type(value) == SIO_JSON_NUMBER)
             ? ngx_atoi(value->data, value->len) : NGX_ERROR;

    if (n == NGX_SIO_ORDER_MAX) {

        if (number <= 0) {
            return ngx_sio_order_wrong(o, "must be a whole number above 0");
        }

        o->max = number;

        return NGX_OK;
    }

    if (number <= 0
        || (ngx_msec_t) number > o->call->server->max_ack_timeout)
    {
        return ngx_sio_order_wrong(o, "must be a whole number of milliseconds "
                                      "that sio_limit api_timeout allows");
    }

    o->timeout = number;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_order_flag(ngx_sio_order_read_t *o, const sio_str_t *value,
    ngx_uint_t n)
{
    ngx_uint_t            is;
    sio_json_type_e       type;
    ngx_sio_event_out_t  *out;

    type = sio_json_type(value);
    out = &o->order->out;

    if (type != SIO_JSON_TRUE && type != SIO_JSON_FALSE) {
        return ngx_sio_order_wrong(o, "must be true or false");
    }

    is = (type == SIO_JSON_TRUE);

    switch (n) {

    case NGX_SIO_ORDER_ALL:
        out->where.all = is;
        break;

    case NGX_SIO_ORDER_EXCEPT_SELF:
        out->where.except_self = is;
        break;

    case NGX_SIO_ORDER_IS_VOLATILE:
        out->flags |= is ? NGX_SIO_VOLATILE : 0;
        break;

    case NGX_SIO_ORDER_COMPRESS:
        out->flags |= is ? 0 : NGX_SIO_NO_COMPRESS;
        break;

    case NGX_SIO_ORDER_ACK:
        o->ack = is;
        break;

    default: /* NGX_SIO_ORDER_CLOSE */
        o->order->close = is;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_sio_order_true(ngx_sio_order_read_t *o, const sio_str_t *value,
    ngx_uint_t n)
{
    return sio_json_type(value) == SIO_JSON_TRUE
           ? NGX_OK : ngx_sio_order_wrong(o, "must be true");
}


static ngx_int_t
ngx_sio_order_relay(ngx_sio_order_read_t *o, const sio_str_t *value,
    ngx_uint_t n)
{
    if (o->call->type != NGX_SIO_CALL_EVENT) {
        return ngx_sio_order_wrong(o, "has no event here");
    }

    return ngx_sio_order_true(o, value, n);
}


/* "[2].to must be ...": where is only made of our own words */

static ngx_int_t
ngx_sio_order_wrong(ngx_sio_order_read_t *o, const char *why)
{
    u_char  *p, *last;

    p = ngx_pnalloc(o->call->pool, NGX_SIO_ORDER_MAX_ERROR);
    if (p == NULL) {
        return NGX_ERROR;
    }

    o->error->data = p;
    last = p + NGX_SIO_ORDER_MAX_ERROR;

    if (o->index >= 0) {
        p = ngx_slprintf(p, last, "[%i]%s", o->index, o->key ? "." : " ");
    }

    if (o->key) {
        p = ngx_slprintf(p, last, "%s ", o->key);
    }

    p = ngx_slprintf(p, last, "%s", why);

    o->error->len = p - o->error->data;

    return NGX_DECLINED;
}
