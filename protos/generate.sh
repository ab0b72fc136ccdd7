#!/usr/bin/env bash
# Generates the Python messages, gRPC stubs and their types into protos/gen.
#   generate.sh PYTHON            PYTHON has requirements/protos.txt installed
#   generate.sh PYTHON --check    changes nothing; fails when protos/gen is stale
# inference/ becomes digitserve.inference: a package called `inference` would meet others of that name.
set -euo pipefail
cd "$(dirname "$0")"
python=$1
out=gen
if [ "${2:-}" = --check ]; then
  out=$(mktemp -d)
  trap 'rm -rf "$out"' EXIT
else
  find gen -name '*_pb2*' -delete
fi
PATH="$(dirname "$python"):$PATH" "$python" -W ignore -m grpc_tools.protoc -I. -Idigitserve/inference=inference \
  --python_out="$out" --grpc_python_out="$out" --mypy_out="quiet:$out" --mypy_grpc_out="quiet:$out" \
  $(find digitserve -name '*.proto' | sort) digitserve/inference/grpc_service.proto
if [ "$out" != gen ]; then
  diff -r --exclude=py.typed --exclude=__pycache__ "$out" gen >&2 ||
    { echo "protos/gen is stale: run 'make protos'" >&2; exit 1; }
fi
