
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * An order that asks for acknowledgements: the request waits for all sockets'
 * answers, or the timeout.
 */


#include "ngx_http_sio_api.h"


static void ngx_http_sio_api_gathered(ngx_sio_gather_t *gather);
static ngx_int_t ngx_http_sio_api_responses(ngx_http_sio_api_ctx_t *api);


/* a final code, or NGX_DONE: it will be answered */

ngx_int_t
ngx_http_sio_api_ask(ngx_http_sio_api_ctx_t *api, ngx_sio_order_t *order)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    api->gather.done = ngx_http_sio_api_gathered;

    rc = ngx_sio_gather_open(&api->gather, &api->call, &order->out,
                             order->timeout);

    switch (rc) {

    case NGX_OK:
        return ngx_http_sio_api_responses(api);

    case NGX_AGAIN:
        break;

    case NGX_DECLINED:
        ngx_str_set(&text, "too many requests wait for acks in this worker");
        return ngx_http_sio_api_error(api, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      "busy", &text);

    default:
        ngx_str_set(&text, "the zone is full");
        return ngx_http_sio_api_error(api, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      "zone_full", &text);
    }

    api->request->connection->log->action = "waiting for acks";

    /* a client that goes ends it: nobody is there to be told */

    return ngx_http_sio_watch(api->request) == NGX_OK
           ? NGX_DONE : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static void
ngx_http_sio_api_gathered(ngx_sio_gather_t *gather)
{
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_sio_api_ctx_t  *api;

    api = (ngx_http_sio_api_ctx_t *)
              ((u_char *) gather - offsetof(ngx_http_sio_api_ctx_t, gather));

    r = api->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_finalize_request(r, ngx_http_sio_api_responses(api));
    ngx_http_run_posted_requests(c);
}


/* {"receivers":3,"responses":[...],"missing":1}; a final code */

static ngx_int_t
ngx_http_sio_api_responses(ngx_http_sio_api_ctx_t *api)
{
    u_char             buf[sizeof("],\"missing\":,\"truncated\":true}")
                           + NGX_INT_T_LEN];
    u_char            *p;
    ngx_sio_gather_t  *g;

    g = &api->gather;

    p = ngx_sprintf(buf, "{\"receivers\":%ui,", g->receivers);

    if (ngx_http_sio_api_add(api, buf, p - buf) != NGX_OK
        || ngx_http_sio_api_add(api, "\"responses\":[",
                                sizeof("\"responses\":[") - 1)
           != NGX_OK
        || (g->len && ngx_http_sio_api_add(api, g->data, g->len) != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_sprintf(buf, "],\"missing\":%ui%s}",
                    g->receivers - g->nresponses,
                    g->truncated ? ",\"truncated\":true" : "");

    if (ngx_http_sio_api_add(api, buf, p - buf) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_sio_gather_close(g);

    return ngx_http_sio_api_send_out(api);
}
