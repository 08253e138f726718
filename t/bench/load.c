
/*
 * Load generator: one process, one epoll; see load.h for its files and
 * README.md for the cases and for how the figures are computed.
 */


#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>


static int load_options(load_t *ld, int argc, char **argv);
static int load_check_options(load_t *ld);


static const char  load_usage[] =
    "usage: load -p PORT -P PID -c room|echo|idle [options]\n"
    "       load -p PORT -c free: is the port free?\n"
    "\n"
    "  -d sio|nchan   dialect (sio)\n"
    "  -N NAME        name of the case in the result line\n"
    "  -r N           rooms (1)\n"
    "  -m N           members of each room (1000)\n"
    "  -t N           talkers in each room (32)\n"
    "  -w N           outstanding messages of each talker (2)\n"
    "  -R N           instead of -w: messages per second, all together\n"
    "  -n N           connections of echo (100) and idle (10000)\n"
    "  -s N           bytes of payload (64)\n"
    "  -W SECONDS     warm-up, not counted (1)\n"
    "  -D SECONDS     duration (5)\n"
    "  -T SECONDS     longest wait for anything (30)\n"
    "\n"
    "Prints one line of NAME=VALUE; the exit status is 1 if any delivery was\n"
    "lost, doubled or out of order, 2 if the case could not be run.\n";


int
main(int argc, char **argv)
{
    int            rc;
    load_t        *ld;
    struct rlimit  rl;

    ld = calloc(1, sizeof(load_t));
    if (ld == NULL) {
        perror("load: calloc");
        return 2;
    }

    ld->rooms = 1;
    ld->members = 1000;
    ld->talkers = 32;
    ld->window = 2;
    ld->size = 64;
    ld->warm = 1;
    ld->duration = 5;
    ld->timeout = 30;
    ld->inflight = 64;

    if (load_options(ld, argc, argv) != 0 || load_check_options(ld) != 0) {
        fputs(load_usage, stderr);
        return 2;
    }

    if (strcmp(ld->kind, "free") == 0) {
        return load_conn_port_free(ld) == 0 ? 0 : 1;
    }

    memset(ld->fill, '.', sizeof(ld->fill));

    if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
        rl.rlim_cur = rl.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &rl);
    }

    if (load_conn_init(ld) != 0 || load_conn_wait_server(ld) != 0) {
        return 2;
    }

    if (strcmp(ld->kind, "idle") == 0) {
        rc = load_case_idle(ld);

    } else if (strcmp(ld->kind, "echo") == 0) {
        rc = load_case_echo(ld);

    } else {
        rc = load_case_room(ld);
    }

    if (rc != 0) {
        return 2;
    }

    return (ld->err.lost || ld->err.dup || ld->err.reordered
            || ld->err.skewed || ld->err.corrupt || ld->err.closed
            || ld->err.procs)
               ? 1 : 0;
}


static int
load_options(load_t *ld, int argc, char **argv)
{
    int  ch;

    while ((ch = getopt(argc, argv, "p:P:c:d:N:r:m:t:w:R:n:s:W:D:T:")) != -1) {

        switch (ch) {

        case 'p':
            ld->port = atoi(optarg);
            break;

        case 'P':
            ld->pid = (pid_t) atoi(optarg);
            break;

        case 'c':
            ld->kind = optarg;
            break;

        case 'd':
            if (strcmp(optarg, "nchan") == 0) {
                ld->dialect = LOAD_NCHAN;

            } else if (strcmp(optarg, "sio") != 0) {
                return -1;
            }
            break;

        case 'N':
            ld->name = optarg;
            break;

        case 'r':
            ld->rooms = (uint32_t) strtoul(optarg, NULL, 10);
            break;

        case 'm':
            ld->members = (uint32_t) strtoul(optarg, NULL, 10);
            break;

        case 't':
            ld->talkers = (uint32_t) strtoul(optarg, NULL, 10);
            break;

        case 'w':
            ld->window = (uint32_t) strtoul(optarg, NULL, 10);
            break;

        case 'R':
            ld->rate = strtod(optarg, NULL);
            ld->window = 0;
            break;

        case 'n':
            ld->clients = (uint32_t) strtoul(optarg, NULL, 10);
            break;

        case 's':
            ld->size = (size_t) strtoul(optarg, NULL, 10);
            break;

        case 'W':
            ld->warm = strtod(optarg, NULL);
            break;

        case 'D':
            ld->duration = strtod(optarg, NULL);
            break;

        case 'T':
            ld->timeout = strtod(optarg, NULL);
            break;

        default:
            return -1;
        }
    }

    return optind == argc ? 0 : -1;
}


static int
load_check_options(load_t *ld)
{
    if (ld->kind == NULL
        || (ld->pid <= 0 && strcmp(ld->kind, "free") != 0)
        || ld->port <= 0 || ld->port > 65535
        || ld->size < LOAD_PAYLOAD_MIN || ld->size > LOAD_PAYLOAD_MAX
        || ld->duration <= 0)
    {
        return -1;
    }

    if (ld->name == NULL) {
        ld->name = ld->kind;
    }

    if (strcmp(ld->kind, "free") == 0) {
        return 0;
    }

    if (strcmp(ld->kind, "echo") == 0) {
        ld->clients = ld->clients ? ld->clients : 100;

        /* nchan cannot answer a message */
        return ld->dialect == LOAD_SIO ? 0 : -1;
    }

    if (strcmp(ld->kind, "idle") == 0) {
        ld->clients = ld->clients ? ld->clients : 10000;
        return 0;
    }

    /* numbers must fit: 4 hex digits for a talker, 16 bits for a count */

    if (strcmp(ld->kind, "room") != 0
        || ld->rooms == 0 || ld->members == 0 || ld->members > 65535
        || ld->talkers == 0 || ld->talkers > ld->members
        || (uint64_t) ld->rooms * ld->talkers > 65535
        || ld->window > LOAD_RING
        || (ld->window == 0 && ld->rate <= 0))
    {
        return -1;
    }

    return 0;
}
