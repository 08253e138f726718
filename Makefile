# make                   build/ngx_http_sio_module.so for the installed
#                        nginx, through Debian's nginx-dev
# make NGINX_SRC=DIR     build/NAME/ngx_http_sio_module.so against a source
#                        tree, NAME being the last part of DIR
# make nginx NGINX_SRC=DIR  that tree's nginx, too, beside the module
# make unit              the C unit tests
# make replay            the fuzz targets over their committed corpora
# make fuzz              the libFuzzer binaries (clang)
# make style             layers, prefixes, obvious style
#
# WERROR=no              warnings are not errors, as they are in nginx
# CC=clang               another compiler
# BUILD=DIR              another place than build/

SHELL    = /bin/bash

BUILD   ?= build
NGX_SDK  = /usr/share/nginx/src
MODULE   = ngx_http_sio_module.so

WARN     = -W -Wall -Wextra -Wpointer-arith -Wno-unused-parameter \
           $(if $(filter no,$(WERROR)),-Wno-error,-Werror)

WITH_CC  = $(if $(filter-out cc,$(CC)),--with-cc=$(CC))
SUFFIX   = $(if $(filter-out cc,$(CC)),-$(notdir $(CC)))

TOP     := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
B       := $(abspath $(BUILD))

ifdef NGINX_SRC
NGX     := $(abspath $(NGINX_SRC))
NAME    := $(notdir $(NGX))
OBJ     := $(B)/$(NAME)/obj$(SUFFIX)
OUT     := $(B)/$(NAME)/$(MODULE)
LOCK    := $(B)/$(NAME)/.lock
else
NGX     := $(NGX_SDK)
OBJ     := $(B)/debian$(SUFFIX)
OUT     := $(B)/$(MODULE)
LOCK    := $(B)/.lock
endif


.PHONY: all module nginx unit replay fuzz style clean

all: module

# one at a time, so that two shells may build in the same tree; nginx's own
# generated Makefile knows what depends on what

module:
	@mkdir -p $(dir $(LOCK))
	@flock $(LOCK) $(MAKE) --no-print-directory $(OUT)

.PHONY: $(OUT)

$(OUT): $(OBJ)/Makefile
	@$(MAKE) --no-print-directory -f $(OBJ)/Makefile -C $(NGX) modules
	@cmp -s $(OBJ)/$(MODULE) $@ || install -m 644 $(OBJ)/$(MODULE) $@

ifdef NGINX_SRC

nginx: module
	@$(MAKE) --no-print-directory -f $(OBJ)/Makefile -C $(NGX) binary
	@cmp -s $(OBJ)/nginx $(dir $(OUT))nginx \
	    || install $(OBJ)/nginx $(dir $(OUT))nginx

$(OBJ)/Makefile: $(TOP)/config $(TOP)/Makefile
	@mkdir -p $(OBJ)
	@echo configuring in $(OBJ)
	@cd $(NGX) && $$([ -f configure ] && echo ./configure \
	    || echo ./auto/configure) \
	    --with-compat --with-debug --with-threads \
	    --with-http_ssl_module --with-http_v2_module \
	    --with-http_auth_request_module --with-http_gunzip_module \
	    --with-http_realip_module --with-http_sub_module \
	    $(NGX_CONF) $(WITH_CC) \
	    --with-cc-opt="-g -O2 $(WARN) $(NGX_CC_OPT)" \
	    --with-ld-opt="$(NGX_LD_OPT)" \
	    --add-dynamic-module=$(TOP) --builddir=$(OBJ) \
	    > $(OBJ)/configure.log || { tail -20 $(OBJ)/configure.log; exit 1; }

else

$(OBJ)/Makefile: $(TOP)/config $(TOP)/Makefile $(NGX_SDK)/conf_flags
	@mkdir -p $(OBJ)
	@echo configuring in $(OBJ)
	@cd $(NGX_SDK) && . ./conf_flags && bash ./configure \
	    "$${NGX_CONF_FLAGS[@]}" $(WITH_CC) \
	    --with-cc-opt="$$(dpkg-buildflags --get CFLAGS) -fPIC \
	        $$(dpkg-buildflags --get CPPFLAGS) $(WARN)" \
	    --with-ld-opt="$$(dpkg-buildflags --get LDFLAGS) -fPIC" \
	    --add-dynamic-module=$(TOP) --builddir=$(OBJ) \
	    > $(OBJ)/configure.log || { tail -20 $(OBJ)/configure.log; exit 1; }

endif


unit:
	@$(MAKE) --no-print-directory -C t/unit BUILD=$(B)/unit

replay:
	@$(MAKE) --no-print-directory -C t/fuzz BUILD=$(B)/replay replay

fuzz:
	@$(MAKE) --no-print-directory -C t/fuzz BUILD=$(B)/fuzz fuzz

style:
	@node t/style

clean:
	rm -rf $(B)
