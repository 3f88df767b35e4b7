# Sourced by the scripts of this folder: the tools they drive Quire with, installed at pinned versions in a cache folder that
# outlives a clone. A tool's folder is ready when it holds a copy of the list it was made from, so a run that was cut short is
# made up for.

cache="${XDG_CACHE_HOME:-$HOME/.cache}/quire-ci"
mkdir -p "$cache"

# built NAME: sets `quire` to the binary of that path, whole, or ends the script.
built() {
    quire="${1:-${CARGO_TARGET_DIR:-target}/release/quire}"
    [ -x "$quire" ] || { echo "$(basename "$0"): $quire is not there; run \`cargo build --release\` first" >&2; exit 1; }
    quire="$(cd "$(dirname "$quire")" && pwd)/$(basename "$quire")"
}

# python_tools NAME LIST: a virtual environment with the packages of a requirements file, at $cache/NAME.
python_tools() {
    local at="$cache/$1" list=$2
    cmp -s "$list" "$at/made-from" && return
    echo "installing $1" >&2
    rm -rf "$at"
    python3 -m venv "$at" >/dev/null 2>&1 || {
        rm -rf "$at"
        virtualenv --quiet "$at" || { echo "python3 has no \`venv\` module, and virtualenv is not installed" >&2; return 1; }
    }
    "$at/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$list"
    cp "$list" "$at/made-from"
}

# node_tools NAME LIST [FLAG]: the packages of a package.json, at $cache/NAME.
node_tools() {
    local at="$cache/$1" list=$2
    shift 2
    cmp -s "$list" "$at/made-from" && return
    echo "installing $(basename "$at")" >&2
    rm -rf "$at"
    mkdir -p "$at"
    cp "$list" "$at/package.json"
    npm install --prefix "$at" --silent --no-audit --no-fund --no-package-lock "$@"
    cp "$list" "$at/made-from"
}
