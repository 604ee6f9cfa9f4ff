// Puts every file of an upload to http://SERVER/<name>: wasi:http in C.

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

// wasi:io takes this many bytes in one blocking write.
#define BLOCK 4096

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

static plugin_string_t server(void) {
    plugin_string_t json;
    afterimage_action_settings_json(&json);
    const char *key = "\"SERVER\":\"", *text = strndup((char *)json.ptr, json.len);
    const char *value = strstr(text, key);
    return value ? format("%.*s", (int)strcspn(value + strlen(key), "\""), value + strlen(key))
                 : format("%s", "");
}

// Writes the file at path into the request's body, block by block.
static bool write_file(wasi_http_types_own_outgoing_body_t body, plugin_string_t path) {
    wasi_http_types_own_output_stream_t stream;
    FILE *photo = fopen(strndup((char *)path.ptr, path.len), "rb");
    bool whole = photo && wasi_http_types_method_outgoing_body_write(
                              wasi_http_types_borrow_outgoing_body(body), &stream);
    if (!whole)
        return false;
    uint8_t block[BLOCK];
    for (size_t length; whole && (length = fread(block, 1, BLOCK, photo)) > 0;) {
        plugin_list_u8_t bytes = {block, length};
        wasi_io_streams_stream_error_t error;
        whole = wasi_io_streams_method_output_stream_blocking_write_and_flush(
            wasi_io_streams_borrow_output_stream(stream), &bytes, &error);
    }
    whole = whole && !ferror(photo);
    fclose(photo);
    // The body can be finished only when its stream is gone.
    wasi_io_streams_output_stream_drop_own(stream);
    return whole;
}

// The status of the answer, 0 if there is none.
static int put(plugin_string_t authority, file_t *file) {
    wasi_http_types_own_fields_t headers = wasi_http_types_constructor_fields();
    plugin_string_t name = format("content-length");
    plugin_string_t length = format("%llu", (unsigned long long)file->size);
    wasi_http_types_field_value_t value = {length.ptr, length.len};
    wasi_http_types_header_error_t header_error;
    wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(headers), &name, &value,
                                         &header_error);
    wasi_http_types_own_outgoing_request_t request =
        wasi_http_types_constructor_outgoing_request(headers);
    wasi_http_types_borrow_outgoing_request_t lent =
        wasi_http_types_borrow_outgoing_request(request);
    wasi_http_types_method_t method = {.tag = WASI_HTTP_TYPES_METHOD_PUT};
    wasi_http_types_scheme_t scheme = {.tag = WASI_HTTP_TYPES_SCHEME_HTTP};
    plugin_string_t path = format("/%.*s", TEXT(file->name));
    wasi_http_types_own_outgoing_body_t body;
    wasi_http_outgoing_handler_own_future_incoming_response_t future;
    wasi_http_outgoing_handler_error_code_t error;
    // Where to, before handle: then the request is the host's.
    if (!wasi_http_types_method_outgoing_request_set_method(lent, &method) ||
        !wasi_http_types_method_outgoing_request_set_scheme(lent, &scheme) ||
        !wasi_http_types_method_outgoing_request_set_authority(lent, &authority) ||
        !wasi_http_types_method_outgoing_request_set_path_with_query(lent, &path) ||
        !wasi_http_types_method_outgoing_request_body(lent, &body) ||
        !wasi_http_outgoing_handler_handle(request, NULL, &future, &error))
        return 0;
    if (!write_file(body, file->path) ||
        !wasi_http_types_static_outgoing_body_finish(body, NULL, &error))
        return 0;

    wasi_http_types_borrow_future_incoming_response_t awaited =
        wasi_http_types_borrow_future_incoming_response(future);
    wasi_io_poll_own_pollable_t ready =
        wasi_http_types_method_future_incoming_response_subscribe(awaited);
    wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(ready));
    wasi_http_types_result_result_own_incoming_response_error_code_void_t answer;
    if (!wasi_http_types_method_future_incoming_response_get(awaited, &answer) || answer.is_err ||
        answer.val.ok.is_err)
        return 0;
    return wasi_http_types_method_incoming_response_status(
        wasi_http_types_borrow_incoming_response(answer.val.ok.val.ok));
}

bool exports_afterimage_action_handler_check(upload_t *draft, uint32_t *files,
                                             rejection_t *rejection) {
    (void)draft, (void)rejection;
    *files = 1;
    return true;
}

bool exports_afterimage_action_handler_deliver(upload_t *upload, receipt_t *receipt,
                                               failure_t *failure) {
    for (size_t i = 0; i < upload->files.len; i++) {
        int status = put(server(), &upload->files.ptr[i]);
        if (status / 100 != 2) {
            failure->tag = AFTERIMAGE_ACTION_UPLOADS_FAILURE_RETRY;
            failure->val.retry.after_seconds.is_some = false;
            failure->val.retry.reason =
                status ? format("the server answers %d", status) : format("no answer");
            return false;
        }
    }
    receipt->summary = format("put %zu files", upload->files.len);
    receipt->links.len = 0;
    return true;
}
