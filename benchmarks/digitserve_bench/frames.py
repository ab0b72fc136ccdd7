"""HTTP/2 frames, as few as a load generator needs (RFC 9113), and gRPC's status out of a header block.

A general HTTP/2 library spends more on a call than the server does. This one sends a request whose bytes
never change but for the stream's number, and of the answers it reads the frame headers and the trailers.
"""

import struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED_OR_PRIORITY = 0x8 | 0x20

REFUSED_STREAM: Final = 0x7

HEADER_TABLE_SIZE, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 1, 3, 4
DEFAULT_WINDOW_BYTES = 65_535
LARGEST_WINDOW_BYTES = 2**31 - 1
MAX_FRAME_BYTES = 16_384

FRAME_HEADER = struct.Struct(">HBBBL")  # 24 bits of length as 16 and 8; type; flags; stream
FRAME_HEADER_BYTES = FRAME_HEADER.size
SETTING = struct.Struct(">HL")
NUMBER = struct.Struct(">L")

# Huffman codes of RFC 7541, appendix B, for the characters of "grpc-status" and its values: code and bits.
HUFFMAN = {
    "0": (0x0, 5), "1": (0x1, 5), "2": (0x2, 5), "3": (0x19, 6), "4": (0x1A, 6), "5": (0x1B, 6),
    "6": (0x1C, 6), "7": (0x1D, 6), "8": (0x1E, 6), "9": (0x1F, 6), "-": (0x16, 6), "a": (0x3, 5),
    "c": (0x4, 5), "g": (0x26, 6), "p": (0x2B, 6), "r": (0x2C, 6), "s": (0x8, 5), "t": (0x9, 5),
    "u": (0x2D, 6),
}  # fmt: skip


class ProtocolError(Exception):
    """The server sent what this generator does not understand."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return FRAME_HEADER.pack(len(payload) >> 8, len(payload) & 0xFF, kind, flags, stream) + payload


def opening() -> bytes:
    """What a client sends first.

    Answers may be as many bytes as they like, and their headers must not use HPACK's dynamic table: so
    the trailers of every successful call are the same bytes.
    """
    settings = SETTING.pack(HEADER_TABLE_SIZE, 0) + SETTING.pack(INITIAL_WINDOW_SIZE, LARGEST_WINDOW_BYTES)
    window = NUMBER.pack(LARGEST_WINDOW_BYTES - DEFAULT_WINDOW_BYTES)
    return PREFACE + frame(SETTINGS, 0, 0, settings) + frame(WINDOW_UPDATE, 0, 0, window)


def literal(name: str, value: str) -> bytes:
    """A header field, not indexed and not compressed; name and value below 127 bytes."""
    return b"".join([b"\0", *(bytes([len(text)]) + text.encode() for text in (name, value))])


def request_headers(authority: str, path: str) -> bytes:
    """The header block of a gRPC call."""
    method_and_scheme = b"\x83\x86"  # POST, http: entries of the static table
    fields = {":path": path, ":authority": authority, "content-type": "application/grpc", "te": "trailers"}
    return method_and_scheme + b"".join(literal(name, value) for name, value in fields.items())


def grpc_status(block: bytes) -> int | None:
    """The value of `grpc-status` in a header block, None without one. Raises ProtocolError."""
    at = 0
    while at < len(block):
        at, name, value = _field(block, at)
        if name in STATUS_NAMES:
            if value not in STATUS_VALUES:
                raise ProtocolError(f"{value!r} is no gRPC status")
            return STATUS_VALUES[value]
    return None


def _field(block: bytes, at: int) -> tuple[int, bytes, bytes]:
    """The end of the field that starts at `at`, its name and its value as they stand there."""
    first = block[at]
    if first & 0x80:  # from the static table, which has no grpc-status
        return _integer(block, at, 7)[0], b"", b""
    if first & 0xE0 == 0x20:  # a new size of the dynamic table
        return _integer(block, at, 5)[0], b"", b""
    at, index = _integer(block, at, 6 if first & 0x40 else 4)
    name = b""
    if not index:
        at, name = _string(block, at)
    at, value = _string(block, at)
    return at, name, value


def _integer(block: bytes, at: int, bits: int) -> tuple[int, int]:
    limit = (1 << bits) - 1
    value = block[at] & limit
    at += 1
    if value < limit:
        return at, value
    shift = 0
    while True:
        value += (block[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not block[at - 1] & 0x80:
            return at, value


def _string(block: bytes, at: int) -> tuple[int, bytes]:
    end, length = _integer(block, at, 7)
    if end + length > len(block):
        raise ProtocolError("a header block that ends too early")
    return end + length, block[end : end + length]


def huffman(text: str) -> bytes:
    """A string in HPACK's Huffman code, of the few characters this module knows."""
    bits = "".join(f"{code:0{length}b}" for code, length in (HUFFMAN[each] for each in text))
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


STATUS_NAMES = {b"grpc-status", huffman("grpc-status")}
STATUS_VALUES = {encoded: code for code in range(17) for encoded in (str(code).encode(), huffman(str(code)))}
