#!/usr/bin/env bash
# Makes .venv/ from envs/requirements.lock; does nothing if .venv/ is up to date. `make env` and `make env PYTHON=...` run this.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.venv/.made-from-$(cat envs/requirements.lock pyproject.toml | sha256sum | cut -c1-16)
[ -e "$stamp" ] && exit 0
# Making the environment again would empty the folder behind the link, which may belong to another checkout.
[ -L .venv ] && { echo "make env: .venv is a link to an environment made from other files than these; remove the link (rm .venv), and it is made here" >&2; exit 1; }

python=
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
  if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || { echo "make env: ${PYTHON:+PYTHON=$PYTHON: }Python 3.11 or newer is needed; install it (Debian/Ubuntu: apt-get install python3 python3-venv)" >&2; exit 1; }

if ! "$python" -m venv --clear .venv 2>/dev/null; then
  # On Debian and Ubuntu venv is a package apart from Python.
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv
    "$python" -m venv --clear .venv
  else
    echo "make env: this Python has no venv; install it (Debian/Ubuntu: sudo apt-get install python3-venv) and try again" >&2
    exit 1
  fi
fi
echo "make env: $("$python" --version) ($(command -v "$python")), installing $(grep -c '==' envs/requirements.lock) pinned packages into .venv/ (some minutes)"
export PIP_DISABLE_PIP_VERSION_CHECK=1
.venv/bin/python -m pip install --quiet --use-pep517 --requirement envs/requirements.lock
.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
touch "$stamp"
