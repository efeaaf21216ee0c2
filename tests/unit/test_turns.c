/*
 * test_turns.c - who gets a turn at the controller when many want one: changes beside jobs, and one client beside another that
 * has much to do; and what is done before a turn.
 */
#include "controller.h"

#include "base/hmap.h"

enum { JOBS_MAX = 64 };

static const struct gw_principal anna = {.access = GW_ACCESS_TENANT, .name = "token-1", .tenant = "anna"},
				 anna_too = {.access = GW_ACCESS_TENANT, .name = "token-2", .tenant = "anna"},
				 bert = {.access = GW_ACCESS_TENANT, .name = "token-1", .tenant = "bert"},
				 root = {.access = GW_ACCESS_OPERATOR, .name = "root"},
				 first = {.access = GW_ACCESS_OPERATOR, .name = "first"};

/* What has been done, in that order: a letter for each. */
static char log_[JOBS_MAX + 1];

static void note(char letter)
{
	size_t n = strlen(log_);

	assert_true(n < JOBS_MAX);
	log_[n] = letter;
	log_[n + 1] = '\0';
}

struct job {
	struct gw_control_job job; /* first */
	struct gw_control *control;
	char letter;
	unsigned again; /* so often it asks anew when it is done */
	uv_sem_t *started;
};

static void on_run(struct gw_control_job *job)
{
	struct job *j = (struct job *)job;

	if (j->started)
		uv_sem_wait(j->started);
}

static void on_done(struct gw_control_job *job, const struct gw_error *err)
{
	struct job *j = (struct job *)job;

	assert_null(err);
	note(j->letter);
	if (j->again == 0)
		return;
	j->again--;
	gw_control_run(j->control, job);
}

static void run(struct controller *c, struct job *j, const struct gw_principal *who, char letter, bool looks)
{
	*j = (struct job){.control = c->control, .letter = letter, .again = j->again, .started = j->started};
	j->job = (struct gw_control_job){
		.client = gw_control_client(who), .looks = looks, .run = on_run, .done = on_done};
	gw_control_run(c->control, &j->job);
}

static void until(struct controller *c, size_t n)
{
	for (uint64_t deadline = uv_hrtime() + 20000000000u; strlen(log_) < n; turn(&c->s))
		assert_true(uv_hrtime() < deadline);
}

/* The daemon's own job of trimming, soon after the start, is done. */
static void start(struct controller *c, void **state)
{
	struct job j = {0};

	manage(c, state, "");
	for (uint64_t begun = uv_hrtime(); uv_hrtime() - begun < 100000000u;)
		turn(&c->s);
	log_[0] = '\0';
	run(c, &j, &first, 'x', false);
	until(c, 1);
	log_[0] = '\0';
}

static void test_clients(void **state)
{
	(void)state;
	assert_int_equal(gw_control_client(&anna), gw_control_client(&anna_too));
	assert_int_not_equal(gw_control_client(&anna), gw_control_client(&bert));
	assert_int_not_equal(gw_control_client(&anna), gw_control_client(&root));
	assert_int_not_equal(gw_control_client(&root), 0);
}

/* However many one client has in the queue, another's is next but one. */
static void test_jobs_by_turns(void **state)
{
	static const bool looks[] = {false, true};

	for (size_t k = 0; k < sizeof looks / sizeof *looks; k++) {
		struct job jobs[9] = {0};
		struct controller c;
		uv_sem_t go;

		start(&c, state);
		assert_int_equal(uv_sem_init(&go, 0), 0);
		jobs[0].started = &go;
		run(&c, &jobs[0], &anna, '0', false); /* works until all the others wait */
		for (int i = 1; i < 6; i++)
			run(&c, &jobs[i], i % 2 ? &anna : &anna_too, 'a', looks[k]);
		run(&c, &jobs[6], &bert, 'b', false);
		run(&c, &jobs[7], &bert, 'b', false);
		run(&c, &jobs[8], &root, 'r', false);
		for (int i = 0; i < 50; i++)
			turn(&c.s);
		assert_string_equal(log_, "");
		uv_sem_post(&go);
		until(&c, 9);
		/* Those who look do so together, four at a time. */
		assert_string_equal(log_, looks[k] ? "0aaaabarb" : "0brabaaaa");
		uv_sem_destroy(&go);
		leave(&c);
	}
}

struct joiner {
	struct gw_control_waiter waiter; /* first */
	struct gw_control *control;
};

static void on_turn(struct gw_control_waiter *waiter, const struct gw_error *err)
{
	struct joiner *j = (struct joiner *)waiter;

	assert_null(err);
	if (gw_control_is_open_for(j->control, GW_CONTROL_JOINS))
		note('j');
	else
		gw_control_queue(j->control, waiter);
}

/* Batches without end, and jobs that look: a change waits for one of them at most. */
static void test_change_among_jobs(void **state)
{
	struct job jobs[12] = {0};
	struct controller c;
	struct joiner j;
	uv_sem_t go;

	start(&c, state);
	assert_int_equal(uv_sem_init(&go, 0), 0);
	jobs[0].started = &go;
	for (int i = 0; i < 6; i++) {
		jobs[i].again = 3;
		run(&c, &jobs[i], &anna, 'a', false);
	}
	for (int i = 6; i < 12; i++) {
		jobs[i].again = 2;
		run(&c, &jobs[i], &bert, 'l', true);
	}
	j = (struct joiner){.waiter = {.turn = GW_CONTROL_JOINS, .done = on_turn}, .control = c.control};
	gw_control_queue(c.control, &j.waiter);
	for (int i = 0; i < 4; i++) /* each post lets one of them go on */
		uv_sem_post(&go);
	until(&c, 6 * 4 + 6 * 3 + 1);
	assert_int_equal(strncmp(log_, "aj", 2), 0);
	/* Nor do those who look starve, or others for them. */
	if (strncmp(log_, "ajlllla", 7) != 0)
		fail_msg("%s", log_);
	assert_null(strstr(log_, "lllll"));
	uv_sem_destroy(&go);
	leave(&c);
}

/* A request that turns out to be a job when it is let in to read, as a batch or the list of a large collection does; again and again. */
struct request {
	struct gw_control_waiter waiter; /* first */
	struct job job;
	unsigned again;
};

static void on_request_done(struct gw_control_job *job, const struct gw_error *err)
{
	struct request *r = GW_CONTAINER_OF(job, struct request, job.job);

	assert_null(err);
	note(r->job.letter);
	if (r->again == 0)
		return;
	r->again--;
	gw_control_queue(r->job.control, &r->waiter);
}

static void on_request(struct gw_control_waiter *waiter, const struct gw_error *err)
{
	struct request *r = (struct request *)waiter;

	assert_null(err);
	gw_control_run(r->job.control, &r->job.job);
}

/* They do not come before a change either that has waited longer, nor all of one client's before another's. */
static void test_requests_that_become_jobs(void **state)
{
	static const bool looks[] = {false, true};

	for (size_t k = 0; k < sizeof looks / sizeof *looks; k++) {
		struct request requests[6] = {0};
		struct job first_job = {0};
		struct controller c;
		struct joiner j;
		uv_sem_t go;

		start(&c, state);
		assert_int_equal(uv_sem_init(&go, 0), 0);
		first_job.started = &go;
		run(&c, &first_job, &root, '0', false);
		for (int i = 0; i < 6; i++) {
			requests[i].job = (struct job){.control = c.control, .letter = i < 5 ? 'a' : 'b'};
			requests[i].job.job =
				(struct gw_control_job){.client = gw_control_client(i < 5 ? &anna : &bert),
							.looks = looks[k],
							.run = on_run,
							.done = on_request_done};
			requests[i].waiter = (struct gw_control_waiter){.turn = GW_CONTROL_READS, .done = on_request};
			requests[i].again = 4;
			gw_control_queue(c.control, &requests[i].waiter);
		}
		j = (struct joiner){.waiter = {.turn = GW_CONTROL_JOINS, .done = on_turn}, .control = c.control};
		gw_control_queue(c.control, &j.waiter);
		uv_sem_post(&go);
		until(&c, 1 + 6 * 5 + 1);
		if (strncmp(log_, "0j", 2) != 0 || strcspn(log_, "b") > 6 ||
		    (!looks[k] && strstr(log_, "aaa") < strrchr(log_, 'b')))
			fail_msg("%s", log_);
		uv_sem_destroy(&go);
		leave(&c);
	}
}

/* --- what is done before a turn ------------------------------------------------------------------------------------ */

struct reader {
	struct gw_control_job job; /* first */
	char letter;
	bool wants_turn;
	uv_sem_t *may; /* NULL: it prepares at once */
};

static uv_sem_t prepared, discarded;

static bool on_prepare(struct gw_control_job *job)
{
	struct reader *r = (struct reader *)job;

	if (r->may)
		uv_sem_wait(r->may);
	uv_sem_post(&prepared);
	return r->wants_turn;
}

static void on_turn_of_reader(struct gw_control_job *job)
{
	assert_true(((struct reader *)job)->wants_turn);
}

static void on_read(struct gw_control_job *job, const struct gw_error *err)
{
	note(err ? '-' : ((struct reader *)job)->letter);
}

static void on_discard(struct gw_control_job *job)
{
	(void)job;
	uv_sem_post(&discarded);
}

static void read_first(struct controller *c, struct reader *r, const struct gw_principal *who)
{
	r->job = (struct gw_control_job){
		.client = gw_control_client(who),
		.prepare = on_prepare,
		.run = on_turn_of_reader,
		.done = on_read,
		.discard = on_discard,
	};
	gw_control_run(c->control, &r->job);
}

static void until_posted(struct controller *c, uv_sem_t *sem)
{
	for (uint64_t deadline = uv_hrtime() + 20000000000u; uv_sem_trywait(sem) != 0; turn(&c->s))
		assert_true(uv_hrtime() < deadline);
}

/* Nothing is posted, though there is time for it. */
static void never_posted(struct controller *c, uv_sem_t *sem)
{
	for (int i = 0; i < 50; i++, turn(&c->s))
		assert_int_not_equal(uv_sem_trywait(sem), 0);
}

static void start_reading(struct controller *c, void **state, uv_sem_t *go)
{
	start(c, state);
	assert_int_equal(uv_sem_init(go, 0), 0);
	assert_int_equal(uv_sem_init(&prepared, 0), 0);
	assert_int_equal(uv_sem_init(&discarded, 0), 0);
}

static void leave_reading(struct controller *c, uv_sem_t *go, int readers)
{
	leave(c);
	while (readers-- > 0)
		assert_int_equal(uv_sem_trywait(&discarded), 0);
	assert_int_not_equal(uv_sem_trywait(&discarded), 0);
	uv_sem_destroy(&prepared);
	uv_sem_destroy(&discarded);
	uv_sem_destroy(go);
}

/* It is done while somebody else works, and keeps nobody out; what turns out to need no turn waits for none. */
static void test_prepare_beside_others(void **state)
{
	struct reader idle = {.letter = 'i'}, busy = {.letter = 'b', .wants_turn = true}, next = {.letter = 'n'};
	struct job work = {0};
	struct controller c;
	uv_sem_t go, may;

	start_reading(&c, state, &go);
	assert_int_equal(uv_sem_init(&may, 0), 0);
	idle.may = &may;
	read_first(&c, &idle, &anna);
	for (int i = 0; i < 50; i++, turn(&c.s))
		assert_true(gw_control_is_open_for(c.control, GW_CONTROL_WORKS));
	work.started = &go;
	run(&c, &work, &bert, '0', false);
	uv_sem_post(&may);
	until(&c, 1);
	assert_string_equal(log_, "i");
	until_posted(&c, &prepared);
	read_first(&c, &busy, &anna);
	until_posted(&c, &prepared);
	/* What it has read is held, and nobody else reads beside it. */
	read_first(&c, &next, &bert);
	never_posted(&c, &prepared);
	assert_string_equal(log_, "i");
	uv_sem_post(&go);
	until(&c, 4);
	assert_string_equal(log_, "i0bn");
	leave_reading(&c, &go, 3);
	uv_sem_destroy(&may);
}

/* However many one client has in the queue, and whether they come to a turn or not, another's is next. */
static void test_prepare_by_turns(void **state)
{
	static const char letters[] = "0aaaabr";
	struct reader readers[sizeof letters - 1] = {0};
	struct controller c;
	uv_sem_t go;

	start_reading(&c, state, &go);
	readers[0].may = &go;
	for (size_t i = 0; letters[i]; i++) {
		readers[i].letter = letters[i];
		readers[i].wants_turn = i % 2;
		read_first(&c, &readers[i], letters[i] == 'b' ? &bert : letters[i] == 'r' ? &root : &anna);
	}
	uv_sem_post(&go);
	until(&c, sizeof letters - 1);
	assert_string_equal(log_, "0braaaa");
	leave_reading(&c, &go, sizeof letters - 1);
}

/* The end comes while one reads, or waits for its turn with what it has read, and another waits to read. */
static void test_prepare_at_the_end(void **state)
{
	static const char *const told[] = {"--", "0--"};

	for (int waits = 0; waits < 2; waits++) {
		struct reader first_of_all = {.letter = 'f', .wants_turn = true}, other = {.letter = 'o'};
		struct job work = {0};
		struct controller c;
		uv_sem_t go;

		start_reading(&c, state, &go);
		if (waits) {
			work.started = &go;
			run(&c, &work, &bert, '0', false);
		} else {
			first_of_all.may = &go;
		}
		read_first(&c, &first_of_all, &anna);
		read_first(&c, &other, &anna);
		if (waits)
			until_posted(&c, &prepared);
		for (int i = 0; waits && i < 50; i++)
			turn(&c.s); /* so that it waits for its turn */
		uv_sem_post(&go);
		leave_reading(&c, &go, 2);
		assert_string_equal(log_, told[waits]);
	}
}

#define TURNS_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clients),		TURNS_TEST(test_jobs_by_turns),
		TURNS_TEST(test_change_among_jobs),	TURNS_TEST(test_requests_that_become_jobs),
		TURNS_TEST(test_prepare_beside_others), TURNS_TEST(test_prepare_by_turns),
		TURNS_TEST(test_prepare_at_the_end),
	};

	gw_log_init(GW_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
