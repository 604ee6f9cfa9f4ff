"""Uploads every file of an upload to an Immich server."""

import hashlib
import json

import request
from componentize_py_types import Err
from request import Answer, NoAnswer
from wit_world import exports
from wit_world.imports import progress, settings
from wit_world.imports.uploads import (
    Failure_Reject,
    Failure_Retry,
    File,
    Receipt,
    Rejection,
    RejectionReason,
    RetryAdvice,
    Upload,
)

REASONS = {
    401: RejectionReason.UNAUTHORIZED,
    403: RejectionReason.UNAUTHORIZED,
    413: RejectionReason.TOO_LARGE,
    415: RejectionReason.UNSUPPORTED,
}

# What Immich says of a file that it has.
TAKEN = ("created", "replaced", "duplicate")


class Handler(exports.Handler):
    def check(self, draft: Upload) -> int:
        # The camera hears of wrong settings now, rather than nobody later.
        known = json.loads(settings.json())
        url = known.pop("URL", None)
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise Err(rejection('[IMMICH] needs URL = "https://photos.example.org"'))
        if known:
            raise Err(rejection(f"[IMMICH] has no {', '.join(known)}"))
        if not draft.files:
            raise Err(Rejection(RejectionReason.INVALID, "nothing to upload"))
        return 1

    def deliver(self, upload: Upload) -> Receipt:
        url = json.loads(settings.json())["URL"].rstrip("/")
        # Id and status of every file that an earlier attempt has uploaded.
        notes = progress.load()
        done = json.loads(notes) if notes else []
        for file in upload.files[len(done) :]:
            done.append(send(url, upload, file))
            progress.save(json.dumps(done).encode())
        new = sum(status != "duplicate" for _, status in done)
        summary = f"uploaded {new} of {len(done)} files to Immich"
        if new < len(done):
            summary += f", which had {len(done) - new} already"
        return Receipt(summary, [f"{url}/photos/{asset}" for asset, _ in done])


def send(url: str, upload: Upload, file: File) -> tuple[str, str]:
    """Uploads one file; its id and its status in Immich."""
    with open(file.path, "rb") as photo:
        checksum = hashlib.file_digest(photo, "sha1").hexdigest()
    boundary = f"afterimage-{upload.id}-{file.index}"
    fields = {
        # Immich 3 does without these two, Immich 2 must have them.
        "deviceAssetId": f"{upload.id}-{file.index}",
        "deviceId": "Afterimage",
        # When the photo was taken Immich reads from the file itself, if it can.
        "fileCreatedAt": upload.received_at,
        "fileModifiedAt": upload.received_at,
    }
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    name = file.name.replace('"', "%22")
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="assetData"; filename="{name}"\r\n'
        f"Content-Type: {file.content_type}\r\n\r\n"
    )
    headers = {
        "content-type": f"multipart/form-data; boundary={boundary}",
        "accept": "application/json",
        # Immich answers by this alone if it has the file.
        "x-immich-checksum": checksum,
    }
    body = [head.encode(), file, f"\r\n--{boundary}--\r\n".encode()]
    try:
        answer = request.post(f"{url}/api/assets", headers, body)
    except NoAnswer as error:
        raise Err(Failure_Retry(RetryAdvice(None, f"Immich: {error}"))) from None
    if answer.status not in (200, 201):
        raise Err(failure(answer))
    try:
        asset = json.loads(answer.body)
        known, status = asset["id"], asset["status"]
    except (ValueError, KeyError, TypeError):
        known, status = None, None
    # Nothing but Immich answers so; what a proxy says proves nothing.
    if not isinstance(known, str) or not known or status not in TAKEN:
        raise Err(Failure_Retry(RetryAdvice(None, f"{url} does not answer like Immich")))
    return known, status


def failure(answer: Answer) -> Failure_Retry | Failure_Reject:
    """What the answer means for the delivery, with the server's words."""
    said = answer.body.decode(errors="replace")
    try:
        message = json.loads(said)["message"]
        said = message if isinstance(message, str) else ", ".join(map(str, message))
    except (ValueError, KeyError, TypeError):
        pass
    said = f"Immich answers {answer.status}: {' '.join(said.split())[:100]}"
    if answer.status in (408, 425, 429) or answer.status >= 500:
        after = answer.headers.get("retry-after", "")
        return Failure_Retry(RetryAdvice(int(after) if after.isdecimal() else None, said))
    return Failure_Reject(Rejection(REASONS.get(answer.status, RejectionReason.OTHER), said))


def rejection(message: str) -> Rejection:
    return Rejection(RejectionReason.OTHER, message)
