#!/usr/bin/env bash
# Makes an environment: install.sh PYTHON FOLDER "LOCK..." "PACKAGE..."
# Third-party packages come from the locks, by hash; our own packages are linked to the source.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1 folder=$2 locks=$3 packages=$4

command -v "$python" >/dev/null || { echo "there is no '$python'; say 'make PYTHON=python3.12 ...'" >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  { echo "Python 3.11 or newer is wanted, '$python' is $("$python" -V); say 'make PYTHON=python3.12 ...'" >&2; exit 1; }
echo "setting up $folder: ${locks// /, } (requirements/*.txt) ..." >&2
rm -rf "$folder"
"$python" -m venv "$folder" ||
  { echo "'$python -m venv' failed: on Debian and Ubuntu, 'apt-get install python3-venv'" >&2; exit 1; }
pip=("$folder/bin/python" -m pip --quiet --disable-pip-version-check install)
"${pip[@]}" --require-hashes $(printf -- '-r requirements/%s.txt ' $locks)
[ -z "$packages" ] ||
  "${pip[@]}" --no-index --no-deps --no-build-isolation $(printf -- '-e ./%s ' $packages)
echo "ready: $folder, $(du -sh "$folder" | cut -f1)" >&2
