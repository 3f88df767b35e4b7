#!/usr/bin/env bash
# The command line, one command after the other, on the files of this folder.
#
#   examples/cli.sh                        with `quire` from the PATH, or target/release/quire
#   QUIRE=/path/to/quire examples/cli.sh
set -euo pipefail
cd "$(dirname "$0")"

quire="${QUIRE:-$(command -v quire || echo "${CARGO_TARGET_DIR:-../target}/release/quire")}"
QUIRE_DATA_DIR=$(mktemp -d)
export QUIRE_DATA_DIR
trap 'rm -rf "$QUIRE_DATA_DIR"' EXIT

show() {
    printf '\n$ quire %s\n' "$*"
    "$quire" "$@"
}

# What is in this file? Nothing is imported.
show inspect climate.xlsx --json

# The same file as something else, on standard output.
show convert employment.xlsx --to csv | head -n 5

# Import, then question. The sheets stay in the data folder until they are deleted.
show import birdstrikes.csv weather.csv
show call list_sheets
show call query '{"sql": "select \"Wildlife Species\" as species, count(*) as strikes, sum(\"Cost Total $\") as cost from birdstrikes group by all order by cost desc limit 5"}'

# Arguments from a file or from standard input, and a failure: text on stderr, and an exit code by kind.
echo '{"sheet": "birdstrike"}' | show call describe_sheet - || echo "exit code $?"

# What a model sees, and whether this installation is in order.
show tools --format openai | head -c 400
echo
show doctor
