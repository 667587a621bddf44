/* Vectorscan (or Hyperscan) over a haystack, chunk by chunk in block mode, without match starts: its fastest mode. The database is
 * compiled once and not in the time; matches are counted and nothing is validated or written.
 *
 * scan RULES.tsv HAYSTACK CHUNK: speaks the protocol of bench-runner (benches/src/bin/bench-runner/main.rs).
 * Built by `cargo xtask bench`: cc -O2 scan.c -lhs */

#include <hs/hs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char *slurp(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) { perror(path); exit(2); }
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *bytes = malloc((size_t)size + 1);
    if (!bytes || fread(bytes, 1, (size_t)size, file) != (size_t)size) { fprintf(stderr, "cannot read %s\n", path); exit(2); }
    bytes[size] = 0;
    fclose(file);
    *length = (size_t)size;
    return bytes;
}

static int count(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context) {
    (void)id; (void)from; (void)to; (void)flags;
    ++*(unsigned long long *)context;
    return 0;
}

static unsigned long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (unsigned long long)time.tv_sec * 1000000000ULL + (unsigned long long)time.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 4) { fprintf(stderr, "usage: scan RULES.tsv HAYSTACK CHUNK\n"); return 2; }
    size_t rules_length, length;
    char *rules = slurp(argv[1], &rules_length);
    char *haystack = slurp(argv[2], &length);
    size_t chunk = strtoul(argv[3], NULL, 10);
    size_t lines = 0;
    for (size_t at = 0; at < rules_length; ++at) lines += rules[at] == '\n';
    const char **expressions = calloc(lines + 1, sizeof *expressions);
    const char **names = calloc(lines + 1, sizeof *names);
    unsigned *ids = calloc(lines + 1, sizeof *ids);
    unsigned *flags = calloc(lines + 1, sizeof *flags);
    const char **refused = calloc(lines + 1, sizeof *refused);
    if (!expressions || !names || !ids || !flags || !refused || chunk == 0) return 2;

    /* Which rules are refused is found one by one; the rest is compiled together. */
    unsigned taken = 0, refusals = 0;
    for (char *line = strtok(rules, "\n"); line; line = strtok(NULL, "\n")) {
        char *tab = strchr(line, '\t');
        if (!tab) continue;
        *tab = 0;
        hs_database_t *one = NULL;
        hs_compile_error_t *error = NULL;
        if (hs_compile(tab + 1, 0, HS_MODE_BLOCK, NULL, &one, &error) == HS_SUCCESS) {
            names[taken] = line;
            expressions[taken] = tab + 1;
            ids[taken] = taken;
            taken++;
            hs_free_database(one);
        } else {
            refused[refusals++] = line;
            hs_free_compile_error(error);
        }
    }
    unsigned long long start = now();
    hs_database_t *database = NULL;
    hs_compile_error_t *error = NULL;
    if (hs_compile_multi(expressions, flags, ids, taken, HS_MODE_BLOCK, NULL, &database, &error) != HS_SUCCESS) {
        fprintf(stderr, "scan: %s\n", error ? error->message : "the rules do not compile together");
        return 2;
    }
    unsigned long long compiled = now() - start;
    hs_scratch_t *scratch = NULL;
    if (hs_alloc_scratch(database, &scratch) != HS_SUCCESS) return 2;
    char *info = NULL;
    hs_database_info(database, &info);
    size_t size = 0;
    hs_database_size(database, &size);

    printf("{\"version\":\"%s\",\"about\":\"%s\",\"rules\":%u,\"compile_ms\":%.1f,\"database_bytes\":%zu,\"refused\":[",
           hs_version(), info ? info : "", taken, (double)compiled / 1e6, size);
    for (unsigned at = 0; at < refusals; ++at) printf("%s\"%s\"", at ? "," : "", refused[at]);
    printf("]}\n");
    fflush(stdout);

    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        unsigned long passes = strtoul(line, NULL, 10);
        unsigned long long first = 0;
        start = now();
        for (unsigned long pass = 0; pass < passes; ++pass) {
            unsigned long long matches = 0;
            for (size_t at = 0; at < length; at += chunk) {
                size_t piece = length - at < chunk ? length - at : chunk;
                if (hs_scan(database, haystack + at, (unsigned)piece, 0, scratch, count, &matches) != HS_SUCCESS) return 2;
            }
            if (pass == 0) first = matches;
            if (matches != first) { fprintf(stderr, "scan: two passes differ\n"); return 2; }
        }
        printf("{\"ns\":%llu,\"findings\":%llu,\"bytes_out\":0}\n", now() - start, first);
        fflush(stdout);
    }
    return 0;
}
