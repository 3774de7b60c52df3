#!/bin/bash
# Are the models of a --model_config_file there? The official image has bash but neither curl nor
# Python nor grpc_health_probe, so this uses bash alone: its /dev/tcp speaks enough HTTP to ask the
# status route of the REST port. That says more than an open port or gRPC health: a server whose
# last version was removed still answers both.
#
#   models.sh published CONFIG [FILE] every base_path holds a version with this file, by default
#                                     saved_model.pb (image build)
#   models.sh available CONFIG PORT   every model has an AVAILABLE version (health check)
#
# Exit 0: all are. 1: some are not, each named on stderr. 2: wrong arguments or unusable CONFIG.
set -u

# For all models together: below the timeout of every probe that runs this, so that a server which
# listens and is silent is reported as that and not cut off without a word.
readonly DEADLINE_S=4

fail() {
  echo "$1" >&2
  exit 2
}

# Print the values of a string field of CONFIG, one a line: read_field FIELD.
read_field() {
  local text pattern="(^|[[:space:]{,;])$1[[:space:]]*:[[:space:]]*[\"']([^\"']+)[\"']"
  text=$(<"$config") || exit 2
  local line rest=""
  while IFS= read -r line; do
    rest+="${line%%#*} " # comments
  done <<<"$text"
  while [[ $rest =~ $pattern ]]; do
    echo "${BASH_REMATCH[2]}"
    rest=${rest#*"${BASH_REMATCH[0]}"}
  done
}

# Print the REST answer to GET /v1/models/NAME: ask NAME. Fails when nobody listens.
ask() {
  local answer="" left=$((DEADLINE_S - SECONDS))
  # The braces carry bash's own "connection refused" to /dev/null.
  { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || return 1
  printf 'GET /v1/models/%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1" >&3
  # Up to the end of the stream; read fails there, with the answer in its variable. It would take 0
  # for a question whether there is something to read.
  ((left <= 0)) || IFS= read -r -d '' -t "$left" -u 3 answer
  exec 3>&-
  printf '%s' "$answer"
}

published() {
  local path missing=0 found paths
  mapfile -t paths < <(read_field base_path)
  for path in "${paths[@]}"; do
    found=("$path"/[0-9]*/"$file")
    if [[ ! -f ${found[0]} ]]; then
      echo "$path holds no version with a $file: export the model or leave it out of $config" >&2
      missing=1
    fi
  done
  return "$missing"
}

available() {
  local name answer missing=0
  for name in "${names[@]}"; do
    if ! answer=$(ask "$name"); then
      echo "nobody listens on the REST port $port" >&2
      return 1
    fi
    if [[ -z $answer ]]; then
      echo "the REST port $port is open and does not answer" >&2
      return 1
    fi
    # One AVAILABLE version is enough: a newer one that fails to load must not end the server that
    # still serves the older.
    if [[ ! $answer =~ ^HTTP/1\.[01]\ 200 || ! $answer =~ \"state\":\ *\"AVAILABLE\" ]]; then
      echo "$name has no AVAILABLE version" >&2
      missing=1
    fi
  done
  return "$missing"
}

usage="usage: models.sh published CONFIG [FILE] | available CONFIG PORT"
[[ $# -ge 2 ]] || fail "$usage"
config=$2
[[ -r $config ]] || fail "$config cannot be read"
mapfile -t names < <(read_field name)
((${#names[@]} > 0)) || fail "$config names no model"
case "$1/$#" in
  published/2 | published/3)
    file=${3:-saved_model.pb}
    published
    ;;
  available/3)
    port=$3
    available
    ;;
  *) fail "$usage" ;;
esac
