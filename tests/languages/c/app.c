// The sink of `tests/languages.rs` in C.

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/plugin.h"

typedef exports_afterimage_action_handler_upload_t upload_t;
typedef exports_afterimage_action_handler_receipt_t receipt_t;
typedef exports_afterimage_action_handler_rejection_t rejection_t;
typedef exports_afterimage_action_handler_failure_t failure_t;
typedef afterimage_action_uploads_file_t file_t;

#define TEXT(string) (int)(string).len, (const char *)(string).ptr

__attribute__((format(printf, 1, 2))) static plugin_string_t format(const char *format, ...) {
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    va_end(arguments);
    plugin_string_t string;
    plugin_string_set(&string, text);
    return string;
}

static const char *cstring(plugin_string_t string) {
    return strndup((const char *)string.ptr, string.len);
}

// The setting ALBUM, NULL if it is missing. It has no escapes here.
static const char *album(void) {
    plugin_string_t json;
    afterimage_action_settings_json(&json);
    const char *key = "\"ALBUM\":\"", *value = strstr(cstring(json), key);
    return value ? strndup(value + strlen(key), strcspn(value + strlen(key), "\"")) : NULL;
}

// FIPS 180-4. The constants are the fractions of roots of the first primes.
struct sha256 {
    uint32_t k[64], state[8];
    uint8_t block[64];
    uint64_t length;
};

static uint32_t fraction(double root) {
    return (uint32_t)((root - floor(root)) * 4294967296.0);
}

static uint32_t turn(uint32_t x, int n) {
    return x >> n | x << (32 - n);
}

static void start(struct sha256 *hash) {
    int count = 0;
    hash->length = 0;
    for (int n = 2; count < 64; n++) {
        int prime = 1;
        for (int d = 2; d * d <= n; d++)
            prime = prime && n % d;
        if (!prime)
            continue;
        if (count < 8)
            hash->state[count] = fraction(sqrt(n));
        hash->k[count++] = fraction(cbrt(n));
    }
}

static void update(struct sha256 *hash, const uint8_t *bytes, size_t length) {
    for (size_t at = 0; at < length; at++) {
        hash->block[hash->length++ % 64] = bytes[at];
        if (hash->length % 64)
            continue;
        uint32_t w[64], s[8];
        for (int i = 0; i < 16; i++)
            w[i] = (uint32_t)hash->block[i * 4] << 24 | hash->block[i * 4 + 1] << 16 |
                   hash->block[i * 4 + 2] << 8 | hash->block[i * 4 + 3];
        for (int i = 16; i < 64; i++)
            w[i] = w[i - 16] + w[i - 7] +
                   (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) +
                   (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
        memcpy(s, hash->state, sizeof s);
        for (int i = 0; i < 64; i++) {
            uint32_t t = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) +
                         ((s[4] & s[5]) ^ (~s[4] & s[6])) + hash->k[i] + w[i];
            uint32_t u = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) +
                         ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
            memmove(s + 1, s, 7 * sizeof *s);
            s[4] += t;
            s[0] = t + u;
        }
        for (int i = 0; i < 8; i++)
            hash->state[i] += s[i];
    }
}

static plugin_string_t digest(struct sha256 *hash) {
    uint64_t bits = hash->length * 8;
    update(hash, (const uint8_t *)"\x80", 1);
    while (hash->length % 64 != 56)
        update(hash, (const uint8_t *)"", 1);
    for (int shift = 56; shift >= 0; shift -= 8)
        update(hash, &(uint8_t){bits >> shift}, 1);
    plugin_string_t text = format("%s", "");
    for (int i = 0; i < 8; i++)
        text = format("%.*s%08x", TEXT(text), hash->state[i]);
    return text;
}

static bool refuse(rejection_t *rejection, uint8_t reason, plugin_string_t message) {
    rejection->reason = reason;
    rejection->message = message;
    return false;
}

static bool retry(failure_t *failure, plugin_option_u32_t after_seconds) {
    failure->tag = AFTERIMAGE_ACTION_UPLOADS_FAILURE_RETRY;
    failure->val.retry.after_seconds = after_seconds;
    failure->val.retry.reason = format("the album is busy");
    return false;
}

bool exports_afterimage_action_handler_check(upload_t *draft, uint32_t *files,
                                             rejection_t *rejection) {
    if (!album())
        return refuse(rejection, AFTERIMAGE_ACTION_UPLOADS_REJECTION_REASON_OTHER,
                      format("ALBUM is missing"));
    if (draft->files.len == 0)
        return refuse(rejection, AFTERIMAGE_ACTION_UPLOADS_REJECTION_REASON_INVALID,
                      format("nothing to deliver"));
    if (strncmp(cstring(draft->sender), "stranger@", 9) == 0)
        return refuse(rejection, AFTERIMAGE_ACTION_UPLOADS_REJECTION_REASON_UNAUTHORIZED,
                      format("no stranger's pictures"));
    for (size_t i = 0; i < draft->files.len; i++)
        if (strcmp(cstring(draft->files.ptr[i].content_type), "video/mp4") == 0)
            return refuse(rejection, AFTERIMAGE_ACTION_UPLOADS_REJECTION_REASON_UNSUPPORTED,
                          format("no videos: %.*s", TEXT(draft->files.ptr[i].name)));
    if (draft->files.len > 3)
        return refuse(rejection, AFTERIMAGE_ACTION_UPLOADS_REJECTION_REASON_TOO_LARGE,
                      format("at most 3 pictures"));
    *files = draft->service.is_some ? 2 : 1;
    return true;
}

bool exports_afterimage_action_handler_deliver(upload_t *upload, receipt_t *receipt,
                                               failure_t *failure) {
    const char *body = cstring(upload->body);
    if (strcmp(body, "trap") == 0) {
        fputs("told to trap\n", stderr);
        abort();
    }
    if (strcmp(body, "busy") == 0)
        return retry(failure, (plugin_option_u32_t){true, 60});
    if (strcmp(body, "later") == 0)
        return retry(failure, (plugin_option_u32_t){false, 0});
    if (strcmp(body, "full") == 0) {
        failure->tag = AFTERIMAGE_ACTION_UPLOADS_FAILURE_REJECT;
        return refuse(&failure->val.reject, AFTERIMAGE_ACTION_UPLOADS_REJECTION_REASON_TOO_LARGE,
                      format("the album is full"));
    }

    plugin_list_u8_t notes;
    plugin_string_t before, error;
    if (afterimage_action_progress_load(&notes)) {
        before = format("again after %.*s", TEXT(notes));
    } else {
        before = format("attempt %u", upload->attempt);
        notes = (plugin_list_u8_t){before.ptr, before.len};
        if (!afterimage_action_progress_save(&notes, &error))
            abort();
        before = format("first");
    }

    plugin_string_t read = format("%s", "");
    receipt->links.ptr = calloc(upload->files.len, sizeof *receipt->links.ptr);
    receipt->links.len = upload->files.len;
    for (size_t i = 0; i < upload->files.len; i++) {
        file_t *file = &upload->files.ptr[i];
        struct sha256 hash;
        uint8_t block[65536];
        FILE *photo = fopen(cstring(file->path), "rb");
        if (!photo)
            abort();
        start(&hash);
        for (size_t length; (length = fread(block, 1, sizeof block, photo)) > 0;)
            update(&hash, block, length);
        fclose(photo);
        unsigned long long bytes = hash.length;
        plugin_string_t sha256 = digest(&hash);
        plugin_tuple2_string_string_t fields[] = {
            {format("bytes"), format("%llu", bytes)},
            {format("sha256"), sha256},
        };
        plugin_list_tuple2_string_string_t list = {fields, 2};
        plugin_string_t line = format("read %.*s", TEXT(file->name));
        afterimage_action_log_write(AFTERIMAGE_ACTION_LOG_LEVEL_INFO, &line, &list);
        read = format("%.*s%s%.*s (%llu bytes, sha256 %.*s)", TEXT(read), i ? ", " : "",
                      TEXT(file->name), bytes, TEXT(sha256));
        receipt->links.ptr[i] =
            format("https://photos.example.org/%s/%.*s", album(), TEXT(file->name));
    }

    plugin_list_u8_t data;
    afterimage_action_files_file_error_t file_error;
    if (!afterimage_action_files_read(upload->files.len, 0, &data, &file_error) &&
        file_error.tag == AFTERIMAGE_ACTION_FILES_FILE_ERROR_NO_SUCH_FILE) {
        plugin_string_t line = format("no more files");
        plugin_list_tuple2_string_string_t no_fields = {0};
        afterimage_action_log_write(AFTERIMAGE_ACTION_LOG_LEVEL_DEBUG, &line, &no_fields);
    }

    plugin_string_t recipients = format("%s", "");
    for (size_t i = 0; i < upload->recipients.len; i++)
        recipients = format("%.*s%s%.*s", TEXT(recipients), i ? " " : "",
                            TEXT(upload->recipients.ptr[i]));
    plugin_string_t camera = upload->camera.is_some ? upload->camera.val : format("some camera");
    receipt->summary = format("%s: %.*s; from %.*s to %.*s with %.*s; %.*s; %.*s", album(),
                              TEXT(read), TEXT(upload->sender), TEXT(recipients), TEXT(camera),
                              TEXT(upload->subject), TEXT(before));
    return true;
}
