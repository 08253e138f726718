
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * A message becomes a packet that the parser of texts takes, and that, written
 * as a message again, becomes the same packet.  A text that this parser takes
 * can be written.
 */


#include "fuzz.h"
#include "../../src/wire/sio_msgpack.h"


#define MAX_ATTACHMENTS  5


static const sio_packet_limits_t  limits = { MAX_ATTACHMENTS, 32, 40 };


typedef struct {
    sio_msgpack_t   pkt;
    uint8_t        *json;
    sio_str_t       attachments[MAX_ATTACHMENTS];
} message_t;


/* 1 when it is a packet; message->json is to be freed */

static int
parse(message_t *message, uint8_t *p, size_t len)
{
    int              rc;
    uint32_t         i;
    sio_msgpack_t   *pkt;
    sio_json_info_t  info;

    pkt = &message->pkt;
    rc = sio_msgpack_parse(p, len, &limits, pkt);

    if (rc != SIO_OK) {
        fuzz_check(rc == SIO_ERROR);
        return 0;
    }

    fuzz_check(pkt->type <= SIO_ACK);
    fuzz_check(pkt->nattachments <= MAX_ATTACHMENTS);
    fuzz_check(pkt->nsp.len >= 1 && pkt->nsp.len <= limits.max_nsp);
    fuzz_check(fuzz_inside(pkt->nsp.data, pkt->nsp.len, p, len));
    fuzz_check(pkt->id_len <= SIO_MSGPACK_ID_LEN);

    message->json = fuzz_alloc(pkt->json_len);

    if (pkt->data.len == 0) {
        fuzz_check(pkt->json_len == 0 && pkt->nattachments == 0);
        return 1;
    }

    fuzz_check(fuzz_inside(pkt->data.data, pkt->data.len, p, len));

    sio_msgpack_write_json(message->json, message->attachments, pkt);

    /* in a CONNECT a binary is an object in the text, one level deeper */

    fuzz_check(sio_json_parse(message->json, pkt->json_len,
                              limits.max_depth + 1, &info, NULL, 0)
               == SIO_OK);
    fuzz_check(info.value.len == pkt->json_len);
    fuzz_check(info.type == (pkt->type == SIO_CONNECT ? SIO_JSON_OBJECT
                                                      : SIO_JSON_ARRAY));

    for (i = 0; i < pkt->nattachments; i++) {
        fuzz_check(fuzz_inside(message->attachments[i].data,
                               message->attachments[i].len, p, len));
    }

    return 1;
}


static uint8_t *
write_message(const sio_str_t *text, const sio_str_t *attachments,
    uint32_t n, size_t *len)
{
    uint8_t  *p;

    *len = sio_msgpack_write(NULL, text, attachments, n);
    p = fuzz_alloc(*len);

    if (*len) {
        fuzz_check(sio_msgpack_write(p + *len, text, attachments, n) == *len);
    }

    return p;
}


static void
check_message(uint8_t *p, size_t len)
{
    size_t         n;
    uint8_t       *again;
    uint32_t       i;
    sio_str_t      text, id;
    message_t      message, other;
    sio_packet_t   pkt;

    if (!parse(&message, p, len)) {
        return;
    }

    /* as a text */

    id.data = message.pkt.id;
    id.len = message.pkt.id_len;

    n = message.pkt.type;

    if (message.pkt.nattachments) {
        n += SIO_BINARY_EVENT - SIO_EVENT;
    }

    text.len = sio_packet_write_head(NULL, n, message.pkt.nattachments,
                                     &message.pkt.nsp, &id);
    text.data = fuzz_alloc(text.len + message.pkt.json_len);

    (void) sio_packet_write_head(text.data, n, message.pkt.nattachments,
                                 &message.pkt.nsp, &id);

    memcpy(text.data + text.len, message.json, message.pkt.json_len);
    text.len += message.pkt.json_len;

    if (message.pkt.type == SIO_ACK && id.len && id.data[0] != '-') {
        fuzz_check(sio_packet_parse(text.data, text.len, &limits, &pkt, NULL,
                                    0)
                   == SIO_OK);
        fuzz_check(pkt.nattachments == message.pkt.nattachments);
        fuzz_check(fuzz_same(pkt.nsp.data, pkt.nsp.len, message.pkt.nsp.data,
                             message.pkt.nsp.len));
        fuzz_check(pkt.id.len == id.len);
    }

    /* and back */

    again = write_message(&text, message.attachments,
                          message.pkt.nattachments, &n);

    fuzz_check(n && parse(&other, again, n));

    fuzz_check(other.pkt.type == message.pkt.type
               && other.pkt.nattachments == message.pkt.nattachments);
    fuzz_check(fuzz_same(other.pkt.id, other.pkt.id_len, id.data, id.len));
    fuzz_check(fuzz_same(other.pkt.nsp.data, other.pkt.nsp.len,
                         message.pkt.nsp.data, message.pkt.nsp.len));
    fuzz_check(fuzz_same(other.json, other.pkt.json_len, message.json,
                         message.pkt.json_len));

    for (i = 0; i < message.pkt.nattachments; i++) {
        fuzz_check(fuzz_same(other.attachments[i].data,
                             other.attachments[i].len,
                             message.attachments[i].data,
                             message.attachments[i].len));
    }

    free(other.json);
    free(again);
    free(text.data);
    free(message.json);
}


static void
check_text(uint8_t *p, size_t len)
{
    size_t         n;
    uint8_t       *message;
    message_t      other;
    sio_str_t      text;
    sio_packet_t   pkt;

    static uint8_t    byte[] = { 0xff };
    static sio_str_t  attachments[MAX_ATTACHMENTS] = { { 1, byte } };

    text.data = p;
    text.len = len;

    if (sio_packet_parse(p, len, &limits, &pkt, NULL, 0) != SIO_OK) {

        /* nothing beyond the ends */

        free(write_message(&text, attachments, MAX_ATTACHMENTS, &n));
        return;
    }

    message = write_message(&text, attachments, pkt.nattachments, &n);
    fuzz_check(n);

    /* more attachments than before if one is there twice */

    if (pkt.nattachments == 0 && pkt.json.type && pkt.type <= SIO_ACK) {
        fuzz_check(parse(&other, message, n));
        fuzz_check(other.pkt.type == pkt.type);
        free(other.json);
    }

    free(message);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t  *p;

    p = fuzz_copy(data, size);
    check_message(p, size);
    free(p);

    p = fuzz_copy(data, size);
    check_text(p, size);
    free(p);

    return 0;
}
