#!/usr/bin/env bash
# End the cluster of start.sh: its jobs, the daemons it began (no others), its files.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

no_jobs() { [ -z "$(squeue -h)" ]; }

end() { # daemon
  local pid
  pid=$(own_pid "$1") || return 0
  kill "$pid"
  within 15 not_own "$1" && return
  echo "$1 ($pid) does not end, killed" >&2
  kill -KILL "$pid"
  within 5 not_own "$1"
}

not_own() { ! own_pid "$1"; }

left=0
if own_config && own_pid slurmctld >/dev/null; then
  timeout 20 scancel --user=root
  within 20 no_jobs || echo "jobs are still running" >&2
fi
for daemon in slurmd slurmctld munged; do
  end "$daemon" || left=1
done
[ "$left" = 0 ] || exit 1
# a configuration without its controller makes every start of Snakemake wait for it
if own_config; then
  rm -f "$CONFIG_FOLDER/slurm.conf" "$CONFIG_FOLDER/gres.conf"
  rmdir --ignore-fail-on-non-empty "$CONFIG_FOLDER"
fi
rm -rf "$STATE"
