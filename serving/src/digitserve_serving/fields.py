"""Fields in protobuf's wire format: so arrays go into a message as they lie in memory.

A message is the fields it is made of, one after the other: https://protobuf.dev/programming-guides/encoding.
Making one from a list of Python floats takes several times as long as computing them.
"""

FIXED32, DELIMITED = 5, 2  # wire types


def tag(number: int, wire_type: int) -> bytes:
    """What stands before the value of field `number`."""
    return varint(number << 3 | wire_type)


def delimited(number: int, content: bytes) -> bytes:
    """Field `number`: bytes, a message, or packed floats. Nothing when empty, as proto3 has it."""
    return tag(number, DELIMITED) + varint(len(content)) + content if content else b""


def varint(value: int) -> bytes:
    """An integer of 0 or more, seven bits to a byte."""
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])
