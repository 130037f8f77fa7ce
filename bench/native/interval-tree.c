/*
 * The Linux kernel's interval tree as a peer: lib/rbtree.c and linux/interval_tree_generic.h of a
 * kernel tree, included where they lie, around a record like the kernel's mmu_interval_notifier.
 */
#include <lib/rbtree.c>
#include <linux/interval_tree_generic.h>

#include "workload.h"

/* Queries in one batch; summed-run.ts goes by the same. */
#define BATCH_QUERIES 8192u
/* Address space for the hits of a batch; pages are taken as they are touched. */
#define BATCH_BYTES ((size_t)1 << 32)

/* One cache line. */
struct mirror {
	struct rb_node rb;
	unsigned long start;
	unsigned long last;
	unsigned long subtree_last;
	unsigned long sequence;
	uint32_t id;
	uint32_t lock;
};

#define START(mirror) ((mirror)->start)
#define LAST(mirror) ((mirror)->last)
INTERVAL_TREE_DEFINE(struct mirror, rb, unsigned long, subtree_last, START, LAST, static inline, mirrors)

static struct workload workload;
static struct rb_root_cached root = RB_ROOT_CACHED;
/* Records in the order of their insertion, as an allocator would hand them out. */
static struct mirror *pool;
static uint32_t pool_used;
/* Records of removed mirrors, the newest on top. */
static struct mirror **released;
static uint32_t released_count;
static struct mirror **mirror_of;
static unsigned long sequence;
/* Not static: nobody can know that hits are not read. */
uint32_t *hits;
/* The answers to a batch: hits of query q are batch_hits[offsets[q]] up to offsets[q + 1]. */
uint32_t *batch_hits;
uint32_t batch_offsets[BATCH_QUERIES + 1];

static inline void insert(uint32_t id, uint64_t start, uint64_t last)
{
	struct mirror *mirror = released_count ? released[--released_count] : &pool[pool_used++];
	mirror->start = start;
	mirror->last = last;
	mirror->sequence = 0;
	mirror->id = id;
	mirror->lock = 0;
	mirror_of[id] = mirror;
	mirrors_insert(mirror, &root);
}

/* The record is at hand in C: whoever removes a notifier owns it. */
static inline void discard(uint32_t id)
{
	struct mirror *mirror = mirror_of[id];
	mirrors_remove(mirror, &root);
	released[released_count++] = mirror;
}

static inline uint64_t enumerate(uint64_t start, uint64_t last, uint32_t *into)
{
	uint64_t count = 0;
	for (struct mirror *m = mirrors_iter_first(&root, start, last); m;
	     m = mirrors_iter_next(m, start, last))
		into[count++] = m->id;
	return count;
}

static inline uint64_t invalidate(uint64_t start, uint64_t last)
{
	uint64_t count = 0;
	uint32_t *into = hits;
	unsigned long current = sequence;
	for (struct mirror *m = mirrors_iter_first(&root, start, last); m;
	     m = mirrors_iter_next(m, start, last)) {
		if (unlikely(m->lock))
			die("a mirror that is hit is locked");
		m->sequence = current;
		into[count++] = m->id;
	}
	return count;
}

/* The same where the caller only wants to know how many. */
static inline uint64_t invalidate_unlisted(uint64_t start, uint64_t last)
{
	uint64_t count = 0;
	unsigned long current = sequence;
	for (struct mirror *m = mirrors_iter_first(&root, start, last); m;
	     m = mirrors_iter_next(m, start, last)) {
		if (unlikely(m->lock))
			die("a mirror that is hit is locked");
		m->sequence = current;
		count++;
	}
	return count;
}

static uint32_t sum_of(const uint32_t *ids, uint64_t count)
{
	uint32_t sum = 0;
	for (uint64_t i = 0; i < count; i++)
		sum += ids[i];
	return sum;
}

static void run_insert(void)
{
	root = RB_ROOT_CACHED;
	pool_used = 0;
	released_count = 0;
	for (uint32_t i = 0; i < workload.header.interval_count; i++) {
		uint32_t id = workload.insertion_order[i];
		insert(id, workload.starts[id], workload.lasts[id]);
	}
}

static void run_remove(void)
{
	for (uint32_t i = 0; i < workload.header.interval_count; i++)
		discard(workload.removal_order[i]);
}

/* One mirror that no query hits is held from now on. */
static void run_lock(void)
{
	insert(workload.header.id_count, workload.header.spare_address,
	       workload.header.spare_address);
	mirror_of[workload.header.id_count]->lock = 1;
}

static void run_enumerate(struct span span, bool sum, struct outcome *outcome)
{
	for (uint32_t q = span.from; q < span.to; q++) {
		uint64_t count =
			enumerate(workload.query_starts[q], workload.query_lasts[q], hits);
		outcome->hits += count;
		if (sum)
			outcome->ids += sum_of(hits, count);
	}
}

static void run_batch(struct span span, bool sum, struct outcome *outcome)
{
	for (uint32_t from = span.from; from < span.to; from += BATCH_QUERIES) {
		uint32_t size = span.to - from < BATCH_QUERIES ? span.to - from : BATCH_QUERIES;
		uint32_t used = 0;
		for (uint32_t q = 0; q < size; q++) {
			batch_offsets[q] = used;
			used += enumerate(workload.query_starts[from + q],
					  workload.query_lasts[from + q], batch_hits + used);
		}
		batch_offsets[size] = used;
		outcome->hits += used;
		if (sum)
			outcome->ids += sum_of(batch_hits, used);
	}
}

static void run_count(struct span span, struct outcome *outcome)
{
	uint64_t total = 0;
	for (uint32_t q = span.from; q < span.to; q++) {
		uint64_t start = workload.query_starts[q], last = workload.query_lasts[q];
		for (struct mirror *m = mirrors_iter_first(&root, start, last); m;
		     m = mirrors_iter_next(m, start, last))
			total++;
	}
	outcome->hits = total;
}

static void run_any(struct span span, struct outcome *outcome)
{
	for (uint32_t q = span.from; q < span.to; q++)
		outcome->hits += mirrors_iter_first(&root, workload.query_starts[q],
						    workload.query_lasts[q]) != NULL;
}

static void run_invalidate(struct span span, bool sum, struct outcome *outcome)
{
	for (uint32_t q = span.from; q < span.to; q++) {
		sequence += 2;
		uint64_t count = invalidate(workload.query_starts[q], workload.query_lasts[q]);
		outcome->hits += count;
		if (sum)
			outcome->ids += sum_of(hits, count);
	}
}

static void run_invalidate_unlisted(struct span span, struct outcome *outcome)
{
	uint64_t total = 0;
	for (uint32_t q = span.from; q < span.to; q++) {
		sequence += 2;
		total += invalidate_unlisted(workload.query_starts[q], workload.query_lasts[q]);
	}
	outcome->hits = total;
}

static void run_churn(struct span span, bool sum, struct outcome *outcome)
{
	for (uint32_t k = span.from; k < span.to; k++) {
		uint32_t opcode = workload.churn_opcodes[k];
		uint64_t start = workload.churn_starts[k], last = workload.churn_lasts[k];
		if (opcode == CHURN_QUERY) {
			uint64_t count = enumerate(start, last, hits);
			outcome->hits += count;
			if (sum)
				outcome->ids += sum_of(hits, count);
		} else if (opcode == CHURN_INSERT) {
			insert(workload.churn_ids[k], start, last);
		} else {
			discard(workload.churn_ids[k]);
		}
	}
}

static bool run(const char *operation, struct span span, bool sum, struct outcome *outcome)
{
	uint64_t begun = cpu_nanoseconds();
	if (!strcmp(operation, "insert"))
		run_insert();
	else if (!strcmp(operation, "remove"))
		run_remove();
	else if (!strcmp(operation, "lock"))
		run_lock();
	else if (!strcmp(operation, "enumerate"))
		run_enumerate(span, sum, outcome);
	else if (!strcmp(operation, "batch"))
		run_batch(span, sum, outcome);
	else if (!strcmp(operation, "count"))
		run_count(span, outcome);
	else if (!strcmp(operation, "any"))
		run_any(span, outcome);
	else if (!strcmp(operation, "invalidate"))
		run_invalidate(span, sum, outcome);
	else if (!strcmp(operation, "invalidate-unlisted"))
		run_invalidate_unlisted(span, outcome);
	else if (!strcmp(operation, "churn"))
		run_churn(span, sum, outcome);
	else
		return false;
	outcome->nanoseconds = cpu_nanoseconds() - begun;
	return true;
}

static void *allocate(size_t count, size_t size)
{
	void *memory = aligned_alloc(64, (count * size + 63) / 64 * 64);
	if (!memory)
		die("memory");
	memset(memory, 0, count * size);
	return memory;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s WORKLOAD-FILE\n", argv[0]);
		return 2;
	}
	workload = open_workload(argv[1]);
	size_t ids = (size_t)workload.header.id_count + 1;
	pool = (struct mirror *)allocate(ids, sizeof *pool);
	released = (struct mirror **)allocate(ids, sizeof *released);
	mirror_of = (struct mirror **)allocate(ids, sizeof *mirror_of);
	hits = (uint32_t *)allocate(ids, sizeof *hits);
	batch_hits = (uint32_t *)mmap(NULL, BATCH_BYTES, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (batch_hits == (uint32_t *)MAP_FAILED)
		die("memory");
	return obey(run);
}
