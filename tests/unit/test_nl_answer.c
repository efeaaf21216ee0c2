/*
 * test_nl_answer.c - the kernel's answers without a kernel:
 * what a sequence of datagrams comes to, and the extended ACK.
 */
#include "test.h"

#include "nl/internal.h"

#include <errno.h>

/* Appends a message to a datagram of messages. */
static struct nlmsghdr *append(char *buf, size_t *n, uint16_t type, uint16_t flags, uint32_t seq, const void *body,
			       size_t body_n)
{
	struct nlmsghdr *h = (struct nlmsghdr *)(buf + *n);

	*h = (struct nlmsghdr){.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + body_n),
			       .nlmsg_type = type,
			       .nlmsg_flags = flags,
			       .nlmsg_seq = seq};
	memcpy(h + 1, body, body_n);
	*n += NLMSG_ALIGN(NLMSG_HDRLEN + body_n);
	return h;
}

static int count_message(void *ctx, const struct nlmsghdr *h)
{
	(void)h;
	++*(int *)ctx;
	return 0;
}

static int refuse_message(void *ctx, const struct nlmsghdr *h)
{
	(void)h;
	++*(int *)ctx;
	return -ENOMEM;
}

static void test_answers(void **state)
{
	_Alignas(8) char buf[512];
	char extack[GW_NL_EXTACK_SIZE], body[16] = {0};
	int seen = 0, done_code = -ENODEV;
	struct gw_nl_answer an;
	size_t n;

	(void)state;
	/* Two messages, one of an earlier request, one of the control sort, and the end. */
	an = (struct gw_nl_answer){.seq = 5, .cb = count_message, .ctx = &seen, .extack = extack};
	n = 0;
	append(buf, &n, RTM_NEWLINK, NLM_F_MULTI, 5, body, sizeof body);
	append(buf, &n, RTM_NEWLINK, NLM_F_MULTI, 4, body, sizeof body);
	append(buf, &n, NLMSG_ERROR, 0, 4, &done_code, sizeof done_code);
	append(buf, &n, NLMSG_NOOP, 0, 5, body, 0);
	append(buf, &n, RTM_NEWLINK, NLM_F_MULTI, 5, body, sizeof body);
	gw_nl_answer_take(&an, buf, n);
	assert_true(!an.done && seen == 2);
	n = 0;
	append(buf, &n, NLMSG_DONE, NLM_F_MULTI | NLM_F_DUMP_INTR, 5, body, 4);
	gw_nl_answer_take(&an, buf, n);
	assert_true(an.done && an.rc == 0 && an.interrupted && !an.broken);

	/* A dump that fails on the way says so in its last message. */
	an = (struct gw_nl_answer){.seq = 6, .extack = extack};
	n = 0;
	append(buf, &n, NLMSG_DONE, NLM_F_MULTI, 6, &done_code, sizeof done_code);
	gw_nl_answer_take(&an, buf, n);
	assert_true(an.done && an.rc == -ENODEV);

	/* After a failed callback the answer is still read to its end, without further calls. */
	seen = 0;
	an = (struct gw_nl_answer){.seq = 7, .cb = refuse_message, .ctx = &seen, .extack = extack};
	n = 0;
	append(buf, &n, RTM_NEWLINK, NLM_F_MULTI, 7, body, sizeof body);
	append(buf, &n, RTM_NEWLINK, NLM_F_MULTI, 7, body, sizeof body);
	append(buf, &n, NLMSG_DONE, NLM_F_MULTI, 7, body, 4);
	gw_nl_answer_take(&an, buf, n);
	assert_true(an.done && an.rc == -ENOMEM && seen == 1 && !an.broken);

	/* Lengths that lie, and a datagram of garbage. */
	an = (struct gw_nl_answer){.seq = 8, .extack = extack};
	n = 0;
	append(buf, &n, RTM_NEWLINK, 0, 8, body, sizeof body)->nlmsg_len = 4000;
	gw_nl_answer_take(&an, buf, n);
	assert_true(an.done && an.broken && an.rc == -EBADMSG);
	an = (struct gw_nl_answer){.seq = 8, .extack = extack};
	n = 0;
	append(buf, &n, RTM_NEWLINK, 0, 8, body, sizeof body)->nlmsg_len = 0xb1b1b1b1; /* negative as an int */
	gw_nl_answer_take(&an, buf, n);
	assert_true(an.done && an.broken && an.rc == -EBADMSG);
	an = (struct gw_nl_answer){.seq = 8, .extack = extack};
	memset(buf, 0, sizeof buf);
	gw_nl_answer_take(&an, buf, 7);
	assert_true(an.done && an.broken && an.rc == -EBADMSG);
}

static void test_extended_ack(void **state)
{
	static const char words[] = "Nexthop has invalid gateway";
	struct {
		int32_t code;
		struct nlmsghdr asked;
		struct nlattr head;
		char text[sizeof words];
	} capped = {.code = -ENETUNREACH, .asked = {.nlmsg_len = 48}, .head = {4 + sizeof words, NLMSGERR_ATTR_MSG}};
	struct {
		int32_t code;
		struct nlmsghdr asked;
		char quoted[32];
		struct nlattr head;
		char text[sizeof words];
	} whole = {.code = -ENETUNREACH, .asked = {.nlmsg_len = 48}, .head = {4 + sizeof words, NLMSGERR_ATTR_MSG}};
	_Alignas(8) char buf[512];
	char extack[GW_NL_EXTACK_SIZE];
	struct nlmsghdr *h;
	size_t n = 0;

	(void)state;
	memcpy(capped.text, words, sizeof words);
	memcpy(whole.text, words, sizeof words);
	h = append(buf, &n, NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS, 1, &capped, sizeof capped);
	assert_int_equal(gw_nl_parse_result(h, extack), -ENETUNREACH);
	assert_string_equal(extack, words);
	h->nlmsg_flags = NLM_F_CAPPED; /* no attributes promised: none read */
	assert_int_equal(gw_nl_parse_result(h, extack), -ENETUNREACH);
	assert_string_equal(extack, "");
	n = 0;
	h = append(buf, &n, NLMSG_ERROR, NLM_F_ACK_TLVS, 1, &whole, sizeof whole);
	assert_int_equal(gw_nl_parse_result(h, extack), -ENETUNREACH);
	assert_string_equal(extack, words);
	/* It claims to quote more than it has: the result stands, without words. */
	whole.asked.nlmsg_len = UINT32_MAX;
	n = 0;
	h = append(buf, &n, NLMSG_ERROR, NLM_F_ACK_TLVS, 1, &whole, sizeof whole);
	assert_int_equal(gw_nl_parse_result(h, extack), -ENETUNREACH);
	assert_string_equal(extack, "");
	/* Not a result at all. */
	whole.code = 12;
	n = 0;
	h = append(buf, &n, NLMSG_ERROR, 0, 1, &whole, sizeof whole);
	assert_int_equal(gw_nl_parse_result(h, extack), -EBADMSG);
	h->nlmsg_len = NLMSG_HDRLEN + 2;
	assert_int_equal(gw_nl_parse_result(h, extack), -EBADMSG);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_extended_ack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
