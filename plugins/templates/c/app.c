// Reads every file of an upload and says how long it is.
//
// Nothing is freed: every call runs in an instance of its own.

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/plugin.h"

typedef exports_afterimage_action_handler_upload_t upload_t;
typedef exports_afterimage_action_handler_receipt_t receipt_t;
typedef exports_afterimage_action_handler_rejection_t rejection_t;
typedef exports_afterimage_action_handler_failure_t failure_t;

// Strings of the contract have a length and no 0 at the end.
#define TEXT(string) (int)(string).len, (const char *)(string).ptr

// A string of the contract, as printf would write it.
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

static void note(plugin_string_t line) {
    plugin_list_tuple2_string_string_t no_fields = {0};
    afterimage_action_log_write(AFTERIMAGE_ACTION_LOG_LEVEL_INFO, &line, &no_fields);
}

// Answers while the camera waits; false: the upload is refused with *rejection.
bool exports_afterimage_action_handler_check(upload_t *draft, uint32_t *files,
                                             rejection_t *rejection) {
    if (draft->files.len == 0) {
        rejection->reason = AFTERIMAGE_ACTION_UPLOADS_REJECTION_REASON_INVALID;
        rejection->message = format("nothing to deliver");
        return false;
    }
    *files = 1;
    return true;
}

// The length of the file at path, -1 if it cannot be read.
static long long length(plugin_string_t path) {
    char block[65536];
    long long length = 0;
    FILE *photo = fopen(strndup((const char *)path.ptr, path.len), "rb");
    if (!photo)
        return -1;
    for (size_t read; (read = fread(block, 1, sizeof block, photo)) > 0;)
        length += read;
    if (ferror(photo))
        length = -1;
    fclose(photo);
    return length;
}

// Does the work; false: it failed with *failure. The other kind of failure is
// AFTERIMAGE_ACTION_UPLOADS_FAILURE_REJECT with failure->val.reject.
bool exports_afterimage_action_handler_deliver(upload_t *upload, receipt_t *receipt,
                                               failure_t *failure) {
    plugin_string_t settings;
    afterimage_action_settings_json(&settings);
    note(format("settings %.*s", TEXT(settings)));

    plugin_string_t read = format("read");
    for (size_t i = 0; i < upload->files.len; i++) {
        afterimage_action_uploads_file_t *file = &upload->files.ptr[i];
        long long bytes = length(file->path);
        if (bytes < 0) {
            failure->tag = AFTERIMAGE_ACTION_UPLOADS_FAILURE_RETRY;
            failure->val.retry.after_seconds.is_some = false;
            failure->val.retry.reason =
                format("%.*s: %s", TEXT(file->name), strerror(errno));
            return false;
        }
        read = format("%.*s%s %.*s (%lld bytes)", TEXT(read), i ? "," : "",
                      TEXT(file->name), bytes);
    }
    receipt->summary = format("%.*s from %.*s", TEXT(read), TEXT(upload->sender));
    receipt->links.len = 0;
    return true;
}
