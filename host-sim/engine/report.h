/*
 * Standard output: one JSON object a line, each flushed, in the order things happen.
 * Text may hold anything: it is escaped, NUL and lone surrogates as \u escapes, bytes that are no UTF-8 as U+FFFD.
 */
#ifndef DORMOUSE_REPORT_H
#define DORMOUSE_REPORT_H

#include <stddef.h>

/* Begins an object: {"type":TYPE */
void report_begin(const char *type);

/* Adds a member to the object begun. `text` is NUL-terminated (XS writes U+0000 inside as C0 80). */
void report_text(const char *key, const char *text);
void report_text_sized(const char *key, const char *text, size_t size);
void report_number(const char *key, double value);

/* Opens and closes a nested object or array. `key` is NULL inside an array. */
void report_open(const char *key, char bracket);
void report_close(char bracket);

/* Ends the object, the line, and flushes. */
void report_end(void);

#endif
