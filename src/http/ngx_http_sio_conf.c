
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Zones, locations and their options as the configuration says them.
 */


#include "ngx_http_sio_module.h"
#include "ngx_http_sio_rules.h"


#if (NGX_SIO_HAVE_ZLIB)
#define NGX_HTTP_SIO_COMPRESSION  NGX_HTTP_SIO_THRESHOLD
#else
#define NGX_HTTP_SIO_COMPRESSION  NGX_HTTP_SIO_NEVER
#endif


static char *ngx_http_sio_enable_unnamed(ngx_conf_t *cf,
    ngx_http_sio_main_conf_t *smcf, ngx_http_sio_zone_t **zone);
static ngx_int_t ngx_http_sio_init_zone(ngx_shm_zone_t *shm_zone, void *data);
static void ngx_http_sio_check_size(ngx_conf_t *cf, ngx_shm_zone_t *shm_zone);
static ngx_int_t ngx_http_sio_location(ngx_conf_t *cf,
    ngx_http_sio_loc_conf_t *slcf);
static void ngx_http_sio_limit_binaries(ngx_sio_server_t *server);
static uint32_t ngx_http_sio_location_key(ngx_conf_t *cf,
    ngx_http_sio_loc_conf_t *slcf);


void *
ngx_http_sio_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_sio_main_conf_t  *smcf;

    smcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_main_conf_t));
    if (smcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&smcf->zones, cf->pool, 2,
                       sizeof(ngx_http_sio_zone_t *))
        != NGX_OK
        || ngx_array_init(&smcf->locations, cf->pool, 4,
                          sizeof(ngx_http_sio_loc_conf_t *))
           != NGX_OK
        || ngx_array_init(&smcf->apis, cf->pool, 2,
                          sizeof(ngx_http_sio_api_t *))
           != NGX_OK)
    {
        return NULL;
    }

    smcf->drain_time = NGX_CONF_UNSET_MSEC;

    return smcf;
}


char *
ngx_http_sio_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_sio_main_conf_t  *smcf = conf;

    ngx_conf_init_msec_value(smcf->drain_time, 10000);

    return NGX_CONF_OK;
}


void *
ngx_http_sio_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_loc_conf_t));
    if (slcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     slcf->self = NULL;
     *     slcf->rules = NULL;
     *     slcf->transports = 0;
     *     slcf->serve_client = { 0, NULL };
     *     slcf->cors_methods = { 0, NULL }; ...
     */

    slcf->ping_interval = NGX_CONF_UNSET_MSEC;
    slcf->ping_timeout = NGX_CONF_UNSET_MSEC;
    slcf->upgrade_timeout = NGX_CONF_UNSET_MSEC;
    slcf->connect_timeout = NGX_CONF_UNSET_MSEC;
    slcf->max_http_buffer_size = NGX_CONF_UNSET_SIZE;
    slcf->allow_upgrades = NGX_CONF_UNSET;
    slcf->allow_eio3 = NGX_CONF_UNSET;
    slcf->protocol = NGX_CONF_UNSET_UINT;
    slcf->parser = NGX_CONF_UNSET_UINT;
    slcf->limit_log_level = NGX_CONF_UNSET_UINT;
    slcf->http_compression = NGX_CONF_UNSET_SIZE;
    slcf->per_message_deflate = NGX_CONF_UNSET_PTR;
    slcf->cookie = NGX_CONF_UNSET_PTR;
    slcf->cors_origins = NGX_CONF_UNSET_PTR;
    slcf->cors_mode = NGX_CONF_UNSET_UINT;
    slcf->cors_credentials = NGX_CONF_UNSET;
    slcf->origin_check = NGX_CONF_UNSET;
    slcf->cors_max_age = NGX_CONF_UNSET;
    slcf->api_keys = NGX_CONF_UNSET_PTR;
    slcf->hook_secrets = NGX_CONF_UNSET_PTR;

    return slcf;
}


/* the defaults are Socket.IO's */

char *
ngx_http_sio_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_sio_loc_conf_t *prev = parent;
    ngx_http_sio_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ngx_conf_merge_msec_value(conf->ping_interval, prev->ping_interval, 25000);
    ngx_conf_merge_msec_value(conf->ping_timeout, prev->ping_timeout, 20000);
    ngx_conf_merge_msec_value(conf->upgrade_timeout, prev->upgrade_timeout,
                              10000);
    ngx_conf_merge_msec_value(conf->connect_timeout, prev->connect_timeout,
                              45000);
    ngx_conf_merge_size_value(conf->max_http_buffer_size,
                              prev->max_http_buffer_size, 1000000);
    ngx_conf_merge_bitmask_value(conf->transports, prev->transports,
                              (NGX_CONF_BITMASK_SET|NGX_HTTP_SIO_POLLING
                               |NGX_HTTP_SIO_WEBSOCKET));
    ngx_conf_merge_value(conf->allow_upgrades, prev->allow_upgrades, 1);
    ngx_conf_merge_value(conf->allow_eio3, prev->allow_eio3, 0);
    ngx_conf_merge_uint_value(conf->protocol, prev->protocol, 0);
    ngx_conf_merge_uint_value(conf->parser, prev->parser, 0);
    ngx_conf_merge_uint_value(conf->limit_log_level, prev->limit_log_level,
                              NGX_LOG_ERR);
    ngx_conf_merge_size_value(conf->http_compression, prev->http_compression,
                              NGX_HTTP_SIO_COMPRESSION);
    ngx_conf_merge_ptr_value(conf->per_message_deflate,
                             prev->per_message_deflate, NULL);

    ngx_conf_merge_ptr_value(conf->cookie, prev->cookie, NULL);
    ngx_conf_merge_str_value(conf->serve_client, prev->serve_client, "");

    ngx_conf_merge_ptr_value(conf->cors_origins, prev->cors_origins, NULL);
    ngx_conf_merge_uint_value(conf->cors_mode, prev->cors_mode,
                              NGX_HTTP_SIO_CORS_OFF);
    ngx_conf_merge_value(conf->cors_credentials, prev->cors_credentials, 0);
    ngx_conf_merge_value(conf->origin_check, prev->origin_check, 0);
    ngx_conf_merge_str_value(conf->cors_methods, prev->cors_methods,
                             "GET,HEAD,PUT,PATCH,POST,DELETE");
    ngx_conf_merge_str_value(conf->cors_headers, prev->cors_headers, "");
    ngx_conf_merge_str_value(conf->cors_expose_headers,
                             prev->cors_expose_headers, "");
    ngx_conf_merge_sec_value(conf->cors_max_age, prev->cors_max_age, -1);

    ngx_conf_merge_ptr_value(conf->api_keys, prev->api_keys, NULL);
    ngx_conf_merge_ptr_value(conf->hook_secrets, prev->hook_secrets, NULL);

    if (conf->rules && conf->self == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "rules without \"sio\" in location \"%V\", "
                      "the first in %V:%ui", &clcf->name, &conf->rules->file,
                      conf->rules->line);
        return NGX_CONF_ERROR;
    }

    if (conf->self == NULL && clcf->noname && prev->self) {
        /* "if" and "limit_except" inside of the location */
        conf->self = prev->self;
    }

    if (conf->api == NULL && clcf->noname) {
        conf->api = prev->api;
    }

    if (conf->self) {
        /* the limit is ours: its answer has no body and closes nothing */
        clcf->client_max_body_size = 0;
    }

    return NGX_CONF_OK;
}


ngx_http_sio_zone_t *
ngx_http_sio_zone_add(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_uint_t                  i;
    ngx_sio_server_t           *server;
    ngx_http_sio_zone_t       **zones, **p, *zone;
    ngx_http_sio_main_conf_t   *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sio_module);

    zones = smcf->zones.elts;

    for (i = 0; i < smcf->zones.nelts; i++) {
        if (zones[i]->server.name.len == name->len
            && ngx_strncmp(zones[i]->server.name.data, name->data, name->len)
               == 0)
        {
            return zones[i];
        }
    }

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_zone_t));
    p = ngx_array_push(&smcf->zones);

    if (zone == NULL || p == NULL) {
        return NULL;
    }

    *p = zone;

    server = &zone->server;
    server->name = *name;

    if (ngx_array_init(&server->options, cf->pool, 2,
                       sizeof(ngx_sio_options_t *))
        != NGX_OK)
    {
        return NULL;
    }

    /* what sio_limit changes */

    server->limits.max_rooms = 1000;
    server->limits.max_namespaces = 64;
    server->limits.max_acks = 100;
    server->limits.max_room_name = 8192;
    server->limits.max_data = 4096;
    server->limits.max_queue = 1000;
    server->limits.max_queue_size = 4 * 1024 * 1024;
    server->limits.max_inbox = 65536;
    server->limits.max_inbox_size = 64 * 1024 * 1024;

    server->packet_limits.max_attachments = 10;
    server->packet_limits.max_depth = 64;
    server->packet_limits.max_nsp = 255;
    server->max_binaries = 1000;

    server->limits.max_sessions = 0;
    server->limits.max_handshakes = 10000;

    server->max_args = 64;
    server->max_event = 8192;
    server->max_auth = 16384;
    server->max_user = 256;
    server->max_token = 8192;
    server->max_tokens = 100;
    server->max_buffer = 4 * 1024 * 1024;
    server->max_packet = 4 * 1024 * 1024;
    server->max_hooks = 1024;
    server->max_client_hooks = 1;
    server->max_held = 64 * 1024;
    server->max_room_hooks = 65536;

    server->max_gathers = 1000;
    server->max_answers = 4 * 1024 * 1024;
    server->max_ack_timeout = 60000;
    server->max_orders = 10000;
    server->max_line = 65536;

    zone->file = cf->conf_file->file.name.data;
    zone->line = cf->conf_file->line;

    return zone;
}


/* sio_zone zone=NAME:SIZE */

char *
ngx_http_sio_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char               *p;
    ssize_t               size;
    ngx_str_t            *value, name, s;
    ngx_http_sio_zone_t  *zone;

    value = cf->args->elts;

    if (ngx_strncmp(value[1].data, "zone=", 5) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", it is "
                           "\"sio_zone zone=NAME:SIZE\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    name.data = value[1].data + 5;
    name.len = value[1].len - 5;

    p = ngx_strlchr(name.data, name.data + name.len, ':');

    if (p == NULL || p == name.data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\", it is \"zone=NAME:SIZE\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    s.data = p + 1;
    s.len = name.data + name.len - s.data;
    name.len = p - name.data;

    size = ngx_parse_size(&s);

    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (size < (ssize_t) NGX_SIO_MIN_ZONE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small, the least is %uzk",
                           &value[1], (size_t) NGX_SIO_MIN_ZONE / 1024);
        return NGX_CONF_ERROR;
    }

    zone = ngx_http_sio_zone_add(cf, &name);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (zone->size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate zone \"%V\", it is declared in %s:%ui",
                           &name, zone->file, zone->line);
        return NGX_CONF_ERROR;
    }

    zone->size = size;
    zone->file = cf->conf_file->file.name.data;
    zone->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


/* sio on; the zone is "default" and nobody else's */

static char *
ngx_http_sio_enable_unnamed(ngx_conf_t *cf, ngx_http_sio_main_conf_t *smcf,
    ngx_http_sio_zone_t **zone)
{
    ngx_str_t                  name;
    ngx_uint_t                 i;
    ngx_http_sio_loc_conf_t  **locations;

    ngx_str_set(&name, "default");

    *zone = ngx_http_sio_zone_add(cf, &name);
    if (*zone == NULL) {
        return NGX_CONF_ERROR;
    }

    locations = smcf->locations.elts;

    for (i = 0; (*zone)->unnamed && i < smcf->locations.nelts; i++) {

        if (locations[i]->zone != *zone) {
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a second \"sio on\", the first is in %s:%ui; "
                           "name the zones: \"sio_zone zone=NAME:SIZE\" in "
                           "http and \"sio zone=NAME\" here and there",
                           locations[i]->file, locations[i]->line);
        return NGX_CONF_ERROR;
    }

    (*zone)->unnamed = 1;

    return NGX_CONF_OK;
}


/* sio on | zone=NAME */

char *
ngx_http_sio_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_loc_conf_t *slcf = conf;

    ngx_str_t                  *value, name;
    ngx_http_sio_zone_t        *zone;
    ngx_http_sio_loc_conf_t   **p;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_sio_main_conf_t   *smcf;

    if (slcf->self) {
        return "is duplicate";
    }

    value = cf->args->elts;
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sio_module);

#if (NGX_PCRE)
    if (clcf->regex) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"sio\" cannot be in location \"%V\" given by a "
                           "regular expression: a client's path is a prefix, "
                           "as in \"location /socket.io/\"", &clcf->name);
        return NGX_CONF_ERROR;
    }
#endif

    if (clcf->named) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"sio\" cannot be in the named location \"%V\": "
                           "a client's path is a prefix, as in "
                           "\"location /socket.io/\"", &clcf->name);
        return NGX_CONF_ERROR;
    }

    if (clcf->handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "location \"%V\" has another handler already",
                           &clcf->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_strcmp(value[1].data, "on") == 0) {

        if (ngx_http_sio_enable_unnamed(cf, smcf, &zone) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }

    } else if (ngx_strncmp(value[1].data, "zone=", 5) == 0
               && value[1].len > 5)
    {
        name.data = value[1].data + 5;
        name.len = value[1].len - 5;

        zone = ngx_http_sio_zone_add(cf, &name);
        if (zone == NULL) {
            return NGX_CONF_ERROR;
        }

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"sio\" directive, it is "
                           "\"on\" or \"zone=NAME\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    p = ngx_array_push(&smcf->locations);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    *p = slcf;

    slcf->self = slcf;
    slcf->zone = zone;
    slcf->location = clcf;
    slcf->server = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    slcf->file = cf->conf_file->file.name.data;
    slcf->line = cf->conf_file->line;

    clcf->handler = ngx_http_sio_handler;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_sio_postconf(ngx_conf_t *cf)
{
    ngx_str_t                   name;
    ngx_uint_t                  i;
    ngx_sio_server_t           *server;
    ngx_http_sio_zone_t       **zones;
    ngx_http_sio_loc_conf_t   **locations;
    ngx_http_sio_main_conf_t   *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sio_module);

    locations = smcf->locations.elts;

    for (i = 0; i < smcf->locations.nelts; i++) {
        if (ngx_http_sio_location(cf, locations[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_http_sio_rules_postconf(cf) != NGX_OK
        || ngx_http_sio_api_postconf(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    zones = smcf->zones.elts;

    for (i = 0; i < smcf->zones.nelts; i++) {

        server = &zones[i]->server;

        if (zones[i]->size == 0) {

            if (!zones[i]->unnamed) {
                ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                              "unknown zone \"%V\" in %s:%ui, "
                              "\"sio_zone zone=%V:SIZE\" is missing",
                              &server->name, zones[i]->file, zones[i]->line,
                              &server->name);
                return NGX_ERROR;
            }

            zones[i]->size = NGX_HTTP_SIO_DEFAULT_ZONE_SIZE;
        }

        server->drain_time = smcf->drain_time;
        ngx_http_sio_rules_limits(server->rules, server);
        ngx_http_sio_limit_binaries(server);

        name = server->name;

        server->shm_zone = ngx_shared_memory_add(cf, &name, zones[i]->size,
                                                 NGX_SIO_ZONE_TAG);
        if (server->shm_zone == NULL) {
            return NGX_ERROR;
        }

        server->shm_zone->init = ngx_http_sio_init_zone;
        server->shm_zone->data = zones[i];

        ngx_http_sio_check_size(cf, server->shm_zone);
    }

    return NGX_OK;
}


/*
 * Clients with the default parser take no packet with more attachments than
 * theirs may have, and a room is for all.
 */

static void
ngx_http_sio_limit_binaries(ngx_sio_server_t *server)
{
    ngx_uint_t           i;
    ngx_sio_options_t  **options;

    options = server->options.elts;

    for (i = 0; i < server->options.nelts; i++) {

        if (!options[i]->msgpack) {
            server->max_binaries = server->packet_limits.max_attachments;
            return;
        }
    }
}


/* nginx makes a new zone then, which knows nothing of the old one's sessions */

static void
ngx_http_sio_check_size(ngx_conf_t *cf, ngx_shm_zone_t *shm_zone)
{
    ngx_uint_t        i;
    ngx_shm_zone_t   *old;
    ngx_list_part_t  *part;

    if (cf->cycle->old_cycle == NULL) {
        return;
    }

    for (part = &cf->cycle->old_cycle->shared_memory.part;
         part;
         part = part->next)
    {
        old = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (old[i].tag != shm_zone->tag
                || old[i].shm.name.len != shm_zone->shm.name.len
                || ngx_strncmp(old[i].shm.name.data, shm_zone->shm.name.data,
                               shm_zone->shm.name.len)
                   != 0
                || old[i].shm.size == shm_zone->shm.size)
            {
                continue;
            }

            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "sio zone: the size of \"%V\" has changed, "
                          "its sessions end with the old workers",
                          &shm_zone->shm.name);
            return;
        }
    }
}


/* everything has been read and merged */

static ngx_int_t
ngx_http_sio_location(ngx_conf_t *cf, ngx_http_sio_loc_conf_t *slcf)
{
    ngx_sio_server_t    *server;
    ngx_sio_options_t   *options, **p;
    ngx_http_sio_zone_t *zone;

    zone = slcf->zone;
    server = &zone->server;

    if (slcf->location->handler != ngx_http_sio_handler) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"sio\" in %s:%ui has another handler beside it in "
                      "location \"%V\"", slcf->file, slcf->line,
                      &slcf->location->name);
        return NGX_ERROR;
    }

    if (slcf->rules) {

        if (zone->rules) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "the rules of zone \"%V\" stand in two locations, "
                          "in %s:%ui and %s:%ui; they belong in one",
                          &server->name, zone->rules->file, zone->rules->line,
                          slcf->file, slcf->line);
            return NGX_ERROR;
        }

        zone->rules = slcf;
        server->rules = slcf->rules;
        slcf->rules->limits_log_level = slcf->limit_log_level;
    }

    options = &slcf->options;

    options->ping_interval = slcf->ping_interval;
    options->ping_timeout = slcf->ping_timeout;
    options->upgrade_timeout = slcf->upgrade_timeout;
    options->connect_timeout = slcf->connect_timeout;
    options->max_http_buffer_size = slcf->max_http_buffer_size;
    options->polling = (slcf->transports & NGX_HTTP_SIO_POLLING) ? 1 : 0;
    options->websocket = (slcf->transports & NGX_HTTP_SIO_WEBSOCKET) ? 1 : 0;
    options->allow_upgrades = slcf->allow_upgrades;
    options->engine_io = slcf->protocol;
    options->msgpack = slcf->parser;

    if (slcf->ping_interval == 0 || slcf->ping_timeout == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "sio_ping_interval and sio_ping_timeout must not be 0 "
                      "for the location in %s:%ui", slcf->file, slcf->line);
        return NGX_ERROR;
    }

    if (slcf->max_http_buffer_size > NGX_SIO_MAX_RESULT) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "sio_max_http_buffer_size is %uzm for the location in "
                      "%s:%ui, but one action makes at most %dm of a packet",
                      slcf->max_http_buffer_size / (1024 * 1024), slcf->file,
                      slcf->line, NGX_SIO_MAX_RESULT / (1024 * 1024));
    }

    if (options->engine_io && options->msgpack) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"sio_parser msgpack\" with \"sio_protocol engine.io\", "
                      "which has no packets, for the location in %s:%ui",
                      slcf->file, slcf->line);
        return NGX_ERROR;
    }

    options->key = ngx_http_sio_location_key(cf, slcf);

    while (ngx_sio_options_lookup(server, options->key)) {
        options->key++;
    }

    p = ngx_array_push(&server->options);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p = options;

    return NGX_OK;
}


/*
 * A session finds the options of its location by this after a reload, so it
 * depends on what an administrator thinks a location is: addresses and name
 * of the server, path.  With another parser it is another location.
 */

static uint32_t
ngx_http_sio_location_key(ngx_conf_t *cf, ngx_http_sio_loc_conf_t *slcf)
{
    u_char                      exact;
    uint32_t                    crc;
    ngx_str_t                  *s;
    ngx_uint_t                  i, j, k;
    ngx_http_conf_addr_t       *addr;
    ngx_http_conf_port_t       *port;
    ngx_http_core_srv_conf_t  **servers;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    ngx_crc32_init(crc);

    s = &slcf->zone->server.name;
    ngx_crc32_update(&crc, s->data, s->len);
    ngx_crc32_update(&crc, (u_char *) "", 1);

    s = &slcf->server->server_name;
    ngx_crc32_update(&crc, s->data, s->len);
    ngx_crc32_update(&crc, (u_char *) "", 1);

    port = cmcf->ports ? cmcf->ports->elts : NULL;

    for (i = 0; cmcf->ports && i < cmcf->ports->nelts; i++) {

        addr = port[i].addrs.elts;

        for (j = 0; j < port[i].addrs.nelts; j++) {

            servers = addr[j].servers.elts;

            for (k = 0; k < addr[j].servers.nelts; k++) {
                if (servers[k] == slcf->server) {
                    s = &addr[j].opt.addr_text;
                    ngx_crc32_update(&crc, s->data, s->len);
                    ngx_crc32_update(&crc, (u_char *) "", 1);
                }
            }
        }
    }

    if (slcf->parser) {
        ngx_crc32_update(&crc, (u_char *) "msgpack", 7);
    }

    exact = slcf->location->exact_match ? '=' : ' ';
    ngx_crc32_update(&crc, &exact, 1);

    s = &slcf->location->name;
    ngx_crc32_update(&crc, s->data, s->len);

    ngx_crc32_final(crc);

    return crc;
}


/* with old data it only attaches: a reload may still fail after this */

static ngx_int_t
ngx_http_sio_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_slab_pool_t      *shpool;
    ngx_http_sio_zone_t  *zone;

    zone = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    return ngx_sio_zone_init(shpool, &zone->server.limits, &zone->server.root,
                             shm_zone->shm.log);
}


/* sio_serve_client DIR | off */

char *
ngx_http_sio_serve_client(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_loc_conf_t *slcf = conf;

    ngx_str_t  *value;

    if (slcf->serve_client.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        ngx_str_set(&slcf->serve_client, "");
        return NGX_CONF_OK;
    }

    slcf->serve_client = value[1];

    while (slcf->serve_client.len > 1
           && slcf->serve_client.data[slcf->serve_client.len - 1] == '/')
    {
        slcf->serve_client.data[--slcf->serve_client.len] = '\0';
    }

    if (ngx_conf_full_name(cf->cycle, &slcf->serve_client, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
