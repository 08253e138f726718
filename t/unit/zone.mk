# The tests of src/zone.  make -f zone.mk [BUILD=DIR] [SAN=yes] [CC=clang]
#
#   NGINX=BINARY   the nginx whose slab, mutex, pools and log are used
#   NGINX_SRC=DIR  its source tree or SDK
#   NGX_OBJ=DIR    where it was configured (ngx_auto_config.h)
#   WERROR=no      warnings are not errors
#
# See README.md.

SHELL    = /bin/bash

HERE    := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
TOP     := $(abspath $(HERE)../..)
BUILD   ?= $(TOP)/build/unit
OUT     := $(abspath $(BUILD))/zone$(if $(SAN),-san)$(if \
           $(filter-out cc,$(CC)),-$(notdir $(CC)))

NGINX   ?= $(or $(shell command -v nginx),/usr/sbin/nginx)
NGINX_SRC ?= /usr/share/nginx/src
NGX_OBJ ?= $(OUT)/nginx

INCS     = -I$(NGINX_SRC)/src/core -I$(NGINX_SRC)/src/event \
           -I$(NGINX_SRC)/src/os/unix -I$(NGX_OBJ)
WARN     = -W -Wall -Wextra -Wpointer-arith -Wno-unused-parameter \
           $(if $(filter no,$(WERROR)),-Wno-error,-Werror)

ifdef SAN
SANFLAGS = -fsanitize=address,undefined -fno-sanitize-recover=undefined \
           -fno-omit-frame-pointer
ifneq ($(findstring clang,$(CC)),)
SANFLAGS += -shared-libasan
PRELOAD  = $(shell $(CC) -print-file-name=libclang_rt.asan-x86_64.so)
else
PRELOAD  = $(shell $(CC) -print-file-name=libasan.so) \
           $(shell $(CC) -print-file-name=libubsan.so)
endif
endif

FLAGS    = -std=gnu99 -g -O2 -fPIC -fvisibility=hidden $(WARN) $(SANFLAGS) $(INCS)

ZONE     = $(wildcard $(TOP)/src/zone/*.c)
HEADERS  = $(wildcard $(TOP)/src/zone/*.h $(HERE)zone_*.h)
OBJS     = $(ZONE:$(TOP)/src/zone/%.c=$(OUT)/%.o) $(OUT)/zone_lib.o \
           $(OUT)/zone_image.o

# what a test has beside them

zone_model_test   = zone_model zone_model_sessions zone_model_rooms
zone_session_test = zone_steps
zone_eio3_test    = zone_steps
zone_death_test   = zone_steps
zone_token_test   = zone_steps
zone_many_test    = zone_steps
zone_crash_test   = zone_scene zone_scene_ops
zone_oom_test     = zone_scene zone_scene_ops
zone_reset_test   = zone_scene zone_scene_ops
zone_kill_test    = zone_kill_ops zone_kill_order

WRAP     = ngx_sio_begin ngx_sio_commit ngx_sio_alloc ngx_shmtx_trylock
TESTS    = $(patsubst $(HERE)%.c,%,$(wildcard $(HERE)zone_*_test.c))


.PHONY: all build $(TESTS)
.SECONDARY:
.SECONDEXPANSION:

# one after the other: some of them measure and kill

all: build
	@set -e; for t in $(TESTS); do \
	    LD_PRELOAD="$(PRELOAD) $(OUT)/$$t.so" $(NGINX); \
	done

build: $(TESTS:%=$(OUT)/%.so)

# make -f zone.mk zone_model_test ARGS=...

$(TESTS): %: $(OUT)/%.so
	@LD_PRELOAD="$(PRELOAD) $(OUT)/$@.so" $(NGINX) $(ARGS)

$(OUT)/%.so: $(OUT)/%.o $$(addprefix $(OUT)/,$$(addsuffix .o,$$($$*))) \
               $(OBJS)
	@$(CC) $(FLAGS) -shared $(WRAP:%=-Wl,--wrap=%) -o $@ $^

$(OUT)/%.o: $(TOP)/src/zone/%.c $(HEADERS) $(NGX_OBJ)/ngx_auto_config.h
	@mkdir -p $(OUT)
	@$(CC) $(FLAGS) -c -o $@ $<

$(OUT)/%.o: $(HERE)%.c $(HEADERS) $(NGX_OBJ)/ngx_auto_config.h
	@mkdir -p $(OUT)
	@$(CC) $(FLAGS) -c -o $@ $<

# the flags of the installed binary, so that its structures have their sizes

$(OUT)/nginx/ngx_auto_config.h:
	@mkdir -p $(OUT)/nginx
	@cd $(NGINX_SRC) && { [ ! -f conf_flags ] || . ./conf_flags; } && \
	    bash $$([ -f configure ] && echo configure || echo auto/configure) \
	    "$${NGX_CONF_FLAGS[@]}" --with-cc="$(CC)" \
	    --with-cc-opt="-g -O2 -fPIC" --builddir=$(OUT)/nginx \
	    > $(OUT)/configure.log || { tail -20 $(OUT)/configure.log; exit 1; }
