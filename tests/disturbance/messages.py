"""Messages for each method of the server, of which hypothesis thinks: right, hostile, and none at all."""

from collections.abc import Callable
from typing import Any

from digitserve.inference import grpc_service_pb2 as oip_pb2
from digitserve.v1 import digit_service_pb2 as digits_pb2
from digitserve.v1 import model_service_pb2 as models_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]
Damage = Callable[[bytes, int, bytes], bytes]

PIXELS = bytes(784)
TENSOR = {"name": "images", "datatype": "UINT8", "shape": [1, 28, 28]}
RIGHT: dict[str, Any] = {  # fields of a request, by name
    "name": "digits",
    "model": {"name": "digits"},
    "pixels": PIXELS,
    "model_name": "digits",
    "inputs": [TENSOR],
    "outputs": [{"name": "probabilities"}],
    "raw_input_contents": [PIXELS],
}
IN_NUMBERS = RIGHT | {
    "inputs": [TENSOR | {"contents": {"uint_contents": [*PIXELS]}}],
    "raw_input_contents": [],
}
DEEPER = b"\x0b" * 5_000  # the beginnings of groups within groups
ENDLESS = b"\x0a\xff\xff\xff\xff\x07"  # a field that says it has 2 GB
OVERLONG = b"\xff" * 11  # more than a number may have
HEAD_BYTES = 40  # half of the damage is done here, where tags and lengths are
PARAMETERS = ("binary_data", "classification", "sequence_id", "shared_memory_region")
WORDS = ("", "1", "2", "stable", "digits", "images", "FP32", "BYTES", "../digits", "%s\0", "é" * 3_000)
SIZES = (0, 1, 783, 784, 785, 784 * 2, 784 * 4)  # of pixels and other bytes


def methods() -> list[MethodDescriptor]:
    """All methods of the three services."""
    files = ((digits_pb2, "DigitService"), (models_pb2, "ModelService"), (oip_pb2, "GRPCInferenceService"))
    return [method for file, name in files for method in file.DESCRIPTOR.services_by_name[name].methods]


def messages(kind: Descriptor) -> Strategy:
    """Bytes for a method that takes messages of this kind."""
    whole = st.one_of([_nearly(kind, fields) for fields in (RIGHT, IN_NUMBERS)]).map(
        lambda message: message.SerializeToString()
    )
    damaged = st.builds(_damaged, whole, _DAMAGE)
    return st.one_of(_NO_MESSAGE, whole, whole, damaged, damaged)  # the first is the simplest


def _nearly(kind: Descriptor, fields: dict[str, Any]) -> Strategy:
    """Messages that are right, but for one or two fields."""
    message = GetMessageClass(kind)
    right = {name: fields[name] for name in fields if name in kind.fields_by_name}
    edits = [st.tuples(st.just(field.name), _any(field, right.get(field.name))) for field in kind.fields]
    edited = st.lists(st.one_of(edits), min_size=1, max_size=2) if edits else st.just([])
    return edited.map(lambda edits: message(**(right | dict(edits))))


def _any(field: FieldDescriptor, right: Any) -> Strategy:
    """Whatever the field can hold; None leaves it out."""
    kind = field.message_type
    if kind and kind.GetOptions().map_entry:
        value: Any = kind.fields_by_name["value"].message_type
        return st.dictionaries(
            st.sampled_from(PARAMETERS) | st.text(max_size=9), _nearly(value, {}), max_size=2
        )
    if not field.is_repeated:
        return st.none() | (_nearly(kind, right or {}) if kind else _SCALARS[field.type])
    one = _nearly(kind, right[0] if right else {}) if kind else _SCALARS[field.type]
    others = st.lists(one, max_size=4)
    if not right:
        return others
    in_place = st.builds(_replaced, st.just(right), st.integers(0, len(right) - 1), one)
    return st.one_of(others, in_place, in_place)


def _replaced(right: list[Any], at: int, other: Any) -> list[Any]:
    return [*right[:at], other, *right[at + 1 :]]


def _damaged(whole: bytes, damage: list[tuple[Damage, int, bytes]]) -> bytes:
    for harm, at, piece in damage:
        whole = harm(whole, at % (len(whole) + 1), piece)
    return whole


def _cut(whole: bytes, at: int, _: bytes) -> bytes:
    return whole[:at]


def _repeated(whole: bytes, at: int, _: bytes) -> bytes:
    return whole[:at] + whole


def _with_more(whole: bytes, at: int, piece: bytes) -> bytes:
    return whole[:at] + piece + whole[at:]


def _flipped(whole: bytes, at: int, piece: bytes) -> bytes:
    """The bits that the piece has: another number or wire type of a field, another length."""
    damaged = bytes(a ^ b for a, b in zip(whole[at:], piece, strict=False))
    return whole[:at] + damaged + whole[at + len(damaged) :]


def _integers(low: int, high: int) -> Strategy:
    return st.sampled_from([n for n in (1, 28, 0, -1, low, high) if n >= low]) | st.integers(low, high)


_SCALARS: dict[int, Strategy] = {
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_BYTES: st.sampled_from(SIZES).map(bytes) | st.binary(max_size=20),
    FieldDescriptor.TYPE_DOUBLE: st.floats(),
    FieldDescriptor.TYPE_FLOAT: st.floats(),
    FieldDescriptor.TYPE_INT32: _integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: _integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_STRING: st.sampled_from(WORDS) | st.text(max_size=20),
    FieldDescriptor.TYPE_UINT32: _integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: _integers(0, 2**64 - 1),
}
_DAMAGE = st.lists(
    st.tuples(
        st.sampled_from((_cut, _repeated, _with_more, _flipped)),
        st.integers(0, HEAD_BYTES) | st.integers(0, 2 * len(PIXELS)),
        st.binary(min_size=1, max_size=8) | st.sampled_from((ENDLESS, OVERLONG, DEEPER)),
    ),
    min_size=1,
    max_size=2,
)
_NO_MESSAGE = st.binary(max_size=100) | st.binary(min_size=100, max_size=500)
