"""Requests through wasi:http 0.2. The bytes of files go from the host's disk
into the request without entering Python."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from componentize_py_types import Err, Ok
from wit_world.imports import outgoing_handler, preopens
from wit_world.imports.streams import OutputStream, StreamError_Closed
from wit_world.imports.uploads import File
from wit_world.imports.wasi_filesystem_types import DescriptorFlags, OpenFlags, PathFlags
from wit_world.imports.wasi_http_types import (
    Fields,
    IncomingResponse,
    Method_Post,
    OutgoingBody,
    OutgoingRequest,
    Scheme_Http,
    Scheme_Https,
)

# Bytes of an answer that are read.
LARGEST = 1 << 20


@dataclass
class Answer:
    """What a server answers. The names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class NoAnswer(Exception):
    """There is none, in words that say why."""


def post(url: str, headers: dict[str, str], body: list[bytes | File]) -> Answer:
    """Sends these pieces as one body; the host adds secrets and checks grants."""
    length = sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in body)
    headers = headers | {"content-length": str(length), "user-agent": "Afterimage"}
    try:
        request = OutgoingRequest(Fields.from_list([(k, v.encode()) for k, v in headers.items()]))
        parts = urlsplit(url)
        request.set_method(Method_Post())
        request.set_scheme(Scheme_Https() if parts.scheme == "https" else Scheme_Http())
        request.set_authority(parts.netloc)
        request.set_path_with_query(parts.path + (f"?{parts.query}" if parts.query else ""))
        outgoing = request.body()
        future = outgoing_handler.handle(request, None)
    except Err as error:
        raise NoAnswer(words(error.value)) from None
    try:
        with outgoing.write() as stream:
            for piece in body:
                write(stream, piece) if isinstance(piece, bytes) else splice(stream, piece)
    except Err:
        # A server may have answered before it has read everything.
        outgoing.__exit__(None, None, None)
    else:
        OutgoingBody.finish(outgoing, None)
    with future.subscribe() as ready:
        ready.block()
    match future.get():
        case Ok(Ok(response)):
            return read(response)
        case Ok(Err(code)):
            raise NoAnswer(words(code))
        case _:
            raise NoAnswer("no answer")


def write(stream: OutputStream, piece: bytes) -> None:
    while piece:
        if room := stream.check_write():
            stream.write(piece[:room])
            piece = piece[room:]
        else:
            with stream.subscribe() as ready:
                ready.block()


def splice(stream: OutputStream, file: File) -> None:
    folder = next(folder for folder, name in preopens.get_directories() if name == "/upload")
    try:
        source = folder.open_at(PathFlags(0), file.name, OpenFlags(0), DescriptorFlags.READ)
    except Err as error:
        raise OSError(f"{file.path}: {error.value}") from None
    with source, source.read_via_stream(0) as content:
        left = file.size
        while left:
            left -= stream.blocking_splice(content, left)


def read(response: IncomingResponse) -> Answer:
    status = response.status()
    headers = {name.lower(): value.decode("latin-1") for name, value in response.headers().entries()}
    content = b""
    with response.consume() as body, body.stream() as stream:
        try:
            while len(content) < LARGEST:
                content += stream.blocking_read(1 << 16)
        except Err as error:
            if not isinstance(error.value, StreamError_Closed):
                raise NoAnswer("its answer breaks off") from None
    return Answer(status, headers, content[:LARGEST])


def words(code: object) -> str:
    """`ErrorCode_ConnectionRefused` as "connection refused"."""
    name = type(code).__name__.rpartition("_")[2]
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()
