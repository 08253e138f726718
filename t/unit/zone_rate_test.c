
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Rates: what a bucket lets through, by a clock of the test's own; a naive
 * model; full sets; several processes at once, killed at random.
 */


#include "zone_lib.h"
#include "../../src/zone/ngx_sio_shared.h"

#include <sys/wait.h>


#define R_SECOND     NGX_SIO_RATE_SECOND
#define R_HOUR       NGX_SIO_RATE_HOUR

#define R_PROCESSES  4
#define R_KEYS       NGX_SIO_RATE_WORDS
#define R_ROUNDS     5000
#define R_HAMMERED   3


/* of keys; fewer than 2^18 of each */

enum {
    R_BUCKET = 1,
    R_DEBT,
    R_WRAP,
    R_FULL,
    R_FLOOD,
    R_RACE,
    R_HAMMER,
    R_MODEL                             /* and two more */
};


typedef struct {
    ngx_uint_t    ready;
    ngx_uint_t    go;
    ngx_uint_t    stop;
    ngx_uint_t    allowed[R_KEYS];       /* R_HAMMERED is not more */
} r_shared_t;


static zt_zone_t      zone;
static zt_worker_t    worker;
static r_shared_t    *shared;
static uint64_t       now;


/* what the hash of a key comes to, but no two have the same tag */

static uint64_t
r_hash(ngx_uint_t kind, ngx_uint_t n)
{
    uint64_t  set;

    set = (kind << 20 | n) * 0x9e3779b97f4a7c15ULL;

    return (uint64_t) (kind << 18 | n) << 40 | set >> 32;
}


/* so often may it be taken now */

static ngx_uint_t
r_count(const ngx_sio_rate_t *rate, ngx_uint_t max)
{
    uint64_t    wait;
    ngx_uint_t  n;

    for (n = 0; n < max; n++) {
        if (ngx_sio_rate_take(&worker.z, rate, now, &wait) != NGX_OK) {
            break;
        }
    }

    return n;
}


static void
r_bucket(void)
{
    uint64_t        wait, start;
    ngx_uint_t      i;
    ngx_sio_rate_t  rate, other;

    /* 10 in a second, 5 at once */

    rate.hash = r_hash(R_BUCKET, 1);
    rate.cost = R_SECOND / 10;
    rate.burst = 5 * rate.cost;

    other = rate;
    other.hash = r_hash(R_BUCKET, 2);

    zt_ok(ngx_sio_rate_hash(&worker.z, 1, (u_char *) "a", 1)
          != ngx_sio_rate_hash(&worker.z, 2, (u_char *) "a", 1)
          && ngx_sio_rate_hash(&worker.z, 1, (u_char *) "a", 1)
             != ngx_sio_rate_hash(&worker.z, 1, (u_char *) "b", 1),
          "the hash");

    zt_ok(r_count(&rate, 100) == 5, "the burst");
    zt_ok(r_count(&other, 3) == 3, "another key's");

    zt_rc(ngx_sio_rate_take(&worker.z, &rate, now, &wait), NGX_DECLINED);
    zt_ok(wait == R_SECOND / 10, "wait %llu", (unsigned long long) wait);

    now += wait - 1;
    zt_rc(ngx_sio_rate_take(&worker.z, &rate, now, &wait), NGX_DECLINED);
    zt_ok(wait == 1, "wait %llu", (unsigned long long) wait);

    now++;
    zt_ok(r_count(&rate, 100) == 1, "one came back");
    zt_ok(r_count(&other, 100) == 3, "another key's rest");

    /* steady: as many as the time gives, whenever it is asked */

    for (i = 0, start = now; now - start < 20 * R_SECOND; /* void */ ) {
        now += zt_rand(R_SECOND / 5);
        i += r_count(&rate, 100);
    }

    zt_ok(i == (now - start) / rate.cost, "%lu in %llu", (unsigned long) i,
          (unsigned long long) (now - start));

    /* what was given back is there, and no more */

    now += R_HOUR;
    zt_ok(r_count(&rate, 4) == 4, "full");
    ngx_sio_rate_give(&worker.z, &rate);
    ngx_sio_rate_give(&worker.z, &rate);
    zt_ok(r_count(&rate, 100) == 3, "given back");

    now += R_HOUR;
    ngx_sio_rate_give(&worker.z, &rate);
    zt_ok(r_count(&rate, 100) == 5, "given back what was full");

    other.hash = r_hash(R_BUCKET, 3);
    ngx_sio_rate_give(&worker.z, &other);
    zt_ok(r_count(&other, 100) == 5, "given back what was never taken");
}


/* more than a whole bucket */

static void
r_debt(void)
{
    uint64_t        wait;
    ngx_sio_rate_t  rate;

    rate.hash = r_hash(R_DEBT, 1);
    rate.burst = R_SECOND;

    rate.cost = 1;
    zt_ok(r_count(&rate, 1) == 1, "a little");

    rate.cost = 10 * R_SECOND;
    zt_rc(ngx_sio_rate_take(&worker.z, &rate, now, &wait), NGX_DECLINED);
    zt_ok(wait == 1, "wait %llu", (unsigned long long) wait);

    now += wait;
    zt_rc(ngx_sio_rate_take(&worker.z, &rate, now, &wait), NGX_OK);
    zt_rc(ngx_sio_rate_take(&worker.z, &rate, now, &wait), NGX_DECLINED);
    zt_ok(wait == 10 * R_SECOND, "wait %llu", (unsigned long long) wait);

    rate.cost = 1;
    now += 9 * R_SECOND;
    zt_rc(ngx_sio_rate_take(&worker.z, &rate, now, &wait), NGX_DECLINED);
    zt_ok(wait == 1, "wait %llu", (unsigned long long) wait);

    /* never further ahead than can be told from the past */

    now += R_HOUR;
    rate.cost = 1000 * R_HOUR;
    zt_rc(ngx_sio_rate_take(&worker.z, &rate, now, &wait), NGX_OK);

    now += NGX_SIO_RATE_MAX - R_SECOND;
    rate.cost = 1;
    zt_rc(ngx_sio_rate_take(&worker.z, &rate, now, &wait), NGX_DECLINED);
    now += R_SECOND;
    zt_rc(ngx_sio_rate_take(&worker.z, &rate, now, &wait), NGX_OK);
}


static void
r_sweep(void)
{
    ngx_uint_t  set, n;

    for (set = 0, n = 0; n < NGX_SIO_RATE_SWEEPS; n++) {
        set = ngx_sio_rate_sweep(&worker.z, set, now);

        if (set == 0) {
            return;
        }
    }

    zt_ok(0, "the sweep does not come to an end");
}


/* idle for as long as the clock of a word goes round, and longer */

static void
r_wrap(void)
{
    uint64_t         end;
    ngx_uint_t       i, n, k;
    ngx_sio_rate_t   rate;
    ngx_uint_t       hours[] = { 1, 30, 52, 60, 76, 77, 100, 153, 1000 };

    rate.cost = R_SECOND;
    rate.burst = 12 * R_HOUR;
    n = rate.burst / rate.cost;

    for (i = 0; i < sizeof(hours) / sizeof(hours[0]); i++) {
        rate.hash = r_hash(R_WRAP, i);

        zt_ok(r_count(&rate, n + 1) == n, "all of it");

        end = now + hours[i] * R_HOUR;

        for (k = 1; now < end; k++) {
            now += R_HOUR / 4;

            if (k % 100 == 0) {
                r_sweep();
            }
        }

        k = ngx_min(n, hours[i] * 3600);
        zt_ok(r_count(&rate, n + 1) == k, "after %lu hours",
              (unsigned long) hours[i]);
    }
}


/* random keys, costs and times: each as if it were alone */

static void
r_model(ngx_uint_t nkeys)
{
    uint64_t         ahead, wait, evictions;
    ngx_int_t        rc;
    ngx_uint_t       i, k, n, known;
    ngx_sio_rate_t   rate;

    static uint64_t  full[100000];

    for (i = 0; i < nkeys; i++) {
        full[i] = 0;
    }

    evictions = zone.root->scratch.rate_evictions;
    known = 0;

    for (n = 0; n < 300000; n++) {
        k = zt_rand(nkeys);
        rate.hash = r_hash(R_MODEL + (nkeys > 100) + (nkeys > 10000), k);
        rate.burst = 1 + (k * 7919) % R_SECOND;
        rate.cost = 1 + zt_rand(rate.burst + rate.burst / 8);

        rc = ngx_sio_rate_take(&worker.z, &rate, now, &wait);

        ahead = full[k] > now ? full[k] - now : 0;

        if (evictions == zone.root->scratch.rate_evictions) {

            if (ahead + ngx_min(rate.cost, rate.burst) <= rate.burst) {
                zt_rc(rc, NGX_OK);
                full[k] = now + ahead + rate.cost;

            } else {
                zt_rc(rc, NGX_DECLINED);
                zt_ok(wait == ahead + rate.cost - rate.burst
                      || wait == ahead, "wait");
            }

            known++;

        } else {

            /* a key may have lost its word, then it is better off */

            zt_ok(rc == NGX_OK
                  || ahead + ngx_min(rate.cost, rate.burst) > rate.burst,
                  "refused what was free");

            if (rc == NGX_OK) {
                full[k] = now + ahead + rate.cost;
            }
        }

        now += zt_rand(2000);

        if (zt_rand(1000) == 0) {
            r_sweep();
        }
    }

    zt_ok(nkeys > 100 || known == n, "evictions with %lu keys",
          (unsigned long) nkeys);

    now += NGX_SIO_RATE_MAX;
    r_sweep();
}


/* more keys than words: who is limited most stays so */

static void
r_full(void)
{
    uint64_t        evictions;
    ngx_uint_t      i, n, words;
    ngx_sio_rate_t  rate;

    words = zone.root->rate_sets * NGX_SIO_RATE_WORDS;
    evictions = zone.root->scratch.rate_evictions;

    rate.cost = R_SECOND;
    rate.burst = 10 * R_SECOND;

    /* an eighth of them is fine */

    for (i = 0; i < words / 8; i++) {
        rate.hash = r_hash(R_FULL, i);
        zt_ok(r_count(&rate, 20) == 10, "burst");
    }

    n = zone.root->scratch.rate_evictions - evictions;
    zt_ok(n <= words / 1000, "%lu evictions", (unsigned long) n);

    /* a flood of others, each seen once, leaves them where they are */

    evictions = zone.root->scratch.rate_evictions;

    for (i = 0; i < words * 8; i++) {
        rate.hash = r_hash(R_FLOOD, i);
        zt_ok(r_count(&rate, 1) == 1, "one");
    }

    zt_ok(zone.root->scratch.rate_evictions - evictions > words,
          "nobody was evicted");

    for (i = 0, n = 0; i < words / 8; i++) {
        rate.hash = r_hash(R_FULL, i);
        n += (r_count(&rate, 1) == 0);
    }

    zt_ok(n >= words / 8 - words / 1000, "%lu of %lu are still limited",
          (unsigned long) n, (unsigned long) words / 8);

    now += NGX_SIO_RATE_MAX;
    r_sweep();
}


static void
r_wait(ngx_uint_t *word, ngx_uint_t value)
{
    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) < value) {
        ngx_sched_yield();
    }
}


static void
r_join(pid_t *pids, ngx_uint_t n)
{
    int         status;
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        zt_ok(waitpid(pids[i], &status, 0) == pids[i], "waitpid");
        zt_ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
              "process %lu: %x", (unsigned long) i, status);
    }
}


/* all take the same new keys at once, all of one set: each goes to one of
   them */

static void
r_race(void)
{
    pid_t           pids[R_PROCESSES];
    uint32_t        sets;
    uint64_t        wait;
    ngx_uint_t      i, k, p, round;
    ngx_sio_rate_t  rate;

    memset(shared, 0, sizeof(r_shared_t));

    sets = zone.root->rate_sets;
    zone.root->rate_sets = 1;

    rate.cost = R_HOUR;
    rate.burst = R_HOUR;

    for (p = 0; p < R_PROCESSES; p++) {

        pids[p] = zt_fork();

        if (pids[p]) {
            continue;
        }

        zt_srand(zt_seed + p);

        for (round = 1; round <= R_ROUNDS; round++) {

            (void) __sync_fetch_and_add(&shared->ready, 1);
            r_wait(&shared->go, round);

            for (k = zt_rand(R_KEYS), i = k; i < k + R_KEYS; i++) {
                rate.hash = r_hash(R_RACE, round * R_KEYS + i % R_KEYS);

                if (ngx_sio_rate_take(&worker.z, &rate,
                                      now + round * 2 * R_HOUR, &wait)
                    == NGX_OK)
                {
                    (void) __sync_fetch_and_add(&shared->allowed[i % R_KEYS],
                                                1);
                }
            }
        }

        _exit(0);
    }

    for (round = 1; round <= R_ROUNDS; round++) {
        r_wait(&shared->ready, round * R_PROCESSES);

        for (i = 0; i < R_KEYS; i++) {
            zt_ok(shared->allowed[i] == round - 1, "key %lu: %lu in %lu",
                  (unsigned long) i, (unsigned long) shared->allowed[i],
                  (unsigned long) round - 1);
        }

        shared->go = round;
    }

    r_join(pids, R_PROCESSES);

    zone.root->rate_sets = sets;

    now += R_ROUNDS * 2 * R_HOUR;
}


/*
 * As many as they can out of a few keys, by the real clock, while one after
 * the other is killed: never more than the rate gives, and about as many
 */

static void
r_hammer(void)
{
    int               status;
    pid_t             pids[R_PROCESSES];
    uint64_t          start, took, wait, least, max;
    ngx_uint_t        i, p, kills;
    ngx_sio_rate_t    rate;

    memset(shared, 0, sizeof(r_shared_t));

    rate.cost = R_SECOND / 10000;
    rate.burst = 2000 * rate.cost;

    start = ngx_sio_rate_now();

    for (p = 0, kills = 0; kills < 100; p = zt_rand(R_PROCESSES)) {

        if (kills++ >= R_PROCESSES) {
            (void) usleep(3000);
            zt_ok(kill(pids[p], SIGKILL) == 0, "kill");
            zt_ok(waitpid(pids[p], &status, 0) == pids[p], "waitpid");

        } else {
            p = kills - 1;
        }

        pids[p] = zt_fork();

        if (pids[p]) {
            continue;
        }

        for (i = p; !shared->stop; i++) {
            rate.hash = r_hash(R_HAMMER, i % R_HAMMERED);

            if (ngx_sio_rate_take(&worker.z, &rate, ngx_sio_rate_now(), &wait)
                == NGX_OK)
            {
                (void) __sync_fetch_and_add(&shared->allowed[i % R_HAMMERED],
                                            1);
            }
        }

        _exit(0);
    }

    shared->stop = 1;
    r_join(pids, R_PROCESSES);

    took = ngx_sio_rate_now() - start;

    /* a killed one may have taken what it did not count */

    max = 2000 + took / rate.cost + 1;
    least = 2000;

    for (i = 0; i < R_HAMMERED; i++) {
        zt_ok(shared->allowed[i] <= max && shared->allowed[i] > least,
              "key %lu: %lu, not from %lu to %lu", (unsigned long) i,
              (unsigned long) shared->allowed[i], (unsigned long) least,
              (unsigned long) max);
    }
}


static void
r_cost(void)
{
    uint64_t        start, took, wait;
    ngx_uint_t      i;
    ngx_sio_rate_t  rate;

    rate.cost = 1;
    rate.burst = R_SECOND;

    start = zt_now();

    for (i = 0; i < 1000000; i++) {
        rate.hash = ngx_sio_rate_hash(&worker.z, 1, (u_char *) &i, 2);
        (void) ngx_sio_rate_take(&worker.z, &rate, ngx_sio_rate_now(), &wait);
    }

    took = zt_now() - start;

    if (getenv("ZONE_TIMES")) {
        printf("# %.0f ns with hash and clock\n", took / 1e3);
    }
}


int
zt_main(int argc, char **argv)
{
    zt_name = "zone_rate";

    shared = mmap(NULL, sizeof(r_shared_t), PROT_READ|PROT_WRITE,
                  MAP_ANON|MAP_SHARED, -1, 0);
    zt_ok(shared != MAP_FAILED, "%s", strerror(errno));

    /* near where the words' clock begins anew */

    now = (zt_rand64() & 0xfffff) << 40 | 0xffff000000;

    zt_zone_open(&zone, 256 * 1024, NULL);
    zt_worker_init(&worker, &zone, 0);

    zt_ok(zone.root->rate_sets == 64,
          "%u sets", zone.root->rate_sets);
    zt_ok(ngx_sio_rate_sweep(&worker.z, 0, now) == 0, "untouched");

    r_bucket();
    r_debt();
    r_wrap();
    r_model(20);
    r_model(2000);
    zt_check(&worker.z);

    zt_worker_cleanup(&worker);
    zt_zone_close(&zone);

    zt_zone_open(&zone, 8 * 1024 * 1024, NULL);
    zt_worker_init(&worker, &zone, 0);

    r_full();
    r_model(50000);
    r_race();
    r_cost();
    zt_check(&worker.z);
    r_hammer();

    zt_worker_cleanup(&worker);
    zt_zone_close(&zone);

    return 0;
}
