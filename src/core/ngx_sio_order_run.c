
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Orders: their arguments in a packet, and what carrying one out does.
 */


#include "ngx_sio_order.h"


/* ["event",arg,...] */

ngx_int_t
ngx_sio_order_packet(ngx_sio_call_t *call, ngx_sio_order_t *order,
    const sio_str_t *event, const sio_str_t *array, const char **why)
{
    u_char            *p;
    ngx_int_t          rc;
    ngx_str_t          args, *json;
    ngx_sio_result_t   result;

    ngx_str_set(&args, "[]");
    ngx_memzero(&result, sizeof(ngx_sio_result_t));

    if (array->len) {

        rc = ngx_sio_order_values(call, array, &args, &result, why);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    json = &order->out.json;

    p = ngx_pnalloc(call->pool, event->len + args.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    json->data = p;

    *p++ = '[';
    p = ngx_cpymem(p, event->data, event->len);

    if (args.len > 2) {
        *p++ = ',';
        p = ngx_cpymem(p, args.data + 1, args.len - 2);
    }

    *p++ = ']';

    json->len = p - json->data;

    order->out.attachments = result.attachments;
    order->out.nattachments = result.nattachments;

    return NGX_OK;
}


/* the event goes on with the arguments that came, attachments included */

ngx_int_t
ngx_sio_order_relayed(ngx_sio_call_t *call, ngx_sio_order_t *order)
{
    u_char     *p;
    ngx_str_t  *json;

    json = &order->out.json;

    p = ngx_pnalloc(call->pool, call->args_json.len + sizeof("[,]") - 1
                    + sio_json_string_len(call->event.data, call->event.len));
    if (p == NULL) {
        return NGX_ERROR;
    }

    json->data = p;

    *p++ = '[';
    p += sio_json_string_write(p, call->event.data, call->event.len);

    if (call->args_json.len) {
        *p++ = ',';
        p = ngx_cpymem(p, call->args_json.data, call->args_json.len);
    }

    *p++ = ']';

    json->len = p - json->data;

    order->out.attachments = call->attachments;
    order->out.nattachments = call->nattachments;

    return NGX_OK;
}


ngx_int_t
ngx_sio_order_values(ngx_sio_call_t *call, const sio_str_t *array,
    ngx_str_t *json, ngx_sio_result_t *result, const char **why)
{
    ngx_int_t        rc;
    ngx_sio_run_t    run;
    ngx_sio_value_t  value;

    ngx_memzero(&run, sizeof(ngx_sio_run_t));
    ngx_memzero(&value, sizeof(ngx_sio_value_t));
    ngx_memzero(result, sizeof(ngx_sio_result_t));

    run.call = call;

    value.kind = NGX_SIO_VALUE_JSON;
    value.data = 1;

    /* binary values are found by how they are spelled without spaces */

    value.s.data = ngx_pnalloc(call->pool, array->len);
    if (value.s.data == NULL) {
        return NGX_ERROR;
    }

    value.s.len = sio_json_compact(value.s.data, array);

    rc = ngx_sio_value_settle(&run, &value, result);

    *json = value.s;
    *why = run.why;

    return rc;
}


ngx_int_t
ngx_sio_order_run(ngx_sio_call_t *call, ngx_sio_order_t *order,
    ngx_uint_t *count)
{
    ngx_int_t         rc;
    ngx_sio_where_t  *where;

    where = &order->out.where;
    where->count = 0;

    switch (order->type) {

    case NGX_SIO_ORDER_EMIT:
        rc = ngx_sio_call_emit(call, &order->out);
        break;

    case NGX_SIO_ORDER_JOIN:
        rc = order->nrooms ? ngx_sio_call_join(call, order->rooms, order->max,
                                               order->nrooms, where)
                           : NGX_OK;
        break;

    case NGX_SIO_ORDER_LEAVE:
        rc = order->nrooms ? ngx_sio_call_leave(call, order->rooms,
                                                order->nrooms, where)
                           : NGX_OK;
        break;

    default: /* NGX_SIO_ORDER_DISCONNECT */
        rc = ngx_sio_call_disconnect(call, order->close, where);
    }

    *count = where->count;

    return rc;
}
