#pragma once
/*
 * What every native peer needs: the workload file that workload-file.ts writes, mapped; the clock;
 * and the loop that obeys commands. Plain C that is also C++.
 *
 * A command is a line "OPERATION FROM TO" or "OPERATION FROM TO sum" on standard input, about queries
 * or churn operations number FROM to TO, exclusive; the answer is a line "NANOSECONDS HITS IDS" on
 * standard output: CPU time of the operation proper, hits in all, and the sum of their ids modulo
 * 2^32, which is only made after "sum".
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WORKLOAD_MAGIC 0x4c57564eu /* "NVWL" */
#define WORKLOAD_VERSION 1u

/* The first 32 bytes of the file; the columns follow in the order of struct workload. */
struct workload_header {
	uint32_t magic;
	uint32_t version;
	uint32_t interval_count;
	uint32_t query_count;
	uint32_t churn_count;
	uint32_t id_count; /* one more than the largest id */
	uint64_t spare_address; /* above every interval and query */
};

enum { CHURN_QUERY = 0, CHURN_INSERT = 1, CHURN_REMOVE = 2 };

/* Bounds are closed, [start, last]. */
struct workload {
	struct workload_header header;
	const uint64_t *starts, *lasts;
	const uint64_t *query_starts, *query_lasts;
	const uint64_t *churn_starts, *churn_lasts;
	const uint32_t *insertion_order, *removal_order;
	const uint32_t *churn_ids, *churn_opcodes;
};

struct outcome {
	uint64_t nanoseconds;
	uint64_t hits;
	uint32_t ids;
};

static inline void die(const char *what)
{
	perror(what);
	exit(1);
}

static inline uint64_t cpu_nanoseconds(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline struct workload open_workload(const char *path)
{
	struct workload w;
	struct stat status;
	int file = open(path, O_RDONLY);
	if (file < 0 || fstat(file, &status) < 0)
		die(path);
	const char *at = (const char *)mmap(NULL, (size_t)status.st_size, PROT_READ,
					    MAP_PRIVATE | MAP_POPULATE, file, 0);
	if (at == (const char *)MAP_FAILED)
		die(path);
	close(file);
	memcpy(&w.header, at, sizeof w.header);
	const struct workload_header *h = &w.header;
	const size_t size = sizeof w.header +
			    ((size_t)h->interval_count * 3 + (size_t)h->query_count * 2 +
			     (size_t)h->churn_count * 3) * 8;
	if (h->magic != WORKLOAD_MAGIC || h->version != WORKLOAD_VERSION ||
	    (size_t)status.st_size != size) {
		fprintf(stderr, "%s: not a workload file of version %u\n", path, WORKLOAD_VERSION);
		exit(1);
	}
	at += sizeof w.header;
	const uint64_t **longs[] = { &w.starts,	    &w.lasts,	     &w.query_starts,
				     &w.query_lasts, &w.churn_starts, &w.churn_lasts };
	for (int i = 0; i < 6; i++) {
		*longs[i] = (const uint64_t *)at;
		at += 8 * (size_t)(i < 2 ? h->interval_count :
				   i < 4 ? h->query_count :
					   h->churn_count);
	}
	const uint32_t **words[] = { &w.insertion_order, &w.removal_order, &w.churn_ids,
				     &w.churn_opcodes };
	for (int i = 0; i < 4; i++) {
		*words[i] = (const uint32_t *)at;
		at += 4 * (size_t)(i < 2 ? h->interval_count : h->churn_count);
	}
	return w;
}

/* Queries or operations number `from` to `to`, exclusive. */
struct span {
	uint32_t from;
	uint32_t to;
};

/* Runs one operation; false if this peer has none of that name. */
typedef bool (*operate)(const char *operation, struct span span, bool sum, struct outcome *outcome);

static inline int obey(operate run)
{
	char line[128], operation[32], summing[8];
	while (fgets(line, sizeof line, stdin)) {
		struct span span;
		struct outcome outcome = { 0, 0, 0 };
		summing[0] = 0;
		if (sscanf(line, "%31s %u %u %7s", operation, &span.from, &span.to, summing) < 3 ||
		    !run(operation, span, strcmp(summing, "sum") == 0, &outcome)) {
			fprintf(stderr, "no such command: %s", line);
			return 1;
		}
		printf("%llu %llu %u\n", (unsigned long long)outcome.nanoseconds,
		       (unsigned long long)outcome.hits, outcome.ids);
		fflush(stdout);
	}
	return 0;
}
