
/*
 * Connections of the load generator: TCP, the WebSocket handshake and frames
 * (RFC 6455), one level-triggered epoll.
 */


#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>


#define LOAD_BUF            (256 * 1024)
#define LOAD_EVENTS         1024

/* RFC 6455, 1.3: the example's key, and what answers it */

#define LOAD_WS_ACCEPT      "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

/* source ports of one address are about 28,000; then the next address */

#define LOAD_PER_ADDRESS    20000

#define LOAD_WS_FIN         0x80
#define LOAD_WS_TEXT        0x1
#define LOAD_WS_CLOSE       0x8
#define LOAD_WS_PING        0x9
#define LOAD_WS_PONG        0xa


static void load_conn_events(load_t *ld, load_conn_t *c, int op);
static void load_conn_read(load_t *ld, load_conn_t *c);
static void load_conn_write(load_t *ld, load_conn_t *c);
static void load_conn_request(load_t *ld, load_conn_t *c);
static ssize_t load_conn_answer(load_t *ld, load_conn_t *c, u_char *p,
    size_t len);
static ssize_t load_conn_frame(load_t *ld, load_conn_t *c, u_char *p,
    size_t len);
static void load_conn_send_frame(load_t *ld, load_conn_t *c, unsigned opcode,
    const u_char *data, size_t len);
static void load_conn_send_raw(load_t *ld, load_conn_t *c, const u_char *data,
    size_t len);
static int load_conn_keep(u_char **to, size_t *nto, size_t *size,
    const u_char *data, size_t len);


static u_char  load_conn_mask[4] = { 0x37, 0xfa, 0x21, 0x3d };


uint64_t
load_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * LOAD_SEC + (uint64_t) ts.tv_nsec;
}


int
load_conn_init(load_t *ld)
{
    struct epoll_event  ee;

    ld->buf = malloc(LOAD_BUF);
    ld->epoll = epoll_create1(EPOLL_CLOEXEC);
    ld->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK|TFD_CLOEXEC);

    if (ld->buf == NULL || ld->epoll == -1 || ld->timer == -1) {
        perror("load: epoll, timerfd");
        return -1;
    }

    memset(&ee, 0, sizeof(ee));
    ee.events = EPOLLIN;

    if (epoll_ctl(ld->epoll, EPOLL_CTL_ADD, ld->timer, &ee) == -1) {
        perror("load: epoll_ctl");
        return -1;
    }

    return 0;
}


static void
load_conn_address(load_t *ld, struct sockaddr_in *sin)
{
    memset(sin, 0, sizeof(struct sockaddr_in));
    sin->sin_family = AF_INET;
    sin->sin_port = htons((uint16_t) ld->port);
    sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}


int
load_conn_wait_server(load_t *ld)
{
    int                 fd, rc;
    uint64_t            end;
    load_proc_t         pr;
    struct timespec     ts;
    struct sockaddr_in  sin;

    load_conn_address(ld, &sin);
    end = load_now() + (uint64_t) (ld->timeout * LOAD_SEC);

    for ( ;; ) {
        fd = socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0);
        if (fd == -1) {
            perror("load: socket");
            return -1;
        }

        rc = connect(fd, (struct sockaddr *) &sin, sizeof(sin));
        close(fd);

        if (rc == 0) {
            return 0;
        }

        if (load_proc_read(ld->pid, &pr, 0) != 0 || load_now() > end) {
            fprintf(stderr, "load: nothing listens on port %d\n", ld->port);
            return -1;
        }

        ts.tv_sec = 0;
        ts.tv_nsec = 20 * LOAD_MSEC;
        nanosleep(&ts, NULL);
    }
}


int
load_conn_port_free(load_t *ld)
{
    int                 fd, one, rc;
    struct sockaddr_in  sin;

    fd = socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0);
    if (fd == -1) {
        perror("load: socket");
        return -1;
    }

    /* as servers do: old connections in TIME_WAIT do not count */

    one = 1;
    (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));

    load_conn_address(ld, &sin);
    rc = bind(fd, (struct sockaddr *) &sin, sizeof(sin));
    close(fd);

    return rc;
}


void
load_conn_open(load_t *ld, load_conn_t *c)
{
    int                 one;
    struct sockaddr_in  sin;

    c->state = LOAD_CONNECT;

    c->fd = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);
    if (c->fd == -1) {
        perror("load: socket");
        c->state = LOAD_CLOSED;
        ld->err.closed++;
        return;
    }

    one = 1;
    (void) setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

    load_conn_address(ld, &sin);

    if (c->id >= LOAD_PER_ADDRESS) {
        (void) setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
                          sizeof(one));

        sin.sin_port = 0;
        sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK
                                    + c->id / LOAD_PER_ADDRESS);

        if (bind(c->fd, (struct sockaddr *) &sin, sizeof(sin)) == -1) {
            perror("load: bind");
        }

        load_conn_address(ld, &sin);
    }

    if (connect(c->fd, (struct sockaddr *) &sin, sizeof(sin)) == -1
        && errno != EINPROGRESS)
    {
        load_conn_close(ld, c, 1);
        return;
    }

    c->writing = 1;
    load_conn_events(ld, c, EPOLL_CTL_ADD);
}


void
load_conn_close(load_t *ld, load_conn_t *c, int failed)
{
    struct linger  linger;

    if (c->state == LOAD_CLOSED) {
        return;
    }

    if (failed && !ld->closing) {
        ld->err.closed++;
    }

    linger.l_onoff = 1;
    linger.l_linger = 0;

    (void) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(c->fd);

    c->fd = -1;
    c->state = LOAD_CLOSED;
    c->nrest = 0;
    c->nout = 0;
}


static void
load_conn_events(load_t *ld, load_conn_t *c, int op)
{
    struct epoll_event  ee;

    memset(&ee, 0, sizeof(ee));
    ee.events = EPOLLIN | (c->writing ? EPOLLOUT : 0);
    ee.data.ptr = c;

    if (epoll_ctl(ld->epoll, op, c->fd, &ee) == -1) {
        perror("load: epoll_ctl");
        load_conn_close(ld, c, 1);
    }
}


void
load_conn_poll(load_t *ld, uint64_t until)
{
    int                 i, n, timeout;
    uint64_t            expired;
    load_conn_t        *c;
    struct itimerspec   its;
    struct epoll_event  events[LOAD_EVENTS];

    timeout = -1;

    if (until <= load_now()) {
        timeout = 0;

    } else if (ld->timer_at != until) {
        memset(&its, 0, sizeof(its));
        its.it_value.tv_sec = (time_t) (until / LOAD_SEC);
        its.it_value.tv_nsec = (long) (until % LOAD_SEC);

        (void) timerfd_settime(ld->timer, TFD_TIMER_ABSTIME, &its, NULL);
        ld->timer_at = until;
    }

    n = epoll_wait(ld->epoll, events, LOAD_EVENTS, timeout);

    for (i = 0; i < n; i++) {
        c = events[i].data.ptr;

        if (c == NULL) {
            if (read(ld->timer, &expired, sizeof(expired)) > 0) {
                ld->timer_at = 0;
            }
            continue;
        }

        if (c->state != LOAD_CLOSED && (events[i].events & EPOLLOUT)) {
            load_conn_write(ld, c);
        }

        if (c->state != LOAD_CLOSED
            && (events[i].events & (EPOLLIN|EPOLLERR|EPOLLHUP)))
        {
            load_conn_read(ld, c);
        }
    }
}


static void
load_conn_read(load_t *ld, load_conn_t *c)
{
    int       full;
    u_char   *p, *last;
    size_t    size;
    ssize_t   n;

    for ( ;; ) {
        if (c->nrest) {
            memcpy(ld->buf, c->rest, c->nrest);
        }

        size = LOAD_BUF - c->nrest;
        n = recv(c->fd, ld->buf + c->nrest, size, 0);

        if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }

        if (n <= 0) {
            load_conn_close(ld, c, 1);
            return;
        }

        ld->now = load_now();

        full = ((size_t) n == size);
        p = ld->buf;
        last = ld->buf + c->nrest + n;

        while (p < last) {
            n = c->state <= LOAD_HTTP
                    ? load_conn_answer(ld, c, p, (size_t) (last - p))
                    : load_conn_frame(ld, c, p, (size_t) (last - p));

            if (c->state == LOAD_CLOSED) {
                return;
            }

            if (n == -1) {
                ld->err.corrupt++;
                load_conn_close(ld, c, 1);
                return;
            }

            if (n == 0) {
                break;
            }

            p += n;
        }

        c->nrest = 0;

        if (p < last
            && load_conn_keep(&c->rest, &c->nrest, &c->rest_size, p,
                              (size_t) (last - p))
               != 0)
        {
            load_conn_close(ld, c, 1);
            return;
        }

        if (!full) {
            return;
        }
    }
}


static void
load_conn_write(load_t *ld, load_conn_t *c)
{
    ssize_t  n;

    if (c->state == LOAD_CONNECT) {
        load_conn_request(ld, c);
        return;
    }

    if (c->nout) {
        n = send(c->fd, c->out, c->nout, MSG_NOSIGNAL);

        if (n == -1) {
            if (errno != EAGAIN && errno != EINTR) {
                load_conn_close(ld, c, 1);
            }
            return;
        }

        c->nout -= (size_t) n;
        memmove(c->out, c->out + n, c->nout);
    }

    if (c->nout == 0 && c->writing) {
        c->writing = 0;
        load_conn_events(ld, c, EPOLL_CTL_MOD);
    }
}


static void
load_conn_request(load_t *ld, load_conn_t *c)
{
    int        err;
    char       buf[512];
    size_t     len;
    socklen_t  slen;

    err = 0;
    slen = sizeof(err);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &slen) == -1 || err) {
        load_conn_close(ld, c, 1);
        return;
    }

    c->state = LOAD_HTTP;
    c->writing = 0;
    load_conn_events(ld, c, EPOLL_CTL_MOD);

    if (c->state == LOAD_CLOSED) {
        return;
    }

    len = load_wire_request(ld, c, buf, sizeof(buf));
    load_conn_send_raw(ld, c, (u_char *) buf, len);
}


/*
 * Returns the length of the answer, 0 if it is incomplete, -1 if it is not
 * what was asked for.
 */

static ssize_t
load_conn_answer(load_t *ld, load_conn_t *c, u_char *p, size_t len)
{
    char     head[2048], *value;
    u_char  *end;
    size_t   n;

    end = memmem(p, len, "\r\n\r\n", 4);

    if (end == NULL) {
        return len < sizeof(head) ? 0 : -1;
    }

    n = (size_t) (end - p) + 4;

    if (n >= sizeof(head)) {
        return -1;
    }

    memcpy(head, p, n);
    head[n] = '\0';

    if (strncmp(head, "HTTP/1.1 101 ", 13) != 0) {
        fprintf(stderr, "load: refused: %.*s\n",
                (int) strcspn(head, "\r"), head);
        return -1;
    }

    value = strcasestr(head, "\r\nSec-WebSocket-Accept:");
    if (value == NULL) {
        return -1;
    }

    value += sizeof("\r\nSec-WebSocket-Accept:") - 1;
    value += strspn(value, " ");

    if (strncmp(value, LOAD_WS_ACCEPT "\r\n", sizeof(LOAD_WS_ACCEPT) + 1)
        != 0)
    {
        return -1;
    }

    c->state = LOAD_OPEN;
    load_wire_opened(ld, c);

    return (ssize_t) n;
}


/*
 * Returns the length of the frame, 0 if it is incomplete, -1 if a server
 * must not send it (masked, fragmented, binary, too long) in these cases.
 */

static ssize_t
load_conn_frame(load_t *ld, load_conn_t *c, u_char *p, size_t len)
{
    size_t    head, n;
    unsigned  opcode;

    if (len < 2) {
        return 0;
    }

    if ((p[0] & 0xf0) != LOAD_WS_FIN || (p[1] & 0x80)) {
        return -1;
    }

    opcode = p[0] & 0x0f;
    n = p[1];
    head = 2;

    if (n == 126) {
        if (len < 4) {
            return 0;
        }

        n = ((size_t) p[2] << 8) | p[3];
        head = 4;

    } else if (n == 127) {
        return -1;
    }

    if (len < head + n) {
        return 0;
    }

    switch (opcode) {

    case LOAD_WS_TEXT:
        load_wire_message(ld, c, p + head, n);
        break;

    case LOAD_WS_PING:
        load_conn_send_frame(ld, c, LOAD_WS_PONG, p + head, n);
        break;

    case LOAD_WS_CLOSE:
        load_conn_close(ld, c, 1);
        break;

    default:
        return -1;
    }

    return (ssize_t) (head + n);
}


void
load_conn_send(load_t *ld, load_conn_t *c, const u_char *data, size_t len)
{
    load_conn_send_frame(ld, c, LOAD_WS_TEXT, data, len);
}


static void
load_conn_send_frame(load_t *ld, load_conn_t *c, unsigned opcode,
    const u_char *data, size_t len)
{
    size_t  i, head;
    u_char  buf[LOAD_PAYLOAD_MAX + 256];

    if (len > sizeof(buf) - 8 || c->state == LOAD_CLOSED) {
        return;
    }

    buf[0] = (u_char) (LOAD_WS_FIN | opcode);

    if (len < 126) {
        buf[1] = (u_char) (0x80 | len);
        head = 2;

    } else {
        buf[1] = 0x80 | 126;
        buf[2] = (u_char) (len >> 8);
        buf[3] = (u_char) len;
        head = 4;
    }

    memcpy(buf + head, load_conn_mask, 4);
    head += 4;

    for (i = 0; i < len; i++) {
        buf[head + i] = data[i] ^ load_conn_mask[i & 3];
    }

    load_conn_send_raw(ld, c, buf, head + len);
}


static void
load_conn_send_raw(load_t *ld, load_conn_t *c, const u_char *data, size_t len)
{
    ssize_t  n;

    n = 0;

    if (c->nout == 0) {
        n = send(c->fd, data, len, MSG_NOSIGNAL);

        if (n == -1) {
            if (errno != EAGAIN && errno != EINTR) {
                load_conn_close(ld, c, 1);
                return;
            }
            n = 0;
        }

        if ((size_t) n == len) {
            return;
        }
    }

    if (load_conn_keep(&c->out, &c->nout, &c->out_size, data + n,
                       len - (size_t) n)
        != 0)
    {
        load_conn_close(ld, c, 1);
        return;
    }

    if (!c->writing) {
        c->writing = 1;
        load_conn_events(ld, c, EPOLL_CTL_MOD);
    }
}


/* appends to a growing buffer */

static int
load_conn_keep(u_char **to, size_t *nto, size_t *size, const u_char *data,
    size_t len)
{
    u_char  *grown;
    size_t   want;

    if (*nto + len > *size) {
        want = (*nto + len) * 2;

        grown = realloc(*to, want);
        if (grown == NULL) {
            return -1;
        }

        *to = grown;
        *size = want;
    }

    memcpy(*to + *nto, data, len);
    *nto += len;

    return 0;
}
