import grpc
from digitserve_serving import errors
from digitserve_serving.status import TABLE, status_of
from error_tree import leaves


def test_every_error_stands_in_the_table() -> None:
    assert leaves(errors.ServingError) == set(TABLE)


def test_what_is_not_in_the_table_says_nothing_of_itself() -> None:
    status = status_of(KeyError("/etc/secret"), "id-1")
    assert status.code is grpc.StatusCode.INTERNAL
    assert "secret" not in status.message
    assert all(b"secret" not in value for _, value in status.trailing_metadata if isinstance(value, bytes))


def test_a_long_list_of_what_there_is_instead_is_cut() -> None:
    known = ", ".join(f"digits/{version}" for version in range(1000))
    assert len(status_of(errors.ModelNotFound("letters", "", known), "id-1").message) < 600
