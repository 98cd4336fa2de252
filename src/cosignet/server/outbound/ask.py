"""One small question to a web server whose operator asks it: the doctor's."""

import asyncio
import ssl
from dataclasses import dataclass

ASK_SECONDS = 5
_ANSWER_BYTES_MAX = 64 * 1024


class Unheard(Exception):
    """Nobody answered; the text says why."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a server answered."""

    status: int
    body: bytes


async def ask(host: str, port: int, path: str, *, named: str, tls: bool = False) -> Heard:
    """GET a path of the server at `host`, with `named` in the Host header.

    With `tls` its certificate has to be valid for `host`.

    Raises:
        Unheard: it cannot be reached, is not trusted, is too slow, or does not speak HTTP.
    """
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return _heard(await _exchange(host, port, path, named, tls=tls))
    except TimeoutError:
        raise Unheard(f"no answer within {ASK_SECONDS} seconds") from None
    except ssl.SSLCertVerificationError as error:
        raise Unheard(f"its certificate is not valid: {error.verify_message}") from error
    except OSError as error:
        raise Unheard(error.strerror or str(error)) from error


async def _exchange(host: str, port: int, path: str, named: str, *, tls: bool) -> bytes:
    context = ssl.create_default_context() if tls else None
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        head = f"GET {path} HTTP/1.1\r\nHost: {named}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        writer.write(head.encode("ascii"))
        await writer.drain()
        said = b""
        while len(said) < _ANSWER_BYTES_MAX and (more := await reader.read(_ANSWER_BYTES_MAX)):
            said += more
        return said
    finally:
        writer.transport.abort()


def _heard(said: bytes) -> Heard:
    head, _, body = said.partition(b"\r\n\r\n")
    words = head.split(b"\r\n")[0].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise Unheard("what answers there does not speak HTTP")
    return Heard(int(words[1]), body)
