
/*
 * Every delivery is checked.  Each talker numbers its messages from 0; a
 * member expects the next number of each talker of its room.  A gap counts as
 * lost until the missing number comes late (then reordered); a number that
 * came before is a duplicate.  Besides, each member hashes all it gets in the
 * order of arrival: at the end the members of a room must agree ("skewed").
 */


#include "load.h"

#include <string.h>


#define LOAD_CHECK_PRIME    0x9e3779b97f4a7c15ull


static u_char  load_check_digits[] = "0123456789abcdef";


static void
load_check_hex(u_char *p, unsigned digits, uint64_t value)
{
    while (digits) {
        p[--digits] = load_check_digits[value & 0xf];
        value >>= 4;
    }
}


static int
load_check_unhex(const u_char *p, unsigned digits, uint64_t *value)
{
    u_char    ch;
    uint64_t  v;

    v = 0;

    while (digits--) {
        ch = *p++;

        if (ch >= '0' && ch <= '9') {
            ch -= '0';

        } else if (ch >= 'a' && ch <= 'f') {
            ch = (u_char) (ch - 'a' + 10);

        } else {
            return -1;
        }

        v = (v << 4) | ch;
    }

    *value = v;

    return 0;
}


void
load_check_write(load_t *ld, u_char *p, uint32_t talker, uint32_t number,
    uint64_t time)
{
    load_check_hex(p, 4, talker);
    load_check_hex(p + 4, 8, number);
    load_check_hex(p + 12, 16, time);
    memcpy(p + LOAD_PAYLOAD_MIN, ld->fill, ld->size - LOAD_PAYLOAD_MIN);
}


int
load_check_read(load_t *ld, const u_char *p, uint32_t *talker,
    uint32_t *number, uint64_t *time)
{
    uint64_t  t, n;

    if (load_check_unhex(p, 4, &t) != 0
        || load_check_unhex(p + 4, 8, &n) != 0
        || load_check_unhex(p + 12, 16, time) != 0
        || memcmp(p + LOAD_PAYLOAD_MIN, ld->fill, ld->size - LOAD_PAYLOAD_MIN)
           != 0)
    {
        return -1;
    }

    *talker = (uint32_t) t;
    *number = (uint32_t) n;

    return 0;
}


static void
load_check_latency(load_t *ld, uint64_t time)
{
    ld->received++;

    if (ld->counting) {
        ld->counted++;
        load_hist_add(&ld->hist, ld->now > time ? ld->now - time : 0);
    }
}


/*
 * Returns 0 if the number is news for the member, -1 if it is a duplicate.
 */

static int
load_check_number(load_t *ld, load_from_t *from, uint32_t number)
{
    uint32_t  gap, ago;

    if (number >= from->next) {
        gap = number - from->next;

        ld->err.lost += gap;
        from->seen = gap >= 63 ? 1 : (from->seen << (gap + 1)) | 1;
        from->next = number + 1;

        return 0;
    }

    ago = from->next - 1 - number;

    if (ago < 64 && !(from->seen & (1ull << ago))) {
        from->seen |= 1ull << ago;
        ld->err.reordered++;
        ld->err.lost--;

        return 0;
    }

    ld->err.dup++;

    return -1;
}


void
load_check_payload(load_t *ld, load_conn_t *c, const u_char *data, size_t len)
{
    uint16_t       *got;
    uint32_t        talker, number;
    uint64_t        time;
    load_from_t    *from;
    load_talker_t  *tk;

    (void) len;

    if (load_check_read(ld, data, &talker, &number, &time) != 0
        || talker >= ld->ntk
        || c->from == NULL)
    {
        ld->err.corrupt++;
        return;
    }

    tk = &ld->tk[talker];

    if (tk->room != c->room || number >= tk->next) {
        ld->err.corrupt++;
        return;
    }

    c->order = (c->order ^ (((uint64_t) talker << 32) | number))
               * LOAD_CHECK_PRIME;

    from = &c->from[tk->index];

    if (number == from->next) {
        from->next++;
        from->seen = (from->seen << 1) | 1;

    } else if (load_check_number(ld, from, number) != 0) {
        return;
    }

    load_check_latency(ld, time);

    if (ld->window) {
        got = &tk->got[number % LOAD_RING];

        if (++*got == ld->members) {
            *got = 0;
            load_case_complete(ld, tk);
        }
    }
}


void
load_check_echo(load_t *ld, load_conn_t *c, uint32_t id, const u_char *data,
    size_t len)
{
    uint32_t  from, number;
    uint64_t  time;

    if (id < c->echo_id) {
        ld->err.dup++;
        return;
    }

    if (id != c->echo_id || c->echo_time == 0
        || len != ld->size + 2 || data[0] != '"' || data[len - 1] != '"'
        || load_check_read(ld, data + 1, &from, &number, &time) != 0
        || from != (uint32_t) (c->id & 0xffff)
        || number != id || time != c->echo_time)
    {
        ld->err.corrupt++;
        return;
    }

    c->echo_time = 0;
    load_check_latency(ld, time);

    if (ld->sending) {
        load_wire_echo(ld, c);
    }
}


void
load_check_end(load_t *ld)
{
    uint32_t        i, k, room;
    load_conn_t    *c, *first;
    load_talker_t  *tk;

    for (i = 0; i < ld->nmembers; i++) {
        c = &ld->conns[i];

        for (k = 0; k < ld->talkers; k++) {
            tk = &ld->tk[c->room * ld->talkers + k];
            ld->err.lost += tk->next - c->from[k].next;
        }

        /* members are numbered round the rooms: the first one of each */

        room = c->room;
        first = &ld->conns[room];

        if (c->order != first->order) {
            ld->err.skewed++;
        }
    }
}
