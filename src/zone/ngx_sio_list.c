
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The rooms of a namespace, a page at a time.  They have no list: the table is
 * walked, and a place in it goes on where the last page ended.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


/* what one hold looks at and copies */
#define NGX_SIO_LIST_BUCKETS  65536
#define NGX_SIO_LIST_NAMES    (64 * 1024)


/* a cursor is the bucket, and the generation of its last room that was told */

static ngx_sio_room_sh_t *ngx_sio_room_after(ngx_sio_zone_t *z,
    uint32_t bucket, ngx_sio_ref_t nsp, uint32_t gen);


ngx_int_t
ngx_sio_rooms(ngx_sio_zone_t *z, const ngx_str_t *nsp, uint64_t *cursor,
    ngx_uint_t max, ngx_pool_t *pool, ngx_sio_room_info_t **rooms,
    ngx_uint_t *n)
{
    u_char               *p, *last;
    uint32_t              b, gen, end;
    ngx_int_t             rc;
    ngx_sio_ref_t         nref;
    ngx_sio_room_sh_t    *room;
    ngx_sio_room_info_t  *info;

    *n = 0;

    info = ngx_palloc(pool, max * sizeof(ngx_sio_room_info_t));
    p = ngx_palloc(pool, NGX_SIO_LIST_NAMES);

    if (info == NULL || p == NULL) {
        return NGX_ERROR;
    }

    *rooms = info;
    last = p + NGX_SIO_LIST_NAMES;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    room = ngx_sio_room_lookup_locked(z, 0, nsp);

    if (room == NULL || *cursor >> 32 >= z->root->nbuckets) {
        *cursor = 0;
        return ngx_sio_finish(z, NGX_OK);
    }

    nref = ngx_sio_ref(z, room);

    b = (uint32_t) (*cursor >> 32);
    gen = (uint32_t) *cursor;
    end = ngx_min(z->root->nbuckets, b + NGX_SIO_LIST_BUCKETS);

    for ( /* void */ ; b < end; b++) {

        while ((room = ngx_sio_room_after(z, b, nref, gen)) != NULL) {

            if (*n == max || (size_t) (last - p) < room->name_len) {
                *cursor = (uint64_t) b << 32 | gen;
                return ngx_sio_finish(z, NGX_OK);
            }

            ngx_sio_room_name(z, room, p);

            info[*n].name.data = p;
            info[*n].name.len = room->name_len;
            info[*n].size = ngx_sio_room_members(room);

            p += room->name_len;
            (*n)++;

            gen = room->gen;
        }

        gen = 0;
    }

    *cursor = (b < z->root->nbuckets) ? (uint64_t) b << 32 : 0;

    return ngx_sio_finish(z, NGX_OK);
}


/* the next one of a bucket, in the order of generations: others may come and go
   between two pages */

static ngx_sio_room_sh_t *
ngx_sio_room_after(ngx_sio_zone_t *z, uint32_t bucket, ngx_sio_ref_t nsp,
    uint32_t gen)
{
    ngx_sio_ref_t       ref;
    ngx_sio_room_sh_t  *room, *next;

    next = NULL;

    for (ref = *ngx_sio_bucket(z, NGX_SIO_TABLE_ROOMS, bucket);
         ref;
         ref = room->next)
    {
        room = ngx_sio_ptr(z, ref);

        if (room->nsp == nsp && room->gen > gen
            && (next == NULL || room->gen < next->gen))
        {
            next = room;
        }
    }

    return next;
}
