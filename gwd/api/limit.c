/* limit.c - see limit.h. Called by http.c for listeners on the network. */
#include "api/limit.h"

#include "base/hmap.h"

#include <stdlib.h>
#include <string.h>

/* A bucket holds up to its size and fills at a rate; what is taken must be in it. In thousandths. */
struct bucket {
	uint64_t level, at_ms;
};

struct client {
	struct gw_hmap_node node;
	struct client *newer, *older; /* by last use */
	struct gw_addr key;
	unsigned connections;
	size_t bodies; /* bytes of its connections', answers counted */
	struct bucket requests, handshakes, logins;
};

struct gw_limits {
	struct gw_hmap map;
	struct client *newest, *oldest;
	struct client clients[GW_LIMIT_CLIENTS];
	size_t used;
	unsigned refs; /* of who made it, and of each body and answer */
	size_t bodies; /* bytes, answers counted */
};

struct gw_limits *gw_limits_new(void)
{
	struct gw_limits *l = calloc(1, sizeof *l);

	if (l && gw_hmap_init(&l->map) < 0) {
		free(l);
		l = NULL;
	}
	if (l)
		l->refs = 1;
	return l;
}

struct gw_limits *gw_limits_free(struct gw_limits *l)
{
	if (!l || --l->refs > 0)
		return NULL;
	gw_hmap_done(&l->map);
	free(l);
	return NULL;
}

struct gw_addr gw_limit_key(const struct gw_addr *a)
{
	return gw_addr_is_v4(a) ? *a : gw_prefix_mask(a, 64);
}

/* --- clients ------------------------------------------------------------------------------------------------------ */

static void unlink_client(struct gw_limits *l, struct client *c)
{
	*(c->newer ? &c->newer->older : &l->newest) = c->older;
	*(c->older ? &c->older->newer : &l->oldest) = c->newer;
	c->newer = c->older = NULL;
}

static void push(struct gw_limits *l, struct client *c)
{
	c->newer = NULL;
	c->older = l->newest;
	*(l->newest ? &l->newest->newer : &l->oldest) = c;
	l->newest = c;
}

static struct client *lookup(struct gw_limits *l, const struct gw_addr *key, uint32_t hash)
{
	GW_HMAP_FOR_EACH_HASH (node, &l->map, hash) {
		struct client *c = GW_CONTAINER_OF(node, struct client, node);

		if (gw_addr_equal(&c->key, key))
			return c;
	}
	return NULL;
}

/* Full buckets; they were last looked at so long ago. */
static struct client *take_place(struct gw_limits *l)
{
	struct client *c;

	if (l->used < GW_LIMIT_CLIENTS) {
		c = &l->clients[l->used++];
	} else {
		c = l->oldest;
		while (c && (c->connections > 0 || c->bodies > 0))
			c = c->newer;
		if (!c)
			return NULL;
		unlink_client(l, c);
		gw_hmap_remove(&l->map, &c->node);
	}
	*c = (struct client){0};
	return c;
}

/* NULL when every place is that of somebody connected. */
static struct client *touch(struct gw_limits *l, const struct gw_addr *key)
{
	uint32_t hash = gw_hash_bytes(key->b, sizeof key->b, 0);
	struct client *c = lookup(l, key, hash);

	if (c) {
		unlink_client(l, c);
	} else {
		c = take_place(l);
		if (!c)
			return NULL;
		c->key = *key;
		c->requests.level = c->handshakes.level = c->logins.level = UINT64_MAX;
		gw_hmap_insert(&l->map, &c->node, hash);
	}
	push(l, c);
	return c;
}

/* --- buckets ------------------------------------------------------------------------------------------------------ */

/* `rate` in thousandths a millisecond has come in since the last look. */
static void fill(struct bucket *b, uint64_t size, uint64_t rate, uint64_t period_ms, uint64_t now_ms)
{
	uint64_t passed = now_ms > b->at_ms ? now_ms - b->at_ms : 0, more = size;

	if (passed < period_ms * 2)
		more = passed * rate * 1000 / period_ms;
	if (b->level >= size || more >= size - b->level)
		b->level = size;
	else if (more == 0)
		return; /* to be counted when it is more: whoever knocks all the time does not stay out for ever */
	else
		b->level += more;
	b->at_ms = now_ms;
}

/* Seconds until there is one in it, rounded up. */
static unsigned wait_for_one(const struct bucket *b, uint64_t rate, uint64_t period_ms)
{
	uint64_t missing = b->level < 1000 ? 1000 - b->level : 0, ms = missing * period_ms / (rate * 1000);

	return (unsigned)(ms / 1000 + 1);
}

bool gw_limit_connect(struct gw_limits *l, const struct gw_config *config, const struct gw_addr *key, uint64_t now_ms)
{
	uint64_t rate = config->request_rate;
	struct client *c = touch(l, key);

	if (!c || c->connections >= config->client_connection_limit)
		return false;
	/* Whoever connects anew for each request meets the limit of requests before this one. */
	fill(&c->handshakes, rate * 4 * 1000, rate * 2, 1000, now_ms);
	if (c->handshakes.level < 1000)
		return false;
	c->handshakes.level -= 1000;
	c->connections++;
	return true;
}

void gw_limit_disconnect(struct gw_limits *l, const struct gw_addr *key)
{
	struct client *c = lookup(l, key, gw_hash_bytes(key->b, sizeof key->b, 0));

	if (c && c->connections > 0)
		c->connections--;
}

unsigned gw_limit_connections(struct gw_limits *l, const struct gw_addr *key)
{
	const struct client *c = lookup(l, key, gw_hash_bytes(key->b, sizeof key->b, 0));

	return c ? c->connections : 0;
}

/* --- bodies and answers ------------------------------------------------------------------------------------------- */

/* One body that is allowed has room, whatever the configuration says about all of them. */
static size_t at_least(size_t bytes, const struct gw_config *config)
{
	size_t one = 2 * (size_t)(config->batch_limit > config->body_limit ? config->batch_limit : config->body_limit);

	return bytes > one ? bytes : one;
}

bool gw_limit_body(struct gw_limits *l, const struct gw_config *config, const struct gw_addr *key, size_t n,
		   size_t *held)
{
	struct client *c = lookup(l, key, gw_hash_bytes(key->b, sizeof key->b, 0));
	size_t more = n > *held ? n - *held : 0;

	if (!more)
		return true;
	if (!c || l->bodies + more > at_least(config->body_memory, config) ||
	    c->bodies + more > at_least(config->body_memory / 4, config))
		return false;
	l->bodies += more;
	c->bodies += more;
	l->refs += *held == 0;
	*held = n;
	return true;
}

static bool has_room(size_t used, size_t own, size_t more, size_t limit)
{
	return used == own || (more <= limit && used <= limit - more);
}

bool gw_limit_answer(struct gw_limits *l, const struct gw_config *config, const struct gw_addr *key, size_t n,
		     size_t own, size_t *held)
{
	struct client *c = lookup(l, key, gw_hash_bytes(key->b, sizeof key->b, 0));
	size_t more = n > *held ? n - *held : 0;

	if (!c || (more > 0 && (!has_room(l->bodies, own + *held, more, at_least(config->body_memory, config)) ||
				!has_room(c->bodies, own + *held, more, at_least(config->body_memory / 4, config)))))
		return false;
	l->bodies = l->bodies - *held + n;
	c->bodies = c->bodies - *held + n;
	l->refs += *held == 0;
	*held = n;
	return true;
}

void gw_limit_body_done(struct gw_limits *l, const struct gw_addr *key, size_t *held)
{
	struct client *c;

	if (*held == 0)
		return;
	c = lookup(l, key, gw_hash_bytes(key->b, sizeof key->b, 0));
	if (c) /* nobody loses his place while he has a body */
		c->bodies -= *held;
	l->bodies -= *held;
	*held = 0;
	gw_limits_free(l);
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

unsigned gw_limit_request(struct gw_limits *l, const struct gw_config *config, const struct gw_addr *key,
			  uint64_t now_ms)
{
	uint64_t rate = config->request_rate;
	struct client *c = touch(l, key);

	if (!c)
		return 1;
	fill(&c->requests, rate * 2 * 1000, rate, 1000, now_ms);
	if (c->requests.level < 1000)
		return wait_for_one(&c->requests, rate, 1000);
	c->requests.level -= 1000;
	return 0;
}

unsigned gw_limit_login(struct gw_limits *l, const struct gw_config *config, const struct gw_addr *key, uint64_t now_ms)
{
	uint64_t rate = config->login_rate;
	struct client *c = touch(l, key);

	if (!c)
		return 1;
	fill(&c->logins, rate * 1000, rate, 60000, now_ms);
	return c->logins.level < 1000 ? wait_for_one(&c->logins, rate, 60000) : 0;
}

void gw_limit_login_failed(struct gw_limits *l, const struct gw_config *config, const struct gw_addr *key,
			   uint64_t now_ms)
{
	uint64_t rate = config->login_rate;
	struct client *c = touch(l, key);

	if (!c)
		return;
	fill(&c->logins, rate * 1000, rate, 60000, now_ms);
	c->logins.level -= c->logins.level < 1000 ? c->logins.level : 1000;
}
