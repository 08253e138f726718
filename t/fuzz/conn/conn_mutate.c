
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Mutations that know lines: libFuzzer's own seldom make two clients of one.
 */


#include "conn.h"


#define CONN_MUTATE_LINES  256


typedef struct {
    const u_char  *p;
    size_t         len;
} conn_text_t;


size_t LLVMFuzzerMutate(u_char *p, size_t len, size_t size);
size_t LLVMFuzzerCustomMutator(u_char *p, size_t len, size_t size,
    unsigned int seed);

static size_t conn_mutate_lines(u_char *p, size_t len, size_t size);
static size_t conn_mutate_line(conn_text_t *line, u_char *buf, size_t size);
static uint32_t conn_mutate_random(uint32_t n);


static uint64_t  conn_mutate_state;


static const char  *conn_mutate_new[] = {
    "h00a0", "h11b1", "h20c0", "h32d8", "h40e0", "h51f1", "h00g0", "h10h0",
    "g00a00", "g11b11", "g20c02", "g30d13", "g00e00", "g01a00", "g12a01",
    "p00a00 40", "p11b11 40{\"token\":\"x\"}", "p10a00 40/chat,",
    "p02a00 42[\"join\",\"r\"]", "p20c02 420[\"echo\",1]", "p00a00 3",
    "p00a00 40\\e42[\"all\",1]\\e42[\"end\"]", "p00a00 1", "p00a00 41",
    "p00e00 4hello", "p00a80 451-[\"all\",{\"_placeholder\":true,\"num\":0}]"
    "\\ebAQID", "p00a00 452-[\"relay\",{\"_placeholder\":true,\"num\":1},"
    "{\"_placeholder\":true,\"num\":0}]\\ebAQ==\\ebAg==",
    "w00a0-", "w11b8-", "w22c0-", "w30d8-", "w41e0-", "w52f8-", "w00h0-",
    "w50a00", "w61b81", "w72c02", "w81a00",
    "t5 2probe", "t5 5", "t6 2probe", "t6 5", "t0 2probe", "t0 5", "t0 3",
    "t0 40", "t1 40", "t2 40/chat,", "t3 40/d-x,{\"token\":\"y\"}",
    "t0 42[\"join\",\"r\"]", "t1 42[\"join\",\"r\"]", "t0 42[\"leave\",\"r\"]",
    "t0 42[\"say\",\"r\",1]", "t1 42[\"all\",\"x\"]", "t0 42[\"others\",1]",
    "t0 42[\"quick\",\"\\r20x\"]", "t0 42[\"ask\",1]", "t1 430[1]",
    "t0 42[\"askme\"]", "t0 430[\"yes\"]", "t0 42[\"kick\",\"lobby\"]",
    "t0 42[\"kick\",\"\\k1\"]", "t1 42[\"say\",\"\\k0\",1]", "t0 42[\"end\"]",
    "t0 42[\"close\"]", "t0 42[\"kickall\"]", "t0 421[\"set\",[1,\"r\"]]",
    "t0 422[\"get\"]", "t0 42[\"tolist\",2]", "t0 423[\"who\",\"lobby\"]",
    "t0 42[\"pull\",\"q\"]", "t0 42[\"cross\",1]", "t0 424[\"need\",1,\"r\"]",
    "t0 42[\"warm\",\"r\"]", "t0 42[\"u-abc\",1]", "t0 42/chat,[\"all\",1]",
    "t0 42/d-x,[\"all\",1]", "t0 41", "t0 41/chat,", "t0 1",
    "t0 451-[\"all\",{\"_placeholder\":true,\"num\":0}]", "b0 \\x01\\x02",
    "t0 451-1[\"echo\",{\"_placeholder\":true,\"num\":0}]", "b1 \\r10x",
    "t0 42[\"all\",\"\\r80x\"]", "T1 42[\"all\",\"\\r20y\"]", "B1 \\x00",
    "t4 4hello", "b4 \\x00\\x01", "T5 4hello", "t4 4kick",
    "f001 42[\"a", "f080 ll\",1]", "f089 ping", "f08a", "f088 \\x03\\xe8",
    "f041 x", "f0c9 x", "q00 GET /socket.io/ HTTP/1.1\\x0d\\n\\x0d\\n",
    "q00 POST /a/?EIO=4&transport=polling&sid=\\s0 HTTP/1.1\\x0d\\nHost: a"
    "\\x0d\\nContent-Length: 4\\x0d\\n\\x0d\\n40", "q00 \\e3",
    "a00i {\"emit\":\"x\",\"args\":[1],\"all\":true}",
    "a11j [{\"join\":[\"a\",\"b\"],\"in\":\"lobby\",\"max\":2}]",
    "a20i {\"leave\":\"r\",\"all\":true}", "A00i sockets?limit=1",
    "a30i {\"disconnect\":true,\"in\":\"r\",\"close\":true}",
    "a10j {\"emit\":\"x\",\"args\":[{\"_base64\":\"AA==\"}],\"to\":\"r\"}",
    "A11j rooms", "A22j rooms/lobby?nsp=/", "A00i sockets?room=r&cursor=1",
    "w00k0-", "w11l8-", "h22k0", "m0 0", "m1 0{\"token\":\"x\"}", "M22k02 0",
    "m0 2[\"all\",{\"a\":[1,-1.5,1e300,null,true,\"x\"]}]", "m0 20[\"echo\"]",
    "m1 51-[\"all\",{\"_placeholder\":true,\"num\":0}]", "m0 1", "m0 30[1]",
    "m0 52-1[\"set\",{\"_placeholder\":true,\"num\":1}]", "m0 0/chat,",
    "b0 \\x82\\xa4type\\x02\\xa4data\\x91\\xa3all", "g32k02", "w52k02",
    "w00m0-", "w11n8-", "h22m0", "h20n1", "p22m02 2:40", "g32m02", "g32n03",
    "p22m02 15:42[\"join\",\"r\"]2:42", "t0 2", "b0 \\x04\\x01", "w52m02",
    "p22m02 \\x00\\x02\\xff40\\x01\\x02\\xff\\x04a", "p20n02 6:b4AQID",
    "x0", "X0", "x1", "X1", "x5", "X5", "s00", "s04", "s0f", "s10", "s1f",
    "k01", "k03", "k00", "k11", "k13", "+0", "+2", "+4", "+6", "+8", "!0",
    "!1", "!2", "-g01a00", "-p12a00 2", "-t1 42[\"all\",1]",
    "t0 40/hook,{\"token\":\"u\"}",
    "t1 40/hook,{\"token\":\"u\",\"reply\":{\"user\":7,\"data\":{"
    "\"x\":1}}}",
    "t0 42/hook,1[\"answer\",\"{\\\\\"ack\\\\\":[1],\\\\\"do\\\\\":{\\\\\"join"
    "\\\\\":\\\\\"r\\\\\"}}\"]",
    "t0 42/hook,2[\"async\",\"{\\\\\"user\\\\\":\\\\\"u"
    "\\\\\",\\\\\"data\\\\\":{"
    "\\\\\"x\\\\\":2}}\"]",
    "t1 42/hook,[\"twice\",\"{\\\\\"do\\\\\":[{\\\\\"emit"
    "\\\\\":\\\\\"e\\\\\",\\\\\"all\\\\\":true},{\\\\\"disco"
    "nnect\\\\\":true}]}\"]",
    "t0 42/hook,[\"to\",\"u\"]",
    "t0 42/hook,[\"ask\",\"[1]\"]",
    "t0 41/hook,",
    "t0 40/jwt,{\"token\":\"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIiwib3Jn"
    "IjpbInIiLCJxIl19.1Qfd59xxPbn7gjvQUU2XBq-soevsX2bNvfPk7qS9y8c\"}",
    "t1 40/jwt,{\"token\":\"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOjd9.8C4XqsN"
    "npsCAlxLr8PQcTeVGwfjwfVykUtkimXWIvHU\"}",
    "t0 40/jwt,{\"token\":\"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJiIiwiZXhw"
    "IjoxfQ.mfm67g_mV-hY5LBXZyDIjNVy7o1dCZGjboOH-mU0Ac0\"}",
    "t0 42/jwt,1[\"join\",\"a:x\"]",
    "t0 42/jwt,[\"say\",\"q\"]",
    "t1 42/jwt,2[\"join\",\"7:y\"]",
    "a20i {\"emit\":\"x\",\"all\":true,\"ack\":true,\"timeout\":100}",
    "a11j {\"emit\":\"x\",\"to\":\"user:u\",\"nsp\":\"/hook\"}"
};


size_t
LLVMFuzzerCustomMutator(u_char *p, size_t len, size_t size, unsigned int seed)
{
    conn_mutate_state = ((uint64_t) seed << 32 | seed) ^ 0x9e3779b97f4a7c15;

    return conn_mutate_random(3) ? conn_mutate_lines(p, len, size)
                                 : LLVMFuzzerMutate(p, len, size);
}


/* one to four changes, each of a line */

static size_t
conn_mutate_lines(u_char *p, size_t len, size_t size)
{
    size_t         n, used;
    u_char        *last;
    ngx_uint_t     i, k, times, nlines;
    const u_char  *end, *q;
    conn_text_t    line;

    static u_char       copy[CONN_IN], room[CONN_IN];
    static conn_text_t  lines[CONN_MUTATE_LINES + 4];

    len = ngx_min(len, sizeof(copy));
    ngx_memcpy(copy, p, len);

    nlines = 0;
    used = 0;

    for (q = copy; q < copy + len && nlines < CONN_MUTATE_LINES; q = end + 1) {
        end = memchr(q, '\n', copy + len - q);
        end = end ? end : copy + len;

        lines[nlines].p = q;
        lines[nlines++].len = end - q;
    }

    times = 1 + conn_mutate_random(4);

    while (times--) {

        i = conn_mutate_random(nlines + 1);

        switch (nlines ? conn_mutate_random(8) : 0) {

        case 0:
        case 1:
        case 2:
            /* a new one */

            k = conn_mutate_random(sizeof(conn_mutate_new)
                                   / sizeof(conn_mutate_new[0]));

            line.p = (const u_char *) conn_mutate_new[k];
            line.len = strlen(conn_mutate_new[k]);
            break;

        case 3:
            /* one of them again */
            line = lines[conn_mutate_random(nlines)];
            break;

        case 4:
            i = conn_mutate_random(nlines);
            ngx_memmove(&lines[i], &lines[i + 1],
                        (nlines - i - 1) * sizeof(conn_text_t));
            nlines--;
            continue;

        case 5:
            i = conn_mutate_random(nlines);
            k = conn_mutate_random(nlines);

            line = lines[i];
            lines[i] = lines[k];
            lines[k] = line;
            continue;

        default:
            /* in one of them */

            i = conn_mutate_random(nlines);
            n = conn_mutate_line(&lines[i], room + used,
                                 ngx_min(sizeof(room) - used, 4096));
            lines[i].p = room + used;
            lines[i].len = n;
            used += n;
            continue;
        }

        if (nlines < CONN_MUTATE_LINES) {
            ngx_memmove(&lines[i + 1], &lines[i],
                        (nlines - i) * sizeof(conn_text_t));
            lines[i] = line;
            nlines++;
        }
    }

    last = p;

    for (i = 0; i < nlines; i++) {

        n = ngx_min(lines[i].len, (size_t) (p + size - last));
        last = ngx_cpymem(last, lines[i].p, n);

        if (last < p + size) {
            *last++ = '\n';
        }
    }

    return last - p;
}


/* its digits, or bytes anywhere in it */

static size_t
conn_mutate_line(conn_text_t *line, u_char *buf, size_t size)
{
    size_t      i, n;
    ngx_uint_t  k;

    n = ngx_min(line->len, size);
    ngx_memcpy(buf, line->p, n);

    if (n > 1 && conn_mutate_random(2)) {
        k = 1 + conn_mutate_random(ngx_min(n - 1, 5));
        buf[k] = (k == 3) ? 'a' + conn_mutate_random(14)
                          : '0' + conn_mutate_random(k == 2 ? 3 : 10);

    } else {
        n = LLVMFuzzerMutate(buf, n, size);

        for (i = 0; i < n; i++) {
            if (buf[i] == '\n') {
                buf[i] = ' ';
            }
        }
    }

    return n;
}


static uint32_t
conn_mutate_random(uint32_t n)
{
    conn_mutate_state ^= conn_mutate_state << 13;
    conn_mutate_state ^= conn_mutate_state >> 7;
    conn_mutate_state ^= conn_mutate_state << 17;

    return (uint32_t) (conn_mutate_state >> 24) % n;
}
