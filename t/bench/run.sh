#!/bin/sh
# shellcheck disable=SC2317,SC3045

# Side by side: the load generator against the floor, the module, Node's
# socket.io and nchan.  See README.md for cases and figures, "-h" for options.

set -u

here=$(cd "$(dirname "$0")" && pwd) || exit 2
top=$(cd "$here/../.." && pwd) || exit 2

usage() {
    cat <<USAGE
usage: t/bench/run.sh [-h] [quick | selftest]

  quick      one short round, less than a minute
  selftest   only proves that the load generator notices what goes wrong

Environment:
  BENCH_TARGETS   floor-send floor sio node nchan; also sio1, nchan1: one
                  worker (default: the first five, as far as they are there)
  BENCH_CASES     rate room rooms echo idle (default: all)
  BENCH_ROUNDS    rounds, interleaved (3; quick: 1)
  BENCH_SECONDS   counted seconds of each case (3; quick: 1)
  BENCH_WARM      seconds before that (1; quick: 0.5)
  BENCH_IDLE      idle connections (10000; quick: 2000)
  BENCH_WORKERS   worker processes of sio and nchan (2)
  BENCH_PORT      first of the 100 ports to use (19000)
  BENCH_RESULTS   keep the raw result lines in this file
  SIO_MODULE      build/ngx_http_sio_module.so
  NCHAN_MODULE    Debian's libnginx-mod-nchan
  NGINX, NODE, CC the programs
USAGE
}

quick=
selftest=

for arg; do
    case $arg in
        quick) quick=1 ;;
        selftest) selftest=1 ;;
        -h|--help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

if [ -n "$quick" ]; then
    rounds=1 seconds=1 warm=0.5 idle=2000
else
    rounds=3 seconds=3 warm=1 idle=10000
fi

rounds=${BENCH_ROUNDS:-$rounds}
seconds=${BENCH_SECONDS:-$seconds}
warm=${BENCH_WARM:-$warm}
idle=${BENCH_IDLE:-$idle}
workers=${BENCH_WORKERS:-2}
cases=${BENCH_CASES:-rate room rooms echo idle}
targets=${BENCH_TARGETS:-}
port0=${BENCH_PORT:-19000}

nginx=${NGINX:-$(command -v nginx || echo /usr/sbin/nginx)}
node=${NODE:-$(command -v node || echo node)}
cc=${CC:-cc}
sio_module=${SIO_MODULE:-$top/build/ngx_http_sio_module.so}
nchan_module=${NCHAN_MODULE:-/usr/lib/nginx/modules/ngx_nchan_module.so}

dir=$(mktemp -d "${TMPDIR:-/tmp}/sio-bench.XXXXXX") || exit 2
results=${BENCH_RESULTS:-$dir/results}
server=
load=

die() {
    echo "bench: $*" >&2
    exit 2
}

stop_server() {
    [ -n "$server" ] || return 0
    kill -TERM "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    server=
}

cleanup() {
    status=$?
    trap - EXIT INT TERM HUP
    if [ -n "$load" ]; then
        kill -TERM "$load" 2>/dev/null
        wait "$load" 2>/dev/null
    fi
    stop_server
    rm -rf "$dir"
    exit "$status"
}

trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

: > "$results" || die "cannot write $results"


# Both ends of 10,000 connections need a descriptor each, in two processes;
# who may raises the limit, who may not makes do with what there is.

files=$(ulimit -n)

if [ "$files" != unlimited ]; then
    hard=$(ulimit -H -n)
    if [ "$hard" = unlimited ] || [ "$hard" -gt 65536 ]; then
        hard=65536
    fi
    [ "$files" -lt "$hard" ] && ulimit -n "$hard" 2>/dev/null
    ulimit -n 65536 2>/dev/null
    files=$(ulimit -n)
fi

if [ "$files" != unlimited ] && [ $((idle + 300)) -gt "$files" ]; then
    idle=$((files - 300))
    echo "bench: only $files open files: $idle idle connections" >&2
fi

[ "$files" = unlimited ] && files=65536

# any worker may get them all

connections=$((idle + 1700))
[ "$connections" -gt "$files" ] && connections=$files


bin=$dir/bin
mkdir "$bin" || exit 2

$cc -O2 -W -Wall -o "$bin/load" "$here"/load*.c || die "cannot build load"
$cc -O2 -W -Wall -o "$bin/floor" "$here/floor.c" || die "cannot build floor"


# The next free port of the hundred, in "port": never the one just used.

nport=0

next_port() {
    tries=0
    while [ "$tries" -lt 100 ]; do
        port=$((port0 + nport % 100))
        nport=$((nport + 1))
        tries=$((tries + 1))
        "$bin/load" -p $port -c free && return 0
    done
    die "no free port from $port0 on"
}


# The floor makes one mistake in a thousand messages, and the load generator
# must notice.

expect() {
    mistake=$1
    field=$2
    shift 2
    next_port

    "$bin/floor" -p $port -m send -x "$mistake" &
    server=$!

    "$bin/load" -p $port -P $server -W 0.1 -D 0.5 -T 1 "$@" > "$dir/line"
    rc=$?
    stop_server

    if [ "$rc" -eq 1 ] && grep -q " $field=[1-9]" "$dir/line"; then
        echo "ok - $mistake shows as $field"
    else
        echo "not ok - $mistake shows as $field: status $rc"
        sed 's/^/# /' "$dir/line"
        bad=1
    fi
}

if [ -n "$selftest" ]; then
    bad=0

    expect lose lost        -c room -m 10 -t 1 -w 4
    expect lose lost        -c echo -n 10
    expect double dup       -c room -m 10 -t 1 -w 4
    expect double dup       -c echo -n 10
    expect swap reordered   -c room -m 10 -t 1 -w 4
    expect swap skewed      -c room -m 10 -t 10 -w 1
    expect spoil corrupt    -c room -m 10 -t 1 -w 4
    expect spoil corrupt    -c echo -n 10
    expect stray corrupt    -c room -r 2 -m 10 -t 1 -w 4
    expect close closed     -c room -m 10 -t 1 -w 4

    exit $bad
fi


# What there is to compare

have_node() {
    (cd "$here" && "$node" -e 'require("socket.io")') >/dev/null 2>&1
}

if [ -z "$targets" ]; then
    targets="floor-send floor"

    if [ -f "$sio_module" ]; then
        targets="$targets sio"
    else
        echo "bench: no $sio_module, left out" >&2
    fi

    if have_node; then
        targets="$targets node"
    else
        echo "bench: node does not find socket.io, left out" >&2
    fi

    if [ -f "$nchan_module" ]; then
        targets="$targets nchan"
    else
        echo "bench: no $nchan_module, left out" >&2
    fi
fi

for target in $targets; do
    case $target in
        floor|floor-send) ;;
        sio|sio1) [ -f "$sio_module" ] || die "no $sio_module" ;;
        node) have_node || die "node does not find socket.io" ;;
        nchan|nchan1) [ -f "$nchan_module" ] || die "no $nchan_module" ;;
        *) die "no such target: $target" ;;
    esac
done

for what in $cases; do
    case $what in
        rate|room|rooms|echo|idle) ;;
        *) die "no such case: $what" ;;
    esac
done


# A server for each run: none profits from what the one before has warmed up
# or left behind.

configure() {
    sed -e "s|@PORT@|$port|g" \
        -e "s|@DIR@|$dir/nginx|g" \
        -e "s|@MODULE@|$2|g" \
        -e "s|@WORKERS@|$3|g" \
        -e "s|@FILES@|$files|g" \
        -e "s|@CONNECTIONS@|$connections|g" \
        "$here/$1" > "$dir/nginx/nginx.conf"
}

start_nginx() {
    rm -rf "$dir/nginx"
    mkdir "$dir/nginx" || exit 2
    configure "$@"
    "$nginx" -e "$dir/nginx/error.log" -p "$dir/nginx" \
        -c "$dir/nginx/nginx.conf" > "$dir/server.log" 2>&1 &
    server=$!
}

start_server() {
    next_port
    dialect=sio
    : > "$dir/server.log"

    case $1 in
        floor)      "$bin/floor" -p $port -m tick & server=$! ;;
        floor-send) "$bin/floor" -p $port -m send & server=$! ;;
        node)       "$node" "$here/node-server.js" $port \
                        > "$dir/server.log" 2>&1 &
                    server=$! ;;
        sio)        start_nginx nginx-sio.conf.in "$sio_module" "$workers" ;;
        sio1)       start_nginx nginx-sio.conf.in "$sio_module" 1 ;;
        nchan)      dialect=nchan
                    start_nginx nginx-nchan.conf.in "$nchan_module" \
                        "$workers" ;;
        nchan1)     dialect=nchan
                    start_nginx nginx-nchan.conf.in "$nchan_module" 1 ;;
    esac
}

options() {
    case $1 in
        rate)   echo "-c room -m 1000 -t 20 -R 100" ;;
        room)   echo "-c room -m 1000 -t 32 -w 2" ;;
        rooms)  echo "-c room -r 100 -m 10 -t 10 -w 1" ;;
        echo)   echo "-c echo -n 100" ;;
        idle)   echo "-c idle -n $idle" ;;
    esac
}

# A wait that a signal can end: the shell runs traps only between commands.

run_load() {
    # shellcheck disable=SC2046
    "$bin/load" -p $port -P "$server" -d $dialect -N "$1" \
        -W "$warm" -D "$seconds" $(options "$1") > "$dir/line" &
    load=$!
    wait "$load"
    rc=$?
    load=
    return $rc
}

echo "$(uname -sr), $(getconf _NPROCESSORS_ONLN) CPUs," \
     "$("$nginx" -v 2>&1 | sed 's/.*: //'), node" \
     "$("$node" --version 2>/dev/null || echo missing);" \
     "$workers workers; $rounds rounds of $seconds s after $warm s"

bad=0
round=1

while [ "$round" -le "$rounds" ]; do
    for what in $cases; do
        for target in $targets; do
            case $what:$target in echo:nchan*) continue ;; esac

            start_server "$target"
            run_load "$what"
            rc=$?
            stop_server

            if [ "$rc" -ge 2 ]; then
                echo "bench: $what on $target could not be run" >&2
                tail -n 5 "$dir/server.log" >&2
                bad=1
            else
                [ "$rc" -eq 0 ] || bad=1
                sed "s/^/target=$target round=$round /" "$dir/line" \
                    >> "$results"
            fi

            case $target in sio*|nchan*)
                if grep -E '\[(alert|emerg)\]|Sanitizer|runtime error' \
                        "$dir/nginx/error.log" >&2
                then
                    echo "bench: $what on $target: see the log above" >&2
                    bad=1
                fi
            esac

            [ -t 2 ] && printf '\r%s/%s %s %s        ' \
                "$round" "$rounds" "$what" "$target" >&2
        done
    done
    round=$((round + 1))
done

[ -t 2 ] && printf '\r                                        \r' >&2

awk -v cases="$cases" -v targets="$targets" -f "$here/table.awk" "$results" \
    || bad=1

exit $bad
