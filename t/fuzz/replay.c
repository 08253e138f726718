
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Runs a fuzz target over the files of its corpus, each one once: what
 * libFuzzer does with "-runs=0", without clang.
 */


#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *name);


int
main(int argc, char **argv)
{
    int             i, n;
    DIR            *dir;
    char            name[4096];
    const char     *prog;
    struct dirent  *de;

    n = 0;
    prog = strrchr(argv[0], '/');
    prog = prog ? prog + 1 : argv[0];

    for (i = 1; i < argc; i++) {

        dir = opendir(argv[i]);
        if (dir == NULL) {
            fprintf(stderr, "%s: no corpus %s\n", prog, argv[i]);
            return 1;
        }

        while ((de = readdir(dir)) != NULL) {

            if (de->d_name[0] == '.') {
                continue;
            }

            snprintf(name, sizeof(name), "%s/%s", argv[i], de->d_name);

            if (replay_file(name) != 0) {
                fprintf(stderr, "%s: cannot read %s\n", prog, name);
                closedir(dir);
                return 1;
            }

            n++;
        }

        closedir(dir);
    }

    printf("ok   %s: %d inputs\n", prog, n);

    return n == 0;
}


/* the input is as long as its allocation: a read beyond it is seen */

static int
replay_file(const char *name)
{
    long      size;
    FILE     *f;
    uint8_t  *data;

    f = fopen(name, "rb");
    if (f == NULL) {
        return -1;
    }

    data = NULL;

    if (fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0) {
        goto failed;
    }

    rewind(f);

    data = malloc(size);
    if (data == NULL || fread(data, 1, size, f) != (size_t) size) {
        goto failed;
    }

    fclose(f);

    (void) LLVMFuzzerTestOneInput(data, size);

    free(data);

    return 0;

failed:

    free(data);
    fclose(f);

    return -1;
}
