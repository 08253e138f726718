
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The module: its directives, and its life in master and workers.
 */


#include "ngx_http_sio_module.h"
#include "ngx_http_sio_hook.h"
#include "ngx_http_sio_rules.h"
#include "ngx_http_sio_ws.h"


static ngx_int_t ngx_http_sio_init_module(ngx_cycle_t *cycle);
static void ngx_http_sio_close_zones(ngx_cycle_t *cycle,
    ngx_http_sio_main_conf_t *smcf);
static ngx_int_t ngx_http_sio_init_process(ngx_cycle_t *cycle);
static void ngx_http_sio_exit_process(ngx_cycle_t *cycle);


#define NGX_HTTP_SIO_CONF                                                     \
    NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF


static ngx_conf_bitmask_t  ngx_http_sio_transports[] = {
    { ngx_string("polling"), NGX_HTTP_SIO_POLLING },
    { ngx_string("websocket"), NGX_HTTP_SIO_WEBSOCKET },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_sio_protocols[] = {
    { ngx_string("socket.io"), 0 },
    { ngx_string("engine.io"), 1 },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_sio_parsers[] = {
    { ngx_string("json"), 0 },
    { ngx_string("msgpack"), 1 },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_sio_log_levels[] = {
    { ngx_string("info"), NGX_LOG_INFO },
    { ngx_string("notice"), NGX_LOG_NOTICE },
    { ngx_string("warn"), NGX_LOG_WARN },
    { ngx_string("error"), NGX_LOG_ERR },
    { ngx_null_string, 0 }
};


static ngx_conf_num_bounds_t  ngx_http_sio_buffer_bounds = {
    ngx_conf_check_num_bounds, 1, 1024 * 1024 * 1024
};


static ngx_command_t  ngx_http_sio_commands[] = {

    { ngx_string("sio_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_sio_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_drain_time"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_sio_main_conf_t, drain_time),
      NULL },

    { ngx_string("sio"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_sio_enable,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_ping_interval"),
      NGX_HTTP_SIO_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, ping_interval),
      NULL },

    { ngx_string("sio_ping_timeout"),
      NGX_HTTP_SIO_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, ping_timeout),
      NULL },

    { ngx_string("sio_upgrade_timeout"),
      NGX_HTTP_SIO_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, upgrade_timeout),
      NULL },

    { ngx_string("sio_connect_timeout"),
      NGX_HTTP_SIO_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, connect_timeout),
      NULL },

    { ngx_string("sio_max_http_buffer_size"),
      NGX_HTTP_SIO_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, max_http_buffer_size),
      &ngx_http_sio_buffer_bounds },

    { ngx_string("sio_transports"),
      NGX_HTTP_SIO_CONF|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, transports),
      &ngx_http_sio_transports },

    { ngx_string("sio_allow_upgrades"),
      NGX_HTTP_SIO_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, allow_upgrades),
      NULL },

    { ngx_string("sio_allow_eio3"),
      NGX_HTTP_SIO_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, allow_eio3),
      NULL },

    { ngx_string("sio_protocol"),
      NGX_HTTP_SIO_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, protocol),
      &ngx_http_sio_protocols },

    { ngx_string("sio_parser"),
      NGX_HTTP_SIO_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, parser),
      &ngx_http_sio_parsers },

    { ngx_string("sio_http_compression"),
      NGX_HTTP_SIO_CONF|NGX_CONF_TAKE1,
      ngx_http_sio_threshold,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, http_compression),
      NULL },

    { ngx_string("sio_per_message_deflate"),
      NGX_HTTP_SIO_CONF|NGX_CONF_1MORE,
      ngx_http_sio_per_message_deflate,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, per_message_deflate),
      NULL },

    { ngx_string("sio_cookie"),
      NGX_HTTP_SIO_CONF|NGX_CONF_1MORE,
      ngx_http_sio_cookie,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, cookie),
      NULL },

    { ngx_string("sio_serve_client"),
      NGX_HTTP_SIO_CONF|NGX_CONF_TAKE1,
      ngx_http_sio_serve_client,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, serve_client),
      NULL },

    { ngx_string("sio_cors_origin"),
      NGX_HTTP_SIO_CONF|NGX_CONF_1MORE,
      ngx_http_sio_cors_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, cors_origins),
      NULL },

    { ngx_string("sio_cors_credentials"),
      NGX_HTTP_SIO_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, cors_credentials),
      NULL },

    { ngx_string("sio_origin_check"),
      NGX_HTTP_SIO_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, origin_check),
      NULL },

    { ngx_string("sio_cors_methods"),
      NGX_HTTP_SIO_CONF|NGX_CONF_1MORE,
      ngx_http_sio_cors_list,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, cors_methods),
      NULL },

    { ngx_string("sio_cors_headers"),
      NGX_HTTP_SIO_CONF|NGX_CONF_1MORE,
      ngx_http_sio_cors_list,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, cors_headers),
      NULL },

    { ngx_string("sio_cors_expose_headers"),
      NGX_HTTP_SIO_CONF|NGX_CONF_1MORE,
      ngx_http_sio_cors_list,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, cors_expose_headers),
      NULL },

    { ngx_string("sio_cors_max_age"),
      NGX_HTTP_SIO_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, cors_max_age),
      NULL },

    { ngx_string("sio_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_sio_api,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_api_key"),
      NGX_HTTP_SIO_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_array_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, api_keys),
      NULL },

    { ngx_string("sio_hook_secret"),
      NGX_HTTP_SIO_CONF|NGX_CONF_TAKE12,
      ngx_http_sio_hook_secret,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* ngx_http_sio_rules.h */

    { ngx_string("sio_use"),
      NGX_HTTP_LOC_CONF|NGX_CONF_BLOCK|NGX_CONF_NOARGS,
      ngx_http_sio_use,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_on"),
      NGX_HTTP_LOC_CONF|NGX_CONF_BLOCK|NGX_CONF_1MORE,
      ngx_http_sio_on,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_on_ack"),
      NGX_HTTP_LOC_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_sio_on_ack,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_namespace"),
      NGX_HTTP_LOC_CONF|NGX_CONF_BLOCK|NGX_CONF_1MORE,
      ngx_http_sio_namespace,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_hook"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_sio_hook,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_join_allow"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_sio_allow,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_sio_access_t, join),
      NULL },

    { ngx_string("sio_emit_allow"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_sio_allow,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_sio_access_t, emit),
      NULL },

    { ngx_string("sio_user"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_sio_user,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_user_room"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_sio_user_room,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_user_sessions"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_sio_user_sessions,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_hook_concurrency"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_sio_hook_concurrency,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_room_hook"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_sio_room_hook,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_jwt"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_sio_jwt,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_set"),
      NGX_HTTP_SIO_CONF|NGX_CONF_2MORE,
      ngx_http_sio_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_limit"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_sio_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_limit_events"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_sio_limit_events,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_limit_events_log_level"),
      NGX_HTTP_SIO_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sio_loc_conf_t, limit_log_level),
      &ngx_http_sio_log_levels },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_sio_module_ctx = {
    ngx_http_sio_add_variables,            /* preconfiguration */
    ngx_http_sio_postconf,                 /* postconfiguration */

    ngx_http_sio_create_main_conf,         /* create main configuration */
    ngx_http_sio_init_main_conf,           /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_sio_create_loc_conf,          /* create location configuration */
    ngx_http_sio_merge_loc_conf            /* merge location configuration */
};


ngx_module_t  ngx_http_sio_module = {
    NGX_MODULE_V1,
    &ngx_http_sio_module_ctx,              /* module context */
    ngx_http_sio_commands,                 /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_sio_init_module,              /* init module */
    ngx_http_sio_init_process,             /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_sio_exit_process,             /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/*
 * In the master, once the new configuration is certain to be taken: from here
 * on the zone may be changed.
 */

static ngx_int_t
ngx_http_sio_init_module(ngx_cycle_t *cycle)
{
    ngx_uint_t                  i;
    ngx_http_sio_zone_t       **zones;
    ngx_http_sio_main_conf_t   *smcf;

    if (ngx_test_config) {
        return NGX_OK;
    }

    /* http{} may be gone while load_module stays */

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_sio_module);

    ngx_http_sio_close_zones(cycle, smcf);

    if (smcf == NULL) {
        return NGX_OK;
    }

    zones = smcf->zones.elts;

    for (i = 0; i < smcf->zones.nelts; i++) {
        if (ngx_sio_zone_configure(zones[i]->server.root,
                                   &zones[i]->server.limits, cycle->log)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* those of the old configuration that are not taken over; nginx unmaps them
   next */

static void
ngx_http_sio_close_zones(ngx_cycle_t *cycle, ngx_http_sio_main_conf_t *smcf)
{
    ngx_uint_t                  i, k;
    ngx_cycle_t                *old;
    ngx_http_sio_zone_t       **zones, **new;
    ngx_http_sio_main_conf_t   *osmcf;

    old = cycle->old_cycle;

    /* a single process goes on using them */

    if (ngx_process != NGX_PROCESS_MASTER || old == NULL
        || old->conf_ctx == NULL)
    {
        return;
    }

    osmcf = ngx_http_cycle_get_module_main_conf(old, ngx_http_sio_module);
    if (osmcf == NULL) {
        return;
    }

    zones = osmcf->zones.elts;
    new = smcf ? smcf->zones.elts : NULL;

    for (i = 0; i < osmcf->zones.nelts; i++) {

        for (k = 0; smcf && k < smcf->zones.nelts; k++) {
            if (new[k]->server.root == zones[i]->server.root) {
                break;
            }
        }

        if (smcf == NULL || k == smcf->zones.nelts) {
            ngx_sio_zone_close(zones[i]->server.root);
        }
    }
}


static ngx_int_t
ngx_http_sio_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                  i;
    ngx_http_sio_zone_t       **zones;
    ngx_http_sio_main_conf_t   *smcf;

    /* not in the cache manager and loader */

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_sio_module);
    if (smcf == NULL || smcf->zones.nelts == 0) {
        return NGX_OK;
    }

    if (ngx_http_sio_ws_init_process(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    zones = smcf->zones.elts;

    for (i = 0; i < smcf->zones.nelts; i++) {
        if (ngx_sio_worker_init(&zones[i]->server, cycle) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_sio_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                  i;
    ngx_http_sio_zone_t       **zones;
    ngx_http_sio_main_conf_t   *smcf;

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return;
    }

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_sio_module);
    if (smcf == NULL) {
        return;
    }

    zones = smcf->zones.elts;

    for (i = 0; i < smcf->zones.nelts; i++) {
        if (zones[i]->server.worker) {
            ngx_sio_worker_exit(&zones[i]->server);
        }
    }
}
