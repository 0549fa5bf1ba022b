#!/usr/bin/env bash
# Debian packages that pip cannot bring, installed where apt can be used:
#   debian.sh venv python3.11   the interpreter and its venv module
#   debian.sh apertium [pair]   a translator: eng-cat, the demo's, or another pair
#   debian.sh slurm             a SLURM cluster of one node, for make test-slurm
#   debian.sh chromium          a browser, for make test-browser
set -euo pipefail

install_or_explain() { # package, what to do without it
  local root=""
  if [ "$(id -u)" != 0 ]; then
    root="sudo -n"
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then root=none; fi
  fi
  if [ "$root" != none ] && command -v apt-get >/dev/null; then
    echo "installing $1 with apt" >&2
    if $root apt-get update -q >/dev/null &&
      DEBIAN_FRONTEND=noninteractive $root apt-get install -y -q --no-install-recommends "$1" >/dev/null; then
      return
    fi
  fi
  echo "$1 is missing and could not be installed. $2" >&2
  exit 1
}

# a package may hold a pair under another name: apertium-eng-glg has en-gl
install_pair() { # pair, what to do without it
  install_or_explain "apertium-$1" "$2"
  apertium -l | grep -qw -- "$1" || {
    echo "apertium-$1 is installed and has no pair $1. Name one of these in translate.apertium.pair," \
      "or for one language in translate.by_language.<code>.apertium.pair: $(apertium -l | xargs)" >&2
    exit 1
  }
}

case "$1" in
venv)
  "$2" -c "import ensurepip, venv" 2>/dev/null ||
    install_or_explain "$2-venv" "Install it, or name another interpreter (3.11 or newer): make PYTHON=python3 …"
  ;;
apertium)
  pair=${2:-eng-cat}
  { command -v apertium && apertium -l | grep -w -- "$pair"; } >/dev/null 2>&1 ||
    install_pair "$pair" "Ask an administrator for it, or set translate.engine in your config to another engine: ctranslate2 or transformers (a translation model), or table (a CSV of given translations)."
  ;;
slurm)
  { PATH=$PATH:/usr/sbin:/sbin command -v munged slurmctld slurmd sbatch | wc -l | grep -qx 4; } ||
    install_or_explain slurm-wlm "Its tests need root and a Debian or Ubuntu where apt can be used."
  ;;
chromium)
  command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null ||
    install_or_explain chromium "Its tests need a Chromium or Chrome."
  ;;
*)
  echo "usage: debian.sh venv <python> | apertium [pair] | slurm | chromium" >&2
  exit 2
  ;;
esac
