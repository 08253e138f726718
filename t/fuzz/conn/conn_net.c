
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Connections without sockets: nginx's requests and the module's WebSockets
 * read and write through functions here, and what epoll would say is said by
 * conn_deliver(), at the edges where it would.
 *
 * A descriptor is there, too, of a socket pair that nobody reads: it may be
 * shut down, have options set, and be closed.
 */


#include "conn.h"

#include <sys/socket.h>
#include <sys/un.h>


static ssize_t conn_recv(ngx_connection_t *c, u_char *buf, size_t size);
static ssize_t conn_send(ngx_connection_t *c, u_char *buf, size_t size);
static ngx_chain_t *conn_send_chain(ngx_connection_t *c, ngx_chain_t *in,
    off_t limit);
static size_t conn_taken(conn_slot_t *slot, const u_char *p, size_t len);
static ngx_int_t conn_add_event(ngx_event_t *ev, ngx_int_t event,
    ngx_uint_t flags);
static ngx_int_t conn_del_event(ngx_event_t *ev, ngx_int_t event,
    ngx_uint_t flags);
static ngx_int_t conn_add_connection(ngx_connection_t *c);
static ngx_int_t conn_del_connection(ngx_connection_t *c, ngx_uint_t flags);


conn_slot_t  conn_slots[CONN_SLOTS];

static int   conn_fds[2];

static struct sockaddr_in  conn_client = {
    .sin_family = AF_INET
};


void
conn_net_init(void)
{
    ngx_listening_t  *ls;

    ls = ngx_cycle->listening.elts;

    /* nobody shall connect to it, and the next one use the name */
    (void) unlink(((struct sockaddr_un *) ls->sockaddr)->sun_path);

    conn_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, conn_fds) == 0, "socketpair");

    conn_client.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    ngx_event_actions.add = conn_add_event;
    ngx_event_actions.enable = conn_add_event;
    ngx_event_actions.del = conn_del_event;
    ngx_event_actions.disable = conn_del_event;
    ngx_event_actions.add_conn = conn_add_connection;
    ngx_event_actions.del_conn = conn_del_connection;

    /* the same on kernels that are too old for it */
    ngx_use_epoll_rdhup = 1;
}


conn_slot_t *
conn_slot(ngx_connection_t *c)
{
    ngx_uint_t  i;

    for (i = 0; i < CONN_SLOTS; i++) {
        if (conn_slots[i].connection == c) {
            return &conn_slots[i];
        }
    }

    return NULL;
}


/* as ngx_event_accept() does */

void
conn_open(conn_slot_t *slot, ngx_uint_t k)
{
    ngx_log_t         *log;
    ngx_connection_t  *c;
    ngx_listening_t   *ls;

    conn_switch(k);

    ls = ngx_cycle->listening.elts;

    c = ngx_get_connection(dup(conn_fds[0]), &conn_workers[k].log);
    conn_ok(c && c->fd != -1, "no connection");

    slot->connection = c;
    slot->worker = k;
    slot->chunk = CONN_NO_LIMIT;
    slot->budget = CONN_NO_LIMIT;
    slot->pos = slot->in;
    slot->last = slot->in;
    slot->eof = 0;
    slot->reset = 0;
    slot->edge_in = 0;
    slot->edge_out = 0;

    conn_out_reset(&slot->out);

    c->type = SOCK_STREAM;
    c->pool = ngx_create_pool(ls->pool_size, &conn_workers[k].log);
    log = ngx_palloc(c->pool, sizeof(ngx_log_t));

    *log = conn_workers[k].log;

    c->recv = conn_recv;
    c->send = conn_send;
    c->send_chain = conn_send_chain;

    c->log = log;
    c->pool->log = log;

    c->listening = ls;
    c->sockaddr = (struct sockaddr *) &conn_client;
    c->socklen = sizeof(struct sockaddr_in);
    c->local_sockaddr = ls->sockaddr;
    c->local_socklen = ls->socklen;
    ngx_str_set(&c->addr_text, "127.0.0.1");

    c->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    c->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;

    c->read->log = log;
    c->write->log = log;
    c->write->ready = 1;

    c->number = slot - conn_slots;
    c->start_time = ngx_current_msec;

    ls->handler(c);
}


void
conn_feed(conn_slot_t *slot, const u_char *p, size_t len)
{
    if (slot->connection == NULL || slot->eof || slot->reset) {
        return;
    }

    if (slot->pos != slot->in) {
        memmove(slot->in, slot->pos, slot->last - slot->pos);
        slot->last -= slot->pos - slot->in;
        slot->pos = slot->in;
    }

    len = ngx_min(len, (size_t) (slot->in + CONN_IN - slot->last));

    slot->last = ngx_cpymem(slot->last, p, len);
    slot->edge_in = 1;
}


void
conn_end(conn_slot_t *slot, ngx_uint_t reset)
{
    if (reset) {
        slot->reset = 1;
        slot->budget = 0;

    } else {
        slot->eof = 1;
    }

    slot->edge_in = 1;
}


/* epoll_wait() */

ngx_uint_t
conn_deliver(conn_slot_t *slot)
{
    ngx_uint_t         in, out, instance;
    ngx_event_t       *rev, *wev;
    ngx_connection_t  *c;

    c = slot->connection;

    if (c == NULL) {
        return 0;
    }

    rev = c->read;
    wev = c->write;
    instance = rev->instance;

    in = slot->edge_in && rev->active;

    /* a descriptor's events are told together */

    out = (slot->edge_out || in) && wev->active
          && (slot->budget || slot->reset);

    if (in) {
        slot->edge_in = 0;

        if (slot->pos != slot->last || slot->eof || slot->reset) {

            if (slot->eof || slot->reset) {
                rev->pending_eof = 1;
            }

            rev->ready = 1;
            rev->available = -1;

            rev->handler(rev);
        }
    }

    if (out && slot->connection == c && rev->instance == instance) {
        slot->edge_out = 0;
        wev->ready = 1;

        wev->handler(wev);
    }

    return in || out;
}


static ssize_t
conn_recv(ngx_connection_t *c, u_char *buf, size_t size)
{
    size_t        n;
    ngx_event_t  *rev;
    conn_slot_t  *slot;

    rev = c->read;
    slot = conn_slot(c);

    conn_ok(slot, "recv() of a closed connection");

    if (slot->reset) {
        rev->ready = 0;
        rev->error = 1;
        return NGX_ERROR;
    }

    n = ngx_min((size_t) (slot->last - slot->pos), size);

    if (n == 0) {
        rev->ready = 0;

        if (slot->eof) {
            rev->eof = 1;
            return 0;
        }

        return NGX_AGAIN;
    }

    if (n > slot->chunk) {

        /* what follows comes in a segment of its own */

        n = slot->chunk;
        rev->ready = 0;
        slot->edge_in = 1;

        if (--slot->chunks == 0) {
            slot->chunk = CONN_NO_LIMIT;
        }

    } else if (n < size && !slot->eof) {
        rev->ready = 0;
    }

    ngx_memcpy(buf, slot->pos, n);
    slot->pos += n;

    return n;
}


/* how much of it the peer takes */

static size_t
conn_taken(conn_slot_t *slot, const u_char *p, size_t len)
{
    size_t  n;

    n = ngx_min(len, slot->budget);

    if (slot->budget != CONN_NO_LIMIT) {
        slot->budget -= n;
    }

    if (conn_verbose && n) {
        conn_show("  to", slot - conn_slots, p, n);
    }

    if (!slot->eof) {
        conn_out_bytes(&slot->out, p, n);
    }

    return n;
}


static ssize_t
conn_send(ngx_connection_t *c, u_char *buf, size_t size)
{
    size_t        n;
    conn_slot_t  *slot;

    slot = conn_slot(c);

    conn_ok(slot, "send() of a closed connection");

    if (slot->reset) {
        c->write->error = 1;
        return NGX_ERROR;
    }

    n = conn_taken(slot, buf, size);

    if (n < size) {
        c->write->ready = 0;
    }

    c->sent += n;

    return (n || size == 0) ? (ssize_t) n : NGX_AGAIN;
}


ssize_t
conn_writev(ngx_connection_t *c, ngx_iovec_t *vec)
{
    size_t        n, sent;
    ngx_uint_t    i;
    conn_slot_t  *slot;

    slot = conn_slot(c);

    conn_ok(slot, "writev() of a closed connection");
    conn_ok(vec->count && vec->count <= IOV_MAX, "writev() of %lu buffers",
            (unsigned long) vec->count);

    if (slot->reset) {
        c->write->error = 1;
        return NGX_ERROR;
    }

    sent = 0;

    for (i = 0; i < vec->count; i++) {
        n = conn_taken(slot, vec->iovs[i].iov_base, vec->iovs[i].iov_len);
        sent += n;

        if (n < vec->iovs[i].iov_len) {
            break;
        }
    }

    return sent ? (ssize_t) sent : NGX_AGAIN;
}


static ngx_chain_t *
conn_send_chain(ngx_connection_t *c, ngx_chain_t *in, off_t limit)
{
    size_t        n, size;
    off_t         sent;
    conn_slot_t  *slot;
    ngx_chain_t  *cl;

    slot = conn_slot(c);

    conn_ok(slot, "send_chain() of a closed connection");

    if (slot->reset) {
        c->write->error = 1;
        return NGX_CHAIN_ERROR;
    }

    sent = 0;

    for (cl = in; cl; cl = cl->next) {

        if (ngx_buf_special(cl->buf)) {
            continue;
        }

        conn_ok(ngx_buf_in_memory(cl->buf), "a buffer that is a file");

        size = cl->buf->last - cl->buf->pos;
        n = conn_taken(slot, cl->buf->pos, size);
        sent += n;

        if (n < size) {
            c->write->ready = 0;
            break;
        }
    }

    c->sent += sent;

    return ngx_chain_update_sent(in, sent);
}


/* an edge that is there already is told */

static ngx_int_t
conn_add_event(ngx_event_t *ev, ngx_int_t event, ngx_uint_t flags)
{
    conn_slot_t  *slot;

    ev->active = 1;
    slot = conn_slot(ev->data);

    if (slot) {
        slot->edge_in = 1;
        slot->edge_out |= ev->write;
    }

    return NGX_OK;
}


static ngx_int_t
conn_del_event(ngx_event_t *ev, ngx_int_t event, ngx_uint_t flags)
{
    ev->active = 0;

    return NGX_OK;
}


static ngx_int_t
conn_add_connection(ngx_connection_t *c)
{
    return NGX_ERROR;
}


static ngx_int_t
conn_del_connection(ngx_connection_t *c, ngx_uint_t flags)
{
    conn_slot_t  *slot;

    c->read->active = 0;
    c->write->active = 0;

    slot = conn_slot(c);

    if (slot) {
        slot->connection = NULL;
    }

    return NGX_OK;
}
