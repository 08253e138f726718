
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * JSON text (RFC 8259) as slices: nothing is built, a value is the bytes that
 * spell it.  What JSON.parse refuses is refused, and raw control characters
 * in strings above all: one 0x1e would forge packets in others' payloads.
 */


#ifndef _SIO_JSON_H_INCLUDED_
#define _SIO_JSON_H_INCLUDED_


#include "sio_wire.h"


#define SIO_JSON_MAX_DEPTH  512       /* the deepest that max_depth may say */


typedef enum {
    SIO_JSON_NONE = 0,                /* no value at all */
    SIO_JSON_NULL,
    SIO_JSON_FALSE,
    SIO_JSON_TRUE,
    SIO_JSON_NUMBER,
    SIO_JSON_STRING,
    SIO_JSON_ARRAY,
    SIO_JSON_OBJECT
} sio_json_type_e;


typedef struct {
    sio_json_type_e  type;            /* of the whole value */
    sio_str_t        value;           /* without white space around it */
    uint32_t         nelts;           /* elements of the top-level array, also
                                         those beyond max_elts */
    unsigned         placeholder:1;   /* a key "_placeholder" stands somewhere
                                         (escaped spellings included) */
} sio_json_info_t;


/*
 * Validates a whole text (UTF-8 included) in one pass, without recursion.
 * When the value is an array, the slices of its first max_elts elements are
 * stored in elts (NULL with max_elts 0: none).  max_depth counts open
 * brackets.
 *
 * SIO_OK, or SIO_ERROR: not JSON, empty, or deeper than max_depth
 */
int sio_json_parse(uint8_t *p, size_t len, unsigned max_depth,
    sio_json_info_t *info, sio_str_t *elts, size_t max_elts);


/*
 * All functions below take a slice that sio_json_parse() has accepted (or a
 * part of one); on other bytes their result is undefined but they never read
 * outside the slice.
 */

/* the type by the first byte; SIO_JSON_NONE for an empty slice */
sio_json_type_e sio_json_type(const sio_str_t *value);

/*
 * RFC 6901: follows pointer (already decoded from the configuration's text,
 * "" is the value itself; only what sio_json_pointer_valid() accepts).  The
 * last of duplicate keys wins, as in JSON.parse.  Cost: one pass over the
 * value for each part of the pointer.
 *
 * SIO_OK        *out is the value there
 * SIO_DECLINED  nothing there
 */
int sio_json_get(const sio_str_t *value, const sio_str_t *pointer,
    sio_str_t *out);

/* SIO_OK when pointer is well formed (empty, or begins with "/", and "~" only
   in ~0 and ~1), else SIO_ERROR */
int sio_json_pointer_valid(const sio_str_t *pointer);

/*
 * Walks the elements of an array or the members of an object.  key is a
 * string slice with its quotes, empty for an array.
 *
 * SIO_OK, SIO_DONE at the end
 */
typedef struct {
    uint8_t  *pos;
    uint8_t  *last;
} sio_json_iter_t;

void sio_json_iter_init(sio_json_iter_t *it, const sio_str_t *value);
int sio_json_iter_next(sio_json_iter_t *it, sio_str_t *key, sio_str_t *value);

/*
 * The text of a string slice (quotes around it) as UTF-8; a lone surrogate
 * becomes U+FFFD.  dst needs value->len bytes and may be value->data; NULL:
 * only counts.  Returns the length in bytes.
 */
size_t sio_json_string_read(uint8_t *dst, const sio_str_t *value);

/* compares the text of a string slice with plain UTF-8: SIO_OK when equal */
int sio_json_string_eq(const sio_str_t *value, const uint8_t *p, size_t len);

/*
 * Writes plain UTF-8 as a JSON string, quotes included, escaped as
 * JSON.stringify does (\" \\ \b \f \n \r \t, other controls \u00xx lower
 * case).  src must be valid UTF-8 (repair it first) and not overlap dst.
 * sio_json_string_len() is the exact length.
 */
size_t sio_json_string_len(const uint8_t *src, size_t len);
size_t sio_json_string_write(uint8_t *dst, const uint8_t *src, size_t len);

/* the same without the quotes, for text inside a string */
size_t sio_json_escape_len(const uint8_t *src, size_t len);
size_t sio_json_escape_write(uint8_t *dst, const uint8_t *src, size_t len);

/*
 * A number as JavaScript prints it: 5, 5.0 and 5e0 are "5", 1e21 is "1e+21",
 * -0 is "0", out of range is "null".  dst needs SIO_JSON_NUMBER_MAX bytes.
 * Returns the length.  Does not depend on the locale.
 */
#define SIO_JSON_NUMBER_MAX  32

size_t sio_json_number_write(uint8_t *dst, const sio_str_t *value);
size_t sio_json_double_write(uint8_t *dst, double d);

/* the double that a number slice is in JavaScript; infinite if out of range */
double sio_json_number_read(const sio_str_t *value);

/* 1 when a value is true in JavaScript: not null, false, 0 (any spelling) or
   ""; else 0, also for an empty slice */
int sio_json_truthy(const sio_str_t *value);

/*
 * Copies a value without the white space between its tokens, else unchanged.
 * dst needs value->len bytes and may be value->data.  Returns the length.
 */
size_t sio_json_compact(uint8_t *dst, const sio_str_t *value);


#endif /* _SIO_JSON_H_INCLUDED_ */
