#!/usr/bin/env bash
# Compiles every lock of this folder from the dependencies the packages declare.
#   lock.sh             keep the versions already locked, add what is missing
#   lock.sh --upgrade   take the newest of everything
#   lock.sh --check     change nothing; fail when a lock is not what its declarations give
# dev.txt is resolved first, over everything; the others are cut from it, so that no two
# environments ever hold different versions of one package (the proto generator and the other servers'
# clients apart, which are older).
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-uv}
locks=requirements
mode=${1:-}
if [ "$mode" = --check ]; then
  locks=$(mktemp -d)
  trap 'rm -rf "$locks"' EXIT
  cp requirements/*.txt "$locks/"
fi

lock() { # NAME SOURCE...
  local name=$1; shift
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
    --system-certs --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-package digitserve-protos --no-emit-package digitserve-client \
    $([ "$mode" = --upgrade ] && echo --upgrade) -o "$locks/$name.txt" "$@"
}

for alone in protos tritonclient kserve; do
  lock $alone requirements/$alone.in
done
lock dev requirements/dev.in {protos,serving,clients/python,clients/web,training}/pyproject.toml --all-extras
within=(-c "$locks/dev.txt")
lock build requirements/build.in "${within[@]}"
lock serving serving/pyproject.toml --all-extras "${within[@]}"
lock client clients/python/pyproject.toml --all-extras "${within[@]}"
lock web clients/web/pyproject.toml "${within[@]}"
lock training training/pyproject.toml "${within[@]}"

if [ "$mode" = --check ]; then
  diff -r --exclude='*.in' --exclude='*.sh' requirements "$locks" >&2 ||
    { echo "locks are out of step with the declared dependencies: run 'make locks'" >&2; exit 1; }
fi
