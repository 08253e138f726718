
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The undo journal.  A word's old value is noted before it changes; the count
 * of entries, which is not 0 while a section is open, makes the entry valid.
 * Whoever finds it not 0 after having got the lock puts the old values back,
 * last one first.  That may itself be interrupted: the count is only cleared
 * at the end, and writing old values twice does no harm.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <signal.h>
#include "ngx_sio_internal.h"


void
ngx_sio_set(ngx_sio_zone_t *z, uint32_t *word, uint32_t value)
{
    uint32_t            n;
    ngx_sio_root_t     *root;
    ngx_sio_undo_sh_t  *undo;
    ngx_sio_private_t  *p;

    if (*word == value) {
        return;
    }

    root = z->root;
    p = ngx_sio_private(z);

    if (p->failed) {
        /* all will be undone anyway */
        return;
    }

    n = root->journal;

    if (n >= root->journal_max) {
        p->failed = 1;
        return;
    }

    undo = ngx_sio_undo(z) + n;
    undo->word = (uint32_t) (((u_char *) word - z->base) / 4);
    undo->value = *word;

    ngx_sio_barrier();

    *(volatile uint32_t *) &root->journal = n + 1;

    ngx_sio_barrier();

    *(volatile uint32_t *) word = value;

    if (z->crash_at
        && p->outside == ((z->crash_at & NGX_SIO_CRASH_OUTSIDE) != 0)
        && ++p->writes == (z->crash_at & ~(ngx_uint_t) NGX_SIO_CRASH_OUTSIDE))
    {
        (void) kill(getpid(), SIGKILL);
    }
}


void
ngx_sio_commit(ngx_sio_zone_t *z)
{
    ngx_sio_barrier();

    *(volatile uint32_t *) &z->root->journal = 0;

    ngx_sio_barrier();

    z->root->scratch.section++;
}


void
ngx_sio_rollback(ngx_sio_zone_t *z)
{
    uint32_t            n;
    uint64_t            max;
    ngx_sio_root_t     *root;
    ngx_sio_undo_sh_t  *undo;

    root = z->root;
    max = root->size / 4;

    n = root->journal;

    if (n > root->journal_max) {
        n = root->journal_max;
    }

    for (undo = ngx_sio_undo(z) + n; n; n--) {
        undo--;

        if (undo->word < max) {
            *(volatile uint32_t *) (z->base + (uint64_t) undo->word * 4) =
                                                                  undo->value;
        }
    }

    ngx_sio_commit(z);
}
