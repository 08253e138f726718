
/*
 * The floor: the least a server can do for the same wire.  It takes the
 * WebSocket handshake and the messages in the one form that the load generator
 * sends them in, knows connections and rooms by number, checks nothing, and
 * does nothing but the system calls:
 *
 *     -m send   one send() per delivery, at once
 *     -m tick   what one turn of the event loop brings is collected, then one
 *               send() per connection
 *
 * It is a ruler and not a server: never let anything else talk to it.
 *
 * With -x it does one thing wrong in every thousand messages, to test the load
 * generator: lose, double, swap with the next one, spoil a byte, stray to the
 * next room, close the connection.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>


#define FLOOR_BUF           (256 * 1024)
#define FLOOR_EVENTS        512
#define FLOOR_ROOMS         4096
#define FLOOR_FDS           65536
#define FLOOR_MISTAKE       1000

/* the answer to the one key that the load generator sends */

#define FLOOR_HANDSHAKE                                                       \
    "HTTP/1.1 101 Switching Protocols\r\n"                                    \
    "Upgrade: websocket\r\n"                                                  \
    "Connection: Upgrade\r\n"                                                 \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

#define FLOOR_OPEN                                                            \
    "0{\"sid\":\"aaaaaaaaaaaaaaaaaaaa\",\"upgrades\":[],"                     \
    "\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}"

#define FLOOR_CONNECT       "40{\"sid\":\"bbbbbbbbbbbbbbbbbbbb\"}"

#define floor_begins(p, len, text)                                            \
    ((len) >= sizeof(text) - 1 && memcmp(p, text, sizeof(text) - 1) == 0)


typedef unsigned char       u_char;


typedef struct {
    u_char             *data;
    size_t              len;
    size_t              size;
} floor_buf_t;


typedef struct {
    int                 fd;         /* -1: free */
    int                 open;       /* the handshake is done */
    int                 room;       /* -1: none */
    uint32_t            place;      /* in the room's members */
    int                 dirty;      /* in the list of this turn */
    int                 blocked;    /* "out" waits for EPOLLOUT */
    floor_buf_t         in;         /* an incomplete frame */
    floor_buf_t         out;        /* own answers; what was not taken */
} floor_conn_t;


typedef struct {
    uint32_t           *members;    /* file descriptors */
    uint32_t            n;
    uint32_t            size;
    int                 dirty;
    floor_buf_t         out;        /* frames of this turn, for every member */
} floor_room_t;


static void floor_accept(int ls);
static void floor_read(floor_conn_t *c);
static size_t floor_handshake(floor_conn_t *c, u_char *p, size_t len);
static size_t floor_frame(floor_conn_t *c, u_char *p, size_t len);
static void floor_message(floor_conn_t *c, u_char *p, size_t len);
static void floor_join(floor_conn_t *c, int n);
static void floor_chat(u_char *p, size_t len);
static void floor_echo(floor_conn_t *c, u_char *p, size_t len);
static void floor_answer(floor_conn_t *c, const char *text, size_t len);
static void floor_deliver(floor_conn_t *c, const u_char *data, size_t len);
static void floor_turn(void);
static void floor_flush(floor_conn_t *c);
static void floor_close(floor_conn_t *c);
static int floor_mistake(floor_conn_t *c, u_char *frame, size_t len);
static size_t floor_head(u_char *buf, size_t len);
static void floor_append(floor_buf_t *b, const u_char *data, size_t len);


static int            floor_tick;
static int            floor_epoll;
static const char    *floor_wrong;     /* what to do wrong */
static size_t         floor_right;     /* messages since the last mistake */
static floor_buf_t    floor_held;      /* swap: comes after the next one */
static u_char         floor_in[FLOOR_BUF];
static floor_conn_t   floor_conns[FLOOR_FDS];     /* by file descriptor */
static floor_room_t   floor_rooms[FLOOR_ROOMS];

static floor_conn_t  *floor_dirty_conns[FLOOR_FDS];
static size_t         floor_ndirty_conns;
static floor_room_t  *floor_dirty_rooms[FLOOR_ROOMS];
static size_t         floor_ndirty_rooms;


int
main(int argc, char **argv)
{
    int                  i, n, ch, ls, port, one;
    floor_conn_t        *c;
    struct rlimit        rl;
    struct sockaddr_in   sin;
    struct epoll_event   ee, events[FLOOR_EVENTS];

    port = 0;

    while ((ch = getopt(argc, argv, "p:m:x:")) != -1) {
        if (ch == 'p') {
            port = atoi(optarg);

        } else if (ch == 'x') {
            floor_wrong = optarg;

        } else if (ch == 'm' && strcmp(optarg, "tick") == 0) {
            floor_tick = 1;

        } else if (ch != 'm' || strcmp(optarg, "send") != 0) {
            port = 0;
            break;
        }
    }

    if (port <= 0 || port > 65535) {
        fprintf(stderr, "usage: floor -p PORT -m send|tick [-x MISTAKE]\n");
        return 2;
    }

    if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
        rl.rlim_cur = rl.rlim_max < FLOOR_FDS ? rl.rlim_max : FLOOR_FDS;
        (void) setrlimit(RLIMIT_NOFILE, &rl);
    }

    ls = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);
    one = 1;
    (void) setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    floor_epoll = epoll_create1(EPOLL_CLOEXEC);

    memset(&ee, 0, sizeof(ee));
    ee.events = EPOLLIN;

    if (bind(ls, (struct sockaddr *) &sin, sizeof(sin)) == -1
        || listen(ls, 4096) == -1
        || epoll_ctl(floor_epoll, EPOLL_CTL_ADD, ls, &ee) == -1)
    {
        perror("floor: listen");
        return 1;
    }

    for ( ;; ) {
        n = epoll_wait(floor_epoll, events, FLOOR_EVENTS, -1);

        for (i = 0; i < n; i++) {
            c = events[i].data.ptr;

            if (c == NULL) {
                floor_accept(ls);
                continue;
            }

            if (c->fd != -1 && (events[i].events & EPOLLOUT)) {
                floor_flush(c);
            }

            if (c->fd != -1 && (events[i].events & ~(uint32_t) EPOLLOUT)) {
                floor_read(c);
            }
        }

        floor_turn();
    }
}


static void
floor_accept(int ls)
{
    int                 fd, one;
    floor_conn_t       *c;
    struct epoll_event  ee;

    for ( ;; ) {
        fd = accept4(ls, NULL, NULL, SOCK_NONBLOCK|SOCK_CLOEXEC);
        if (fd == -1) {
            return;
        }

        if (fd >= FLOOR_FDS) {
            close(fd);
            continue;
        }

        one = 1;
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

        c = &floor_conns[fd];
        c->fd = fd;
        c->open = 0;
        c->room = -1;

        memset(&ee, 0, sizeof(ee));
        ee.events = EPOLLIN;
        ee.data.ptr = c;

        if (epoll_ctl(floor_epoll, EPOLL_CTL_ADD, fd, &ee) == -1) {
            floor_close(c);
        }
    }
}


static void
floor_read(floor_conn_t *c)
{
    u_char   *p, *last;
    size_t    used;
    ssize_t   n;

    if (c->in.len) {
        memcpy(floor_in, c->in.data, c->in.len);
    }

    n = recv(c->fd, floor_in + c->in.len, FLOOR_BUF - c->in.len, 0);

    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            floor_close(c);
        }
        return;
    }

    p = floor_in;
    last = floor_in + c->in.len + n;
    c->in.len = 0;

    while (p < last) {
        used = c->open ? floor_frame(c, p, (size_t) (last - p))
                       : floor_handshake(c, p, (size_t) (last - p));

        if (c->fd == -1) {
            return;
        }

        if (used == 0) {
            floor_append(&c->in, p, (size_t) (last - p));
            return;
        }

        p += used;
    }
}


static size_t
floor_handshake(floor_conn_t *c, u_char *p, size_t len)
{
    u_char  *end;

    end = memmem(p, len, "\r\n\r\n", 4);
    if (end == NULL) {
        return 0;
    }

    c->open = 1;

    floor_deliver(c, (u_char *) FLOOR_HANDSHAKE, sizeof(FLOOR_HANDSHAKE) - 1);
    floor_answer(c, FLOOR_OPEN, sizeof(FLOOR_OPEN) - 1);

    return (size_t) (end - p) + 4;
}


static size_t
floor_frame(floor_conn_t *c, u_char *p, size_t len)
{
    u_char  *data;
    size_t   i, n;

    if (len < 6) {
        return 0;
    }

    n = p[1] & 0x7f;
    data = p + 6;

    if (n == 126) {
        n = ((size_t) p[2] << 8) | p[3];
        data = p + 8;
    }

    if (n == 127 || (p[0] & 0x0f) == 8) {
        floor_close(c);
        return 0;
    }

    if (len < (size_t) (data - p) + n) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        data[i] ^= data[(i & 3) - 4];
    }

    floor_message(c, data, n);

    return (size_t) (data - p) + n;
}


static void
floor_message(floor_conn_t *c, u_char *p, size_t len)
{
    if (floor_begins(p, len, "42[\"chat\",\"r")) {
        floor_chat(p, len);

    } else if (floor_begins(p, len, "420[\"joinRoom\",\"r")) {
        floor_join(c, atoi((char *) p + sizeof("420[\"joinRoom\",\"r") - 1));
        floor_answer(c, "430[]", 5);

    } else if (floor_begins(p, len, "42")) {
        floor_echo(c, p, len);

    } else if (floor_begins(p, len, "40")) {
        floor_answer(c, FLOOR_CONNECT, sizeof(FLOOR_CONNECT) - 1);
    }
}


static void
floor_join(floor_conn_t *c, int n)
{
    floor_room_t  *room;

    if (n < 0 || n >= FLOOR_ROOMS || c->room != -1) {
        return;
    }

    room = &floor_rooms[n];

    if (room->n == room->size) {
        room->size = room->size ? room->size * 2 : 16;
        room->members = realloc(room->members,
                                room->size * sizeof(uint32_t));
        if (room->members == NULL) {
            abort();
        }
    }

    c->room = n;
    c->place = room->n;
    room->members[room->n++] = (uint32_t) c->fd;
}


/* 42["chat","rN","TEXT"]: everyone in N gets 42["chat","TEXT"] */

static void
floor_chat(u_char *p, size_t len)
{
    int            n;
    u_char        *text, frame[FLOOR_BUF / 4 + 16];
    size_t         i, head;
    floor_room_t  *room;

    n = atoi((char *) p + sizeof("42[\"chat\",\"r") - 1);
    text = memchr(p + sizeof("42[\"chat\",\"r") - 1, ',',
                  len - (sizeof("42[\"chat\",\"r") - 1));

    if (n < 0 || n >= FLOOR_ROOMS || text == NULL) {
        return;
    }

    room = &floor_rooms[n];
    len = len - (size_t) (text - p);

    head = floor_head(frame, len + sizeof("42[\"chat\"") - 1);
    memcpy(frame + head, "42[\"chat\"", sizeof("42[\"chat\"") - 1);
    head += sizeof("42[\"chat\"") - 1;
    memcpy(frame + head, text, len);
    len += head;

    if (floor_tick) {
        if (!room->dirty) {
            room->dirty = 1;
            floor_dirty_rooms[floor_ndirty_rooms++] = room;
        }

        floor_append(&room->out, frame, len);
        return;
    }

    i = room->n;

    if (floor_wrong
        && i > 0
        && floor_mistake(&floor_conns[room->members[i - 1]], frame, len))
    {
        i--;
    }

    /* backwards: who fails is replaced by the last */

    while (i-- > 0) {
        floor_deliver(&floor_conns[room->members[i]], frame, len);
    }
}


/* 42ID["echo",ARGS]: the sender gets 43ID[ARGS] */

static void
floor_echo(floor_conn_t *c, u_char *p, size_t len)
{
    char    answer[FLOOR_BUF / 4];
    size_t  id, n;

    for (id = 2; id < len && p[id] >= '0' && p[id] <= '9'; id++) { /* void */ }

    n = id + sizeof("[\"echo\",") - 1;

    if (n > len || !floor_begins(p + id, len - id, "[\"echo\",")) {
        return;
    }

    memcpy(answer, p, id);
    answer[1] = '3';
    answer[id] = '[';
    memcpy(answer + id + 1, p + n, len - n);

    floor_answer(c, answer, id + 1 + len - n);
}


/* one frame to one connection */

static void
floor_answer(floor_conn_t *c, const char *text, size_t len)
{
    u_char  frame[FLOOR_BUF / 4 + 16];
    size_t  head;

    head = floor_head(frame, len);
    memcpy(frame + head, text, len);
    len += head;

    if (!floor_tick) {
        if (!floor_wrong || !floor_mistake(c, frame, len)) {
            floor_deliver(c, frame, len);
        }
        return;
    }

    floor_append(&c->out, frame, len);

    if (!c->dirty) {
        c->dirty = 1;
        floor_dirty_conns[floor_ndirty_conns++] = c;
    }
}


/* sends at once, unless something waits */

static void
floor_deliver(floor_conn_t *c, const u_char *data, size_t len)
{
    ssize_t  n;

    n = 0;

    if (c->out.len == 0) {
        n = send(c->fd, data, len, MSG_NOSIGNAL);

        if ((size_t) n == len) {
            return;
        }

        if (n == -1) {
            if (errno != EAGAIN && errno != EINTR) {
                floor_close(c);
                return;
            }
            n = 0;
        }
    }

    floor_append(&c->out, data + n, len - (size_t) n);
    floor_flush(c);
}


/* returns 1 if the frame is done with; only for tests of the load generator */

static int
floor_mistake(floor_conn_t *c, u_char *frame, size_t len)
{
    size_t         i;
    floor_room_t  *room;

    if (floor_held.len) {
        floor_deliver(c, frame, len);
        floor_deliver(c, floor_held.data, floor_held.len);
        floor_held.len = 0;
        return 1;
    }

    if (++floor_right < FLOOR_MISTAKE) {
        return 0;
    }

    floor_right = 0;

    if (strcmp(floor_wrong, "lose") == 0) {
        return 1;
    }

    if (strcmp(floor_wrong, "double") == 0) {
        floor_deliver(c, frame, len);

    } else if (strcmp(floor_wrong, "swap") == 0) {
        floor_append(&floor_held, frame, len);
        return 1;

    } else if (strcmp(floor_wrong, "spoil") == 0) {
        frame[len - 4] ^= 1;
        floor_deliver(c, frame, len);
        frame[len - 4] ^= 1;
        return 1;

    } else if (strcmp(floor_wrong, "stray") == 0) {
        room = &floor_rooms[(c->room + 1) % FLOOR_ROOMS];

        for (i = room->n; i-- > 0; /* void */) {
            floor_deliver(&floor_conns[room->members[i]], frame, len);
        }

    } else if (strcmp(floor_wrong, "close") == 0) {
        (void) shutdown(c->fd, SHUT_RDWR);
        return 1;
    }

    return 0;
}


static void
floor_turn(void)
{
    size_t         i, k;
    floor_conn_t  *c;
    floor_room_t  *room;

    for (i = 0; i < floor_ndirty_conns; i++) {
        c = floor_dirty_conns[i];
        c->dirty = 0;

        if (c->fd != -1) {
            floor_flush(c);
        }
    }

    floor_ndirty_conns = 0;

    for (i = 0; i < floor_ndirty_rooms; i++) {
        room = floor_dirty_rooms[i];
        room->dirty = 0;

        for (k = room->n; k-- > 0; /* void */) {
            floor_deliver(&floor_conns[room->members[k]], room->out.data,
                          room->out.len);
        }

        room->out.len = 0;
    }

    floor_ndirty_rooms = 0;
}


static void
floor_flush(floor_conn_t *c)
{
    ssize_t             n;
    struct epoll_event  ee;

    if (c->out.len) {
        n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL);

        if (n == -1) {
            if (errno != EAGAIN && errno != EINTR) {
                floor_close(c);
                return;
            }
            n = 0;
        }

        c->out.len -= (size_t) n;
        memmove(c->out.data, c->out.data + n, c->out.len);
    }

    if (c->blocked == (c->out.len != 0)) {
        return;
    }

    c->blocked = (c->out.len != 0);

    memset(&ee, 0, sizeof(ee));
    ee.events = EPOLLIN | (c->blocked ? EPOLLOUT : 0);
    ee.data.ptr = c;

    (void) epoll_ctl(floor_epoll, EPOLL_CTL_MOD, c->fd, &ee);
}


static void
floor_close(floor_conn_t *c)
{
    uint32_t       last;
    floor_room_t  *room;

    if (c->room != -1) {
        room = &floor_rooms[c->room];
        last = room->members[--room->n];
        room->members[c->place] = last;
        floor_conns[last].place = c->place;
    }

    close(c->fd);

    free(c->in.data);
    free(c->out.data);

    /* "dirty" stays: the list of this turn still holds it */

    memset(&c->in, 0, sizeof(floor_buf_t));
    memset(&c->out, 0, sizeof(floor_buf_t));

    c->fd = -1;
    c->room = -1;
    c->blocked = 0;
}


/* RFC 6455, 5.2: the head of an unmasked text frame */

static size_t
floor_head(u_char *buf, size_t len)
{
    buf[0] = 0x81;

    if (len < 126) {
        buf[1] = (u_char) len;
        return 2;
    }

    buf[1] = 126;
    buf[2] = (u_char) (len >> 8);
    buf[3] = (u_char) len;

    return 4;
}


static void
floor_append(floor_buf_t *b, const u_char *data, size_t len)
{
    if (b->len + len > b->size) {
        b->size = (b->len + len) * 2;
        b->data = realloc(b->data, b->size);

        if (b->data == NULL) {
            abort();
        }
    }

    memcpy(b->data + b->len, data, len);
    b->len += len;
}
