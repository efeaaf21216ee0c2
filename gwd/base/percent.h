/* percent.h - text in an URL: one segment of a path, or the name or value of a query. */
#ifndef GW_BASE_PERCENT_H
#define GW_BASE_PERCENT_H

/* Encodes all but letters, digits, "-._~" and what `also` has; NULL when memory ran out. */
char *gw_percent_encode(const char *s, const char *also);
/* Decodes in place; -EINVAL for what is no encoding, or one of a zero byte. */
int gw_percent_decode(char *s);

#endif
