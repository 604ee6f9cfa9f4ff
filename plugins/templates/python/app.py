"""Reads every file of an upload and says how long it is."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import log, settings
from wit_world.imports.log import Level
from wit_world.imports.uploads import Receipt, Rejection, RejectionReason, Upload


class Handler(exports.Handler):
    def check(self, draft: Upload) -> int:
        if not draft.files:
            raise Err(Rejection(RejectionReason.INVALID, "nothing to deliver"))
        return 1

    # To have the host try again later, raise
    # Err(Failure_Retry(RetryAdvice(60, "why"))), from the same module.
    def deliver(self, upload: Upload) -> Receipt:
        log.write(Level.INFO, f"settings {settings.json()}", [])
        read = []
        for file in upload.files:
            length = 0
            with open(file.path, "rb") as photo:
                while block := photo.read(65536):
                    length += len(block)
            read.append(f"{file.name} ({length} bytes)")
        return Receipt(f"read {', '.join(read)} from {upload.sender}", [])
