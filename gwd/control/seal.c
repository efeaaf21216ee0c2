/*
 * seal.c - see private.h. AES-256-GCM with a random nonce: "sealed:1:" and the base64 of nonce, text and tag.
 */
#include "control/private.h"

#include "base/cleanup.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define PREFIX	 "sealed:1:"
#define NONCELEN 12
#define TAGLEN	 16

int gw_seal_load_key(const char *path, uint8_t ret[static GW_SEAL_KEYLEN], struct gw_error *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t key[GW_SEAL_KEYLEN + 1];
	struct stat st = {0};
	ssize_t n;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_mode & 0077)
		return gw_error_set(
			err, EPERM, GW_ERR_UNAVAILABLE, path,
			"others may read the key that secrets are sealed with (mode %04o): chmod 600 it, and "
			"change the secrets if somebody may have read both the key and the store or a backup",
			(unsigned)st.st_mode & 07777);
	n = fd < 0 ? -1 : read(fd, key, sizeof key);
	if (n < 0)
		return gw_error_set(err, errno, GW_ERR_UNAVAILABLE, path,
				    "cannot read the key that secrets are sealed with: %s", strerror(errno));
	if (n != GW_SEAL_KEYLEN)
		return gw_error_set(
			err, EBADMSG, GW_ERR_UNAVAILABLE, path,
			"is no key of gwd: restore it from where it was kept; without it stored secrets are lost");
	memcpy(ret, key, GW_SEAL_KEYLEN);
	gnutls_memset(key, 0, sizeof key);
	return 0;
}

int gw_seal_make_key(const char *path, uint8_t ret[static GW_SEAL_KEYLEN], struct gw_error *err)
{
	if (getrandom(ret, GW_SEAL_KEYLEN, 0) != GW_SEAL_KEYLEN)
		return gw_error_set(err, EIO, GW_ERR_INTERNAL, path, "the kernel has no random numbers");
	return gw_fs_write_private(path, ret, GW_SEAL_KEYLEN, err);
}

static int crypto_error(int rc, struct gw_error *err)
{
	return gw_error_set(err, EIO, GW_ERR_INTERNAL, "", "cannot seal or unseal a secret: %s", gnutls_strerror(rc));
}

static int cipher_open(const uint8_t key[static GW_SEAL_KEYLEN], gnutls_aead_cipher_hd_t *ret, struct gw_error *err)
{
	const gnutls_datum_t datum = {(unsigned char *)key, GW_SEAL_KEYLEN};
	int rc = gnutls_aead_cipher_init(ret, GNUTLS_CIPHER_AES_256_GCM, &datum);

	return rc < 0 ? crypto_error(rc, err) : 0;
}

int gw_seal(const uint8_t key[static GW_SEAL_KEYLEN], const char *secret, char **ret, struct gw_error *err)
{
	size_t n = strlen(secret), room = n + TAGLEN;
	_cleanup_free_ uint8_t *blob = malloc(NONCELEN + room);
	gnutls_aead_cipher_hd_t cipher;
	gnutls_datum_t text = {0};
	int r;

	if (!blob)
		return gw_error_oom(err);
	if (getrandom(blob, NONCELEN, 0) != NONCELEN)
		return gw_error_set(err, EIO, GW_ERR_INTERNAL, "", "the kernel has no random numbers");
	r = cipher_open(key, &cipher, err);
	if (r < 0)
		return r;
	r = gnutls_aead_cipher_encrypt(cipher, blob, NONCELEN, NULL, 0, TAGLEN, secret, n, blob + NONCELEN, &room);
	gnutls_aead_cipher_deinit(cipher);
	if (r == 0)
		r = gnutls_base64_encode2(&(gnutls_datum_t){blob, (unsigned)(NONCELEN + room)}, &text);
	if (r < 0)
		return crypto_error(r, err);
	r = asprintf(ret, PREFIX "%.*s", (int)text.size, (char *)text.data);
	gnutls_free(text.data);
	return r < 0 ? gw_error_oom(err) : 0;
}

int gw_unseal(const uint8_t key[static GW_SEAL_KEYLEN], const char *sealed, char **ret, struct gw_error *err)
{
	gnutls_datum_t blob = {0};
	gnutls_aead_cipher_hd_t cipher;
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r;

	if (strncmp(sealed, PREFIX, sizeof PREFIX - 1) != 0)
		return gw_error_set(err, EBADMSG, GW_ERR_INTERNAL, "", "a stored secret is not sealed");
	sealed += sizeof PREFIX - 1;
	r = gnutls_base64_decode2(&(gnutls_datum_t){(unsigned char *)sealed, (unsigned)strlen(sealed)}, &blob);
	if (r < 0 || blob.size < NONCELEN + TAGLEN) {
		gnutls_free(blob.data);
		return gw_error_set(err, EBADMSG, GW_ERR_INTERNAL, "", "a stored secret is damaged");
	}
	n = blob.size - NONCELEN - TAGLEN;
	text = calloc(1, n + 1);
	r = text ? cipher_open(key, &cipher, err) : gw_error_oom(err);
	if (r == 0) {
		r = gnutls_aead_cipher_decrypt(cipher, blob.data, NONCELEN, NULL, 0, TAGLEN, blob.data + NONCELEN,
					       blob.size - NONCELEN, text, &n);
		gnutls_aead_cipher_deinit(cipher);
		if (r < 0)
			r = gw_error_set(
				err, EBADMSG, GW_ERR_UNAVAILABLE, "",
				"its secret was sealed with another key: put the secret.key that belongs to it "
				"into [node] state_dir");
	}
	gnutls_free(blob.data);
	if (r == 0) {
		*ret = text;
		text = NULL;
	}
	return r;
}

/* A key of that use. */
static int derive(const uint8_t key[static GW_SEAL_KEYLEN], const char *use, uint8_t ret[static GW_SEAL_TAGLEN])
{
	return gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, GW_SEAL_KEYLEN, use, strlen(use), ret);
}

int gw_seal_block(const uint8_t key[static GW_SEAL_KEYLEN], const char *use, bool encrypt,
		  const uint8_t in[static GW_SEAL_BLOCKLEN], uint8_t ret[static GW_SEAL_BLOCKLEN])
{
	uint8_t own[GW_SEAL_TAGLEN], zero[GW_SEAL_BLOCKLEN] = {0};
	gnutls_datum_t secret = {own, sizeof own}, iv = {zero, sizeof zero};
	gnutls_cipher_hd_t cipher = NULL;
	int rc = derive(key, use, own);

	if (rc == 0)
		rc = gnutls_cipher_init(&cipher, GNUTLS_CIPHER_AES_256_CBC, &secret, &iv);
	memcpy(ret, in, GW_SEAL_BLOCKLEN);
	if (rc == 0) {
		rc = encrypt ? gnutls_cipher_encrypt(cipher, ret, GW_SEAL_BLOCKLEN)
			     : gnutls_cipher_decrypt(cipher, ret, GW_SEAL_BLOCKLEN);
		gnutls_cipher_deinit(cipher);
	}
	explicit_bzero(own, sizeof own);
	return rc < 0 ? -EIO : 0;
}

int gw_seal_tag(const uint8_t key[static GW_SEAL_KEYLEN], const char *use, const void *text, size_t n,
		uint8_t ret[static GW_SEAL_TAGLEN])
{
	uint8_t own[GW_SEAL_TAGLEN];
	int rc = derive(key, use, own);

	if (rc == 0)
		rc = gnutls_hmac_fast(GNUTLS_MAC_SHA256, own, sizeof own, text, n, ret);
	explicit_bzero(own, sizeof own);
	return rc < 0 ? -EIO : 0;
}

static void wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

bool gw_seal_same(const uint8_t key[static GW_SEAL_KEYLEN], const char *a, const char *b)
{
	char *x = NULL, *y = NULL;
	bool same = gw_unseal(key, a, &x, NULL) == 0 && gw_unseal(key, b, &y, NULL) == 0 && strlen(x) == strlen(y) &&
		    gnutls_memcmp(x, y, strlen(x)) == 0;

	wipe(x);
	wipe(y);
	return same;
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

struct checking {
	const struct gw_control *k;
	struct gw_error *err;
};

static int check_secret(void *ctx, const char *secret)
{
	struct checking *c = ctx;
	char *text = NULL;
	int r = gw_unseal(c->k->seal_key, secret, &text, c->err);

	wipe(text);
	return r;
}

static int check_resource(void *ctx, const struct gw_resource *r)
{
	struct checking *c = ctx;
	int e = gw_schema_each_secret(gw_kind_info(r->kind)->schema, r->now.properties, check_secret, c);
	_cleanup_free_ char *path = e < 0 ? gw_resource_path(r) : NULL;

	if (path)
		gw_error_prefix(c->err, "%s", path);
	return e;
}

static int any_secret(void *ctx, const char *secret)
{
	(void)ctx;
	(void)secret;
	return -EEXIST;
}

static int find_secret(void *ctx, const struct gw_resource *r)
{
	return gw_schema_each_secret(gw_kind_info(r->kind)->schema, r->now.properties, any_secret, ctx);
}

bool gw_control_has_secrets(const struct gw_control *k)
{
	return gw_catalog_each(k->catalog, find_secret, NULL) < 0;
}

int gw_control_check_secrets(const struct gw_control *k, struct gw_error *err)
{
	return gw_catalog_each(k->catalog, check_resource, &(struct checking){k, err});
}
