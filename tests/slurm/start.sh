#!/usr/bin/env bash
# A real SLURM cluster of one node on this machine, for `make test-slurm`: munged, slurmctld
# and slurmd on the loopback interface, without systemd, cgroups or accounting. Needs root
# and the Debian package slurm-wlm (envs/debian.sh slurm). Everything it writes is below
# $MEMAT_SLURM_FOLDER and in /etc/slurm/slurm.conf; stop.sh ends and removes it.
# Exit status 77: this machine cannot hold it, for a reason that is not ours.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cannot() { # reason
  echo "no test cluster: $1" >&2
  exit "$NOT_HERE"
}

fail() { # what went wrong
  echo "the test cluster did not start: $1" >&2
  tail -n 20 "$STATE"/*.log >&2 || true
  exit 1
}

munge_answers() { munge -n </dev/null | unmunge; }
node_is_up() { sinfo -h -o %t | grep -qxE 'idle|mix|alloc'; }

own_it() { # daemon: wait for its pid file and remember which process it is
  local pid
  within 20 test -s "$STATE/$1.pid" || fail "$1 left no process id"
  pid=$(tr -dc 0-9 <"$STATE/$1.pid")
  echo "$pid $(start_time "$pid")" >"$STATE/$1.own"
}

write_config() {
  local memory host cpus=8
  host=$(hostname -s)
  # more cores than there are: a job that waits for its time limit must not hold up the others
  [ "$(nproc)" -lt $cpus ] || cpus=$(nproc)
  memory=$(awk '/^MemTotal/ {print int($2 * 0.9 / 1024)}' /proc/meminfo)
  cat >"$CONFIG_FOLDER/slurm.conf" <<CONF
$MARK
ClusterName=memat
SlurmctldHost=$host(127.0.0.1)
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=$STATE/state
SlurmdSpoolDir=$STATE/spool
SlurmctldPidFile=$STATE/slurmctld.pid
SlurmdPidFile=$STATE/slurmd.pid
SlurmctldLogFile=$STATE/slurmctld.log
SlurmdLogFile=$STATE/slurmd.log
# no cgroups in many containers: processes are found by their parents, memory is polled
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,UsePss
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobRequeue=0
ReturnToService=2
KillWait=2
# finished jobs stay visible to squeue for the whole test
MinJobAge=3600
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory Gres=gpu:1
PartitionName=main Nodes=$host Default=YES MaxTime=1440 State=UP
CONF
  # a device that everyone may open stands for a GPU: enough to see what jobs ask for
  echo "Name=gpu File=/dev/null" >"$CONFIG_FOLDER/gres.conf"
}

start_munge() {
  munge_answers >/dev/null 2>&1 && return # the machine's own
  local folder
  for folder in /run/munge /var/lib/munge /var/log/munge /etc/munge; do
    install -d -o munge -g munge -m 0711 "$folder"
  done
  if [ ! -s /etc/munge/munge.key ]; then
    (umask 077 && head -c 1024 /dev/urandom >/etc/munge/munge.key)
    chown munge:munge /etc/munge/munge.key
  fi
  install -d -o munge "$STATE/munge"
  setpriv --reuid=munge --regid=munge --clear-groups munged --force \
    --pid-file="$STATE/munge/munged.pid" >>"$STATE/munged.log" 2>&1 </dev/null || fail munged
  ln -sf munge/munged.pid "$STATE/munged.pid"
  own_it munged
  within 10 munge_answers || fail "munge does not answer"
}

start_daemon() { # slurmctld or slurmd
  own_pid "$1" >/dev/null && return
  rm -f "$STATE/$1.pid"
  "$1" >>"$STATE/$1.log" 2>&1 </dev/null || fail "$1"
  own_it "$1"
}

[ "$(id -u)" = 0 ] || cannot "it needs root"
for program in munged slurmctld slurmd sbatch srun; do
  command -v "$program" >/dev/null || cannot "$program is not installed (envs/debian.sh slurm)"
done
if [ -e "$CONFIG_FOLDER/slurm.conf" ] && ! own_config; then
  cannot "$CONFIG_FOLDER/slurm.conf belongs to another cluster"
fi

mkdir -p "$CONFIG_FOLDER" "$STATE/state" "$STATE/spool"
own_pid slurmctld >/dev/null || write_config
start_munge
start_daemon slurmctld
start_daemon slurmd
if ! within 30 node_is_up; then
  scontrol show node >&2 || true
  fail "the node is not idle"
fi
timeout 30 srun --mem=50 true || fail "srun does not run"
echo "test cluster: $(sinfo -h -o '%n, %c cores, %m MB, %G'), SLURM $(sinfo -V | cut -d' ' -f2)"
