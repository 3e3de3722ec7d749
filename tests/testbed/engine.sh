# shellcheck shell=bash
# A Docker Engine: the one that answers, or one of our own that `engine_down` stops again.

OWN_PIDFILE="$RUN_DIR/docker.pid"

# 10 s: an engine that is slower than that to tell its version would fail the tests anyway.
engine_answers() { timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# Prints the pid of the daemon that we started, if it still runs. The pid alone proves
# nothing (it may have been given to another process), so the command line must name our folder.
own_engine_pid() {
  local pid
  pid=$(cat "$OWN_PIDFILE" 2>/dev/null) || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q -- "--pidfile $OWN_PIDFILE" || return 1
  echo "$pid"
}

engine_up() {
  if engine_answers; then
    say "using the engine that answers: $(docker version --format '{{.Server.Version}}')"
    return
  fi
  [[ -z ${DOCKER_HOST:-} ]] || die "DOCKER_HOST=$DOCKER_HOST is set, and no engine answers there"
  need dockerd docker.io
  need iptables iptables
  # Where services run, installing the package has started the machine's own engine.
  engine_answers || start_engine
}

start_engine() {
  is_debian_root || die "no engine answers, and starting one needs root on Debian"
  mkdir -p "$RUN_DIR" "$CACHE/engine"
  own_engine_pid >/dev/null || rm -f "$OWN_PIDFILE"
  # A session of its own: Ctrl-C in the terminal must not stop the engine under the tests.
  PATH=$(engine_path) setsid dockerd --data-root "$CACHE/engine" --exec-root "$RUN_DIR/exec" \
    --pidfile "$OWN_PIDFILE" --host unix:///var/run/docker.sock \
    >"$RUN_DIR/dockerd.log" 2>&1 </dev/null &
  wait_for_engine $!
  say "started engine $(docker version --format '{{.Server.Version}}'), its log is $RUN_DIR/dockerd.log"
}

# The PATH of the daemon: with our runc first where root may not raise resource limits.
engine_path() {
  if prlimit --memlock=unlimited true 2>/dev/null; then
    echo "$PATH"
  else
    say "this machine allows no higher resource limits: ulimits of containers are lowered to fit"
    echo "$HERE/runc_within_limits:$PATH"
  fi
}

wait_for_engine() {
  # 60 s; about 2 s is usual.
  for _ in $(seq 120); do
    engine_answers && return
    kill -0 "$1" 2>/dev/null || break
    sleep 0.5
  done
  tail -n 20 "$RUN_DIR/dockerd.log" >&2
  die "dockerd did not come up"
}

engine_down() {
  local pid
  if ! pid=$(own_engine_pid); then
    say "no engine of ours is running"
    return
  fi
  stop_process "$pid"
  stop_own_containerd
  unmount_below "$RUN_DIR"
  unmount_below "$CACHE/engine"
  rm -rf --one-file-system "$RUN_DIR" /var/run/docker.sock
  # The bridge would stay, with its address, and shadow that network.
  ! ip link show docker0 >/dev/null 2>&1 || ip link delete docker0
  say "stopped our engine; its images stay in $CACHE/engine"
}

# dockerd stops the containerd that it started; this is for a dockerd that was killed.
stop_own_containerd() {
  local pid
  pid=$(cat "$RUN_DIR/exec/containerd/containerd.pid" 2>/dev/null) || return 0
  ! tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q "$RUN_DIR" || stop_process "$pid"
}

# stop_process PID: asks, waits for 30 s (dockerd gives its containers 15), then kills.
stop_process() {
  kill "$1" 2>/dev/null || return 0
  for _ in $(seq 300); do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -9 "$1" 2>/dev/null || true
}
