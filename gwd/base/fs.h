/* fs.h - directories and lock files that the daemon owns.
 * Nothing here follows a symbolic link in the last component. */
#ifndef GW_BASE_FS_H
#define GW_BASE_FS_H

#include "base/error.h"

#include <sys/types.h>

/* Makes `path` and what is missing above it, each with `mode`. A directory that is there already keeps its mode. */
int gw_fs_mkdirs(const char *path, mode_t mode, struct gw_error *err);
/* The same for the directory that `file` lives in. */
int gw_fs_mkdirs_for(const char *file, mode_t mode, struct gw_error *err);

/*
 * Takes the lock file `path` (created 0600, keeps our pid) until *ret_fd is closed or the process dies; the file is
 * never removed, so that no two processes can hold locks on different files of one name. -EBUSY with the holder's pid
 * (0 when unknown) in *ret_holder, and `err` left to the caller, when another process has it.
 */
int gw_fs_lock(const char *path, int *ret_fd, pid_t *ret_holder, struct gw_error *err);

/*
 * Puts `n` bytes under the name `path`, for nobody else to read (0600), synced; after a crash the name has what it had before
 * or all of the new.
 */
int gw_fs_write_private(const char *path, const void *data, size_t n, struct gw_error *err);

/* What was renamed in the directory of `path` survives a power cut. */
int gw_fs_sync_dir_of(const char *path, struct gw_error *err);

#endif
