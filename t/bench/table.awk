# One table per case out of the result lines of run.sh: for each target the
# median over its rounds; errors are summed up over all rounds, and the largest
# latency is the largest of all.

function median(target, case_, name,    n, i, j, t, v) {
    n = count[case_, target]

    for (i = 1; i <= n; i++) {
        v[i] = value[case_, target, i, name] + 0
    }

    for (i = 2; i <= n; i++) {
        for (j = i; j > 1 && v[j - 1] > v[j]; j--) {
            t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
        }
    }

    if (n % 2) {
        return v[(n + 1) / 2]
    }

    return (v[n / 2] + v[n / 2 + 1]) / 2
}


function errors(target, case_,    i, k, n, sum, text) {
    n = split("lost dup reordered skewed corrupt closed procs", names, " ")
    text = ""

    for (k = 1; k <= n; k++) {
        sum = 0

        for (i = 1; i <= count[case_, target]; i++) {
            sum += value[case_, target, i, names[k]]
        }

        if (sum) {
            text = text " " names[k] "=" sum
        }
    }

    return text == "" ? " none" : text
}


function largest(target, case_, name,    i, v) {
    v = 0

    for (i = 1; i <= count[case_, target]; i++) {
        if (value[case_, target, i, name] + 0 > v) {
            v = value[case_, target, i, name] + 0
        }
    }

    return v
}


# ratio of two medians, "-" if there is nothing to compare with

function ratio(target, base, case_, name,    b) {
    if (!count[case_, base]) {
        return "-"
    }

    b = median(base, case_, name)

    return b > 0 ? sprintf("%.2f", median(target, case_, name) / b) : "-"
}


function goal(case_, base, limit,    r, n, i, all) {
    n = split("sio sio1", all, " ")

    for (i = 1; i <= n; i++) {
        if (!count[case_, all[i]]) {
            continue
        }

        r = ratio(all[i], base, case_, "cpu_m")

        if (r != "-") {
            printf "  %s: %s times %s, to reach: at most %s: %s\n",
                   all[i], r, base, limit, r <= limit + 0 ? "yes" : "NO"
        }
    }
}


{
    delete field

    for (i = 1; i <= NF; i++) {
        split($i, pair, "=")
        field[pair[1]] = pair[2]
    }

    n = ++count[field["case"], field["target"]]

    for (name in field) {
        value[field["case"], field["target"], n, name] = field[name]
    }
}


END {
    ncases = split(cases, case_list, " ")
    ntargets = split(targets, target_list, " ")

    title["rate"] = "1000 members in one room, 100 messages/s"
    title["room"] = "1000 members in one room, saturated"
    title["rooms"] = "100 rooms of 10, saturated"
    title["echo"] = "echo with acknowledgement, 100 clients"
    title["idle"] = "idle connections"

    for (c = 1; c <= ncases; c++) {
        name = case_list[c]

        printf "\n%s (%s)\n", title[name], name

        if (name == "idle") {
            printf "  %-11s %8s %9s %9s %9s %12s  %s\n", "target", "conns",
                   "private", "zone", "total", "CPU us", "errors"
            printf "  %-11s %8s %9s %9s %9s %12s\n", "", "",
                   "B/conn", "B/conn", "B/conn", "per connect"

        } else {
            printf "  %-11s %8s %7s %7s %9s %9s %9s %10s %8s  %s\n",
                   "target", "CPU s", "to", "to", "p50", "p99", "max",
                   name == "echo" ? "round" : "deliver-", "per", "errors"
            printf "  %-11s %8s %7s %7s %9s %9s %9s %10s %8s\n",
                   "", "per 10^6", "floor", "f.-send", "ms", "ms", "ms",
                   name == "echo" ? "trips" : "ies", "second"
        }

        for (t = 1; t <= ntargets; t++) {
            target = target_list[t]

            if (!count[name, target]) {
                continue
            }

            if (name == "idle") {
                printf "  %-11s %8d %9d %9d %9d %12.1f %s\n", target,
                       median(target, name, "conns"),
                       median(target, name, "priv"),
                       median(target, name, "zone"),
                       median(target, name, "total"),
                       median(target, name, "cpu_us"), errors(target, name)
                continue
            }

            printf "  %-11s %8.2f %7s %7s %9.2f %9.2f %9.2f %10d %8d %s\n",
                   target, median(target, name, "cpu_m"),
                   ratio(target, "floor", name, "cpu_m"),
                   ratio(target, "floor-send", name, "cpu_m"),
                   median(target, name, "p50"), median(target, name, "p99"),
                   largest(target, name, "max"),
                   median(target, name, "deliveries"),
                   median(target, name, "per_s"), errors(target, name)
        }

        if (name == "rate" || name == "echo") {
            goal(name, "floor", "1.30")

        } else if (name == "room") {
            goal(name, "node", "0.25")

        } else if (name == "idle" && count[name, "sio"]) {
            total = median("sio", name, "total")
            printf "  sio: %.2f KiB, to reach: under 2.5: %s\n", total / 1024,
                   total < 2560 ? "yes" : "NO"
        }
    }

    printf "\n"
}
