/*
 * The implicit interval tree with interpolation index of Debian's package libiitii-dev as a peer: a
 * static structure, built once. It has one operation, which lists hits in a vector.
 */
#include <omp.h>

#include <iitii.h>

#include "workload.h"

struct interval {
	uint64_t start;
	uint64_t end;
	uint64_t id;
};

static uint64_t start_of(const interval &i)
{
	return i.start;
}

static uint64_t end_of(const interval &i)
{
	return i.end;
}

using tree = iitii::iitii<uint64_t, interval, start_of, end_of>;

/* Intervals for which one linear model of the interpolation index answers. */
static const uint32_t INTERVALS_PER_MODEL = 100;

static struct workload workload;
static tree *index_of_workload;
std::vector<interval> hits;

static bool run(const char *operation, struct span span, bool sum, struct outcome *outcome)
{
	/* It is full from the start. */
	if (!strcmp(operation, "insert"))
		return true;
	if (strcmp(operation, "enumerate") != 0)
		return false;
	uint64_t begun = cpu_nanoseconds();
	for (uint32_t q = span.from; q < span.to; q++) {
		index_of_workload->overlap(workload.query_starts[q], workload.query_lasts[q] + 1,
					   hits);
		outcome->hits += hits.size();
		if (sum)
			for (const interval &hit : hits)
				outcome->ids += (uint32_t)hit.id;
	}
	outcome->nanoseconds = cpu_nanoseconds() - begun;
	return true;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s WORKLOAD-FILE\n", argv[0]);
		return 2;
	}
	omp_set_num_threads(1);
	workload = open_workload(argv[1]);
	/* Its nodes live in a mapped file beside the workload's. */
	tree::builder builder(std::string(argv[1]) + ".index");
	for (uint32_t i = 0; i < workload.header.interval_count; i++) {
		uint32_t id = workload.insertion_order[i];
		builder.add(interval{ workload.starts[id], workload.lasts[id] + 1, id });
	}
	/* Never destroyed: that throws. */
	index_of_workload =
		new tree(builder.build(workload.header.interval_count / INTERVALS_PER_MODEL));
	return obey(run);
}
