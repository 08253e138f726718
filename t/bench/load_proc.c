
/*
 * What the server used.  CPU is utime + stime of the process and all its
 * descendants (proc(5): /proc/PID/stat, fields 14 and 15, all threads).
 *
 * Memory is taken from /proc/PID/smaps, mapping by mapping, and not from
 * smaps_rollup: a page of a shared zone that only one worker has touched
 * counts as private there.  A shared mapping ("rw-s") is summed up by Pss,
 * which divides each page by the number of processes that map it, so that the
 * sum over all processes counts each page once; of all other mappings,
 * Private_Clean + Private_Dirty count.
 */


#include "load.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


typedef struct {
    pid_t               pid;
    pid_t               parent;
    unsigned long       ticks;
} load_proc_stat_t;


static int
load_proc_stat(pid_t pid, load_proc_stat_t *st)
{
    int             ppid;
    char            state, path[64], buf[1024], *p;
    FILE           *f;
    size_t          n;
    unsigned long   utime, stime;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);

    f = fopen(path, "r");
    if (f == NULL) {
        return -1;
    }

    n = fread(buf, 1, sizeof(buf) - 1, f);
    fclose(f);
    buf[n] = '\0';

    /* the name in brackets may hold anything, also brackets */

    p = strrchr(buf, ')');
    if (p == NULL) {
        return -1;
    }

    if (sscanf(p + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
               &state, &ppid, &utime, &stime)
        != 4)
    {
        return -1;
    }

    /* dead, only not waited for yet */

    if (state == 'Z') {
        return -1;
    }

    st->pid = pid;
    st->parent = ppid;
    st->ticks = utime + stime;

    return 0;
}


static void
load_proc_smaps(pid_t pid, load_proc_t *pr, double *zone)
{
    int             shared;
    char            path[64], line[1024], perms[8];
    FILE           *f;
    unsigned long   kb;

    snprintf(path, sizeof(path), "/proc/%d/smaps", (int) pid);

    f = fopen(path, "r");
    if (f == NULL) {
        return;
    }

    shared = 0;

    while (fgets(line, sizeof(line), f) != NULL) {

        if (isdigit((u_char) line[0]) || islower((u_char) line[0])) {
            shared = (sscanf(line, "%*s %7s", perms) == 1
                      && perms[1] == 'w' && perms[3] == 's');
            continue;
        }

        if (shared) {
            if (sscanf(line, "Pss: %lu kB", &kb) == 1) {
                *zone += (double) kb * 1024;
            }

        } else if (sscanf(line, "Private_Clean: %lu kB", &kb) == 1
                   || sscanf(line, "Private_Dirty: %lu kB", &kb) == 1)
        {
            pr->priv += kb * 1024;
        }
    }

    fclose(f);
}


int
load_proc_read(pid_t pid, load_proc_t *pr, int memory)
{
    int                i, added;
    DIR               *dir;
    size_t             k, n, size;
    double             zone;
    unsigned long      ticks;
    struct dirent     *de;
    load_proc_stat_t  *all, *grown, st;

    memset(pr, 0, sizeof(load_proc_t));

    dir = opendir("/proc");
    if (dir == NULL) {
        return -1;
    }

    all = NULL;
    n = 0;
    size = 0;

    for ( ;; ) {
        de = readdir(dir);
        if (de == NULL) {
            break;
        }

        if (!isdigit((u_char) de->d_name[0])
            || load_proc_stat((pid_t) atoi(de->d_name), &st) != 0)
        {
            continue;
        }

        if (n == size) {
            size = size ? size * 2 : 256;
            grown = realloc(all, size * sizeof(load_proc_stat_t));
            if (grown == NULL) {
                free(all);
                closedir(dir);
                return -1;
            }
            all = grown;
        }

        all[n++] = st;
    }

    closedir(dir);

    /* the process itself, then children of those found until none is new */

    ticks = 0;

    do {
        added = 0;

        for (k = 0; k < n && pr->nprocs < LOAD_PROCS; k++) {

            if (all[k].pid == 0) {
                continue;
            }

            if (all[k].pid != pid) {
                for (i = 0; i < pr->nprocs; i++) {
                    if (pr->pids[i] == all[k].parent) {
                        break;
                    }
                }

                if (i == pr->nprocs) {
                    continue;
                }
            }

            pr->pids[pr->nprocs++] = all[k].pid;
            ticks += all[k].ticks;
            all[k].pid = 0;
            added = 1;
        }

    } while (added);

    free(all);

    if (pr->nprocs == 0) {
        return -1;
    }

    pr->cpu = (double) ticks / (double) sysconf(_SC_CLK_TCK);

    if (memory) {
        zone = 0;

        for (i = 0; i < pr->nprocs; i++) {
            load_proc_smaps(pr->pids[i], pr, &zone);
        }

        pr->zone = (uint64_t) zone;
    }

    return 0;
}


int
load_proc_same(load_proc_t *a, load_proc_t *b)
{
    int  i, k;

    if (a->nprocs != b->nprocs) {
        return 0;
    }

    for (i = 0; i < a->nprocs; i++) {
        for (k = 0; k < b->nprocs; k++) {
            if (a->pids[i] == b->pids[k]) {
                break;
            }
        }

        if (k == b->nprocs) {
            return 0;
        }
    }

    return 1;
}
