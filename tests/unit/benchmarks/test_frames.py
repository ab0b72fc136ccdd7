"""How gRPC's status is found in a header block; the blocks follow RFC 7541 by hand."""

import pytest
from digitserve_bench.frames import ProtocolError, grpc_status, huffman, literal


def test_a_plain_literal() -> None:
    assert grpc_status(literal("grpc-status", "8")) == 8


def test_huffman_codes_are_those_of_the_rfc() -> None:
    assert huffman("grpc-status").hex() == "9acac8b21234da8f"
    assert huffman("8").hex() == "7b"
    assert huffman("14").hex() == "0b5f"


@pytest.mark.parametrize("first", [0x00, 0x10, 0x40], ids=["not indexed", "never indexed", "indexed"])
@pytest.mark.parametrize("code", range(17))
def test_every_status_in_huffman_code(first: int, code: int) -> None:
    name, value = huffman("grpc-status"), huffman(str(code))
    block = bytes([first, 0x80 | len(name)]) + name + bytes([0x80 | len(value)]) + value
    assert grpc_status(block) == code


def test_other_fields_are_stepped_over() -> None:
    before = b"\x20" + b"\x88" + literal("content-type", "application/grpc") + b"\x5f\x03abc"
    assert grpc_status(before + literal("grpc-message", "grpc-status") + literal("grpc-status", "14")) == 14


def test_long_values_are_stepped_over() -> None:
    long = b"\x00\x03key" + b"\x7f\xc9\x01" + bytes(328)  # 127 + 73 + 1 * 128
    assert grpc_status(long + literal("grpc-status", "0")) == 0


def test_a_block_without_a_status() -> None:
    assert grpc_status(b"\x88" + literal("content-type", "application/grpc")) is None


@pytest.mark.parametrize("block", [literal("grpc-status", "99"), literal("grpc-status", "8")[:-1]])
def test_what_makes_no_sense_is_refused(block: bytes) -> None:
    with pytest.raises(ProtocolError):
        grpc_status(block)
