#!/bin/sh

# The fuzzer of whole connections as libFuzzer's own programs are called:
# run.sh [OPTION|FILE|DIRECTORY]...   (make fuzz builds it)
#
# libFuzzer calls it again by this name, for -merge=1 and the like.

set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
OUT=${CONN_OUT:-$HERE/../../../build/fuzz/conn/clang}
CLANG=$(command -v clang || command -v clang-14)
NGINX=${NGINX:-$(command -v nginx || echo /usr/sbin/nginx)}

OUT=$(cd "$OUT" && pwd)

CONN_ARGS="$HERE/run.sh $*"
LD_PRELOAD=$("$CLANG" -print-file-name=libclang_rt.asan-x86_64.so)
ASAN_OPTIONS=detect_leaks=0:handle_abort=1
UBSAN_OPTIONS=print_stacktrace=1

export CONN_ARGS LD_PRELOAD ASAN_OPTIONS UBSAN_OPTIONS CONN_OUT="$OUT"

exec "$NGINX" -p "$OUT" -c conn.conf -e stderr
