
/*
 * The two dialects.  Socket.IO v5 over Engine.IO v4: a member asks with an
 * acknowledgement to join its room, so the answer says that it is in.  nchan:
 * members subscribe with the request; that they are in shows when a published
 * probe reaches them.
 */


#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* RFC 6455, 1.3 */
#define LOAD_WS_KEY         "dGhlIHNhbXBsZSBub25jZQ=="

#define LOAD_CHAT           "42[\"chat\",\""
#define LOAD_CHAT_LEN       (sizeof(LOAD_CHAT) - 1)

#define LOAD_PROBE          "probe "
#define LOAD_PROBE_LEN      (sizeof(LOAD_PROBE) - 1)

#define load_wire_is(data, len, text)                                         \
    ((len) == sizeof(text) - 1 && memcmp(data, text, sizeof(text) - 1) == 0)

#define load_wire_begins(data, len, text)                                     \
    ((len) >= sizeof(text) - 1 && memcmp(data, text, sizeof(text) - 1) == 0)


static void load_wire_ready(load_t *ld, load_conn_t *c);
static void load_wire_sio(load_t *ld, load_conn_t *c, u_char *data,
    size_t len);
static void load_wire_sio_opening(load_t *ld, load_conn_t *c, u_char *data,
    size_t len);
static void load_wire_nchan(load_t *ld, load_conn_t *c, u_char *data,
    size_t len);


size_t
load_wire_request(load_t *ld, load_conn_t *c, char *buf, size_t size)
{
    char  uri[64];

    if (ld->dialect == LOAD_NCHAN) {
        snprintf(uri, sizeof(uri), "/%s/r%u", c->publisher ? "pub" : "sub",
                 c->room == LOAD_NONE ? 0 : c->room);

    } else {
        snprintf(uri, sizeof(uri), "/socket.io/?EIO=4&transport=websocket");
    }

    return (size_t) snprintf(buf, size,
                             "GET %s HTTP/1.1\r\n"
                             "Host: 127.0.0.1:%d\r\n"
                             "Connection: Upgrade\r\n"
                             "Upgrade: websocket\r\n"
                             "Sec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Key: " LOAD_WS_KEY "\r\n\r\n",
                             uri, ld->port);
}


void
load_wire_opened(load_t *ld, load_conn_t *c)
{
    if (ld->dialect == LOAD_NCHAN) {
        load_wire_ready(ld, c);
    }
}


static void
load_wire_ready(load_t *ld, load_conn_t *c)
{
    c->state = LOAD_READY;
    ld->nready++;
}


void
load_wire_message(load_t *ld, load_conn_t *c, u_char *data, size_t len)
{
    if (ld->dialect == LOAD_NCHAN) {
        load_wire_nchan(ld, c, data, len);

    } else if (c->state == LOAD_READY) {
        load_wire_sio(ld, c, data, len);

    } else {
        load_wire_sio_opening(ld, c, data, len);
    }
}


static void
load_wire_sio_opening(load_t *ld, load_conn_t *c, u_char *data, size_t len)
{
    int     n;
    u_char  buf[64];

    /* Engine.IO v4: the heartbeat may begin at once */

    if (load_wire_is(data, len, "2")) {
        load_conn_send(ld, c, (u_char *) "3", 1);
        return;
    }

    switch (c->state) {

    case LOAD_OPEN:
        if (load_wire_begins(data, len, "0{")) {
            c->state = LOAD_NSP;
            load_conn_send(ld, c, (u_char *) "40", 2);
            return;
        }
        break;

    case LOAD_NSP:
        if (load_wire_begins(data, len, "40{")) {

            if (c->room == LOAD_NONE) {
                load_wire_ready(ld, c);
                return;
            }

            c->state = LOAD_JOIN;
            n = snprintf((char *) buf, sizeof(buf),
                         "420[\"joinRoom\",\"r%u\"]", c->room);
            load_conn_send(ld, c, buf, (size_t) n);
            return;
        }
        break;

    case LOAD_JOIN:
        if (load_wire_is(data, len, "430[]")) {
            load_wire_ready(ld, c);
            return;
        }
        break;

    default:
        break;
    }

    fprintf(stderr, "load: unexpected while opening: %.*s\n",
            (int) (len < 80 ? len : 80), data);

    ld->err.corrupt++;
    load_conn_close(ld, c, 1);
}


static void
load_wire_sio(load_t *ld, load_conn_t *c, u_char *data, size_t len)
{
    size_t    i;
    uint32_t  id;

    if (len == LOAD_CHAT_LEN + ld->size + 2
        && memcmp(data, LOAD_CHAT, LOAD_CHAT_LEN) == 0
        && data[len - 2] == '"' && data[len - 1] == ']')
    {
        load_check_payload(ld, c, data + LOAD_CHAT_LEN, ld->size);
        return;
    }

    if (load_wire_is(data, len, "2")) {
        load_conn_send(ld, c, (u_char *) "3", 1);
        return;
    }

    if (load_wire_begins(data, len, "43")) {
        id = 0;

        for (i = 2; i < len && data[i] >= '0' && data[i] <= '9'; i++) {
            id = id * 10 + (uint32_t) (data[i] - '0');
        }

        if (i > 2 && len - i >= 2 && data[i] == '[' && data[len - 1] == ']') {
            load_check_echo(ld, c, id, data + i + 1, len - i - 2);
            return;
        }
    }

    ld->err.corrupt++;
}


static void
load_wire_nchan(load_t *ld, load_conn_t *c, u_char *data, size_t len)
{
    uint32_t  n;

    if (c->publisher) {
        /* nchan tells a publisher about its channel after each message */
        return;
    }

    if (len == ld->size && len > LOAD_PROBE_LEN
        && memcmp(data, LOAD_PROBE, LOAD_PROBE_LEN) != 0)
    {
        load_check_payload(ld, c, data, len);
        return;
    }

    if (load_wire_begins(data, len, LOAD_PROBE)) {
        data[len - 1] = '\0';
        n = (uint32_t) strtoul((char *) data + LOAD_PROBE_LEN, NULL, 10);

        if (n > c->probe) {
            c->probe = n;
        }

        return;
    }

    ld->err.corrupt++;
}


void
load_wire_talk(load_t *ld, load_talker_t *tk, uint32_t number, uint64_t time)
{
    int     n;
    u_char  buf[LOAD_PAYLOAD_MAX + 64];

    n = 0;

    if (ld->dialect == LOAD_SIO) {
        n = snprintf((char *) buf, 64, "42[\"chat\",\"r%u\",\"", tk->room);
    }

    load_check_write(ld, buf + n, (uint32_t) (tk - ld->tk), number, time);
    n += (int) ld->size;

    if (ld->dialect == LOAD_SIO) {
        buf[n++] = '"';
        buf[n++] = ']';
    }

    load_conn_send(ld, tk->conn, buf, (size_t) n);
}


void
load_wire_probe(load_t *ld, load_talker_t *tk, uint32_t number)
{
    int     n;
    u_char  buf[64];

    n = snprintf((char *) buf, sizeof(buf), LOAD_PROBE "%u.", number);
    load_conn_send(ld, tk->conn, buf, (size_t) n);
}


void
load_wire_echo(load_t *ld, load_conn_t *c)
{
    int     n;
    u_char  buf[LOAD_PAYLOAD_MAX + 64];

    c->echo_id++;
    c->echo_time = load_now();

    n = snprintf((char *) buf, 64, "42%u[\"echo\",\"", c->echo_id);

    load_check_write(ld, buf + n, c->id, c->echo_id, c->echo_time);
    n += (int) ld->size;

    buf[n++] = '"';
    buf[n++] = ']';

    ld->sent++;
    load_conn_send(ld, c, buf, (size_t) n);
}
