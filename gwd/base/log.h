/*
 * log.h - the daemon's log: to journald when stderr is connected to it (priorities kept), else plain lines on stderr.
 * One line an event; secrets and packet contents never reach it. Modules below the composition root log at debug only
 * what they also report by return value.
 */
#ifndef GW_BASE_LOG_H
#define GW_BASE_LOG_H

enum gw_log_level { GW_LOG_ERROR = 3, GW_LOG_WARNING = 4, GW_LOG_NOTICE = 5, GW_LOG_INFO = 6, GW_LOG_DEBUG = 7 };

void gw_log_init(enum gw_log_level max);
int gw_log_level_parse(const char *s, enum gw_log_level *ret);
void gw_log(enum gw_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define gw_log_error(...)   gw_log(GW_LOG_ERROR, __VA_ARGS__)
#define gw_log_warning(...) gw_log(GW_LOG_WARNING, __VA_ARGS__)
#define gw_log_notice(...)  gw_log(GW_LOG_NOTICE, __VA_ARGS__)
#define gw_log_info(...)    gw_log(GW_LOG_INFO, __VA_ARGS__)
#define gw_log_debug(...)   gw_log(GW_LOG_DEBUG, __VA_ARGS__)

#endif
