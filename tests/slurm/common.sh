# Shared by start.sh and stop.sh: where the cluster lives, and which processes are its own.

STATE=${MEMAT_SLURM_FOLDER:-/var/tmp/memat-slurm}
CONFIG_FOLDER=/etc/slurm
MARK="# one-node cluster of tests/slurm/start.sh"
NOT_HERE=77 # no fault of the project: this machine cannot hold the cluster
export PATH=$PATH:/usr/sbin:/sbin

# a process id alone may have been given to another process since
start_time() { # pid
  local line
  line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  set -- ${line##*) } # the name, in parentheses, may hold spaces
  echo "${20}"
}

own_pid() { # daemon: prints its process id while it is the one that start.sh began
  local pid began
  read -r pid began 2>/dev/null <"$STATE/$1.own" || return 1
  [ "$(start_time "$pid")" = "$began" ] || return 1
  echo "$pid"
}

within() { # seconds, command…: until it succeeds
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.2
  done
}

own_config() { head -n 1 "$CONFIG_FOLDER/slurm.conf" 2>/dev/null | grep -qxF "$MARK"; }
