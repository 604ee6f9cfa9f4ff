"""The sink of `tests/languages.rs` in Python."""

import hashlib
import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import files, log, progress, settings
from wit_world.imports.files import FileError_NoSuchFile
from wit_world.imports.log import Level
from wit_world.imports.uploads import (
    Failure_Reject,
    Failure_Retry,
    Receipt,
    Rejection,
    RejectionReason,
    RetryAdvice,
    Upload,
)


class Handler(exports.Handler):
    def check(self, draft: Upload) -> int:
        if album() is None:
            raise Err(Rejection(RejectionReason.OTHER, "ALBUM is missing"))
        if not draft.files:
            raise Err(Rejection(RejectionReason.INVALID, "nothing to deliver"))
        if draft.sender.startswith("stranger@"):
            raise Err(Rejection(RejectionReason.UNAUTHORIZED, "no stranger's pictures"))
        for file in draft.files:
            if file.content_type == "video/mp4":
                raise Err(Rejection(RejectionReason.UNSUPPORTED, f"no videos: {file.name}"))
        if len(draft.files) > 3:
            raise Err(Rejection(RejectionReason.TOO_LARGE, "at most 3 pictures"))
        return 2 if draft.service is not None else 1

    def deliver(self, upload: Upload) -> Receipt:
        match upload.body:
            case "trap":
                raise RuntimeError("told to trap")
            case "busy":
                raise Err(Failure_Retry(RetryAdvice(60, "the album is busy")))
            case "later":
                raise Err(Failure_Retry(RetryAdvice(None, "the album is busy")))
            case "full":
                full = Rejection(RejectionReason.TOO_LARGE, "the album is full")
                raise Err(Failure_Reject(full))
        notes = progress.load()
        if notes is not None:
            before = f"again after {notes.decode()}"
        else:
            progress.save(f"attempt {upload.attempt}".encode())
            before = "first"
        read = []
        links = []
        for file in upload.files:
            with open(file.path, "rb") as photo:
                data = photo.read()
            sha256 = hashlib.sha256(data).hexdigest()
            fields = [("bytes", str(len(data))), ("sha256", sha256)]
            log.write(Level.INFO, f"read {file.name}", fields)
            read.append(f"{file.name} ({len(data)} bytes, sha256 {sha256})")
            links.append(f"https://photos.example.org/{album()}/{file.name}")
        try:
            files.read(len(read), 0)
        except Err as error:
            if isinstance(error.value, FileError_NoSuchFile):
                log.write(Level.DEBUG, "no more files", [])
        summary = (
            f"{album()}: {', '.join(read)}; from {upload.sender}"
            f" to {' '.join(upload.recipients)} with {upload.camera or 'some camera'};"
            f" {upload.subject}; {before}"
        )
        return Receipt(summary, links)


def album() -> str | None:
    return json.loads(settings.json()).get("ALBUM")
