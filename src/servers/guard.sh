#!/bin/sh
# Becomes a command, and leaves a watcher behind that ends it when whoever started it is gone.
#   guard.sh SIGNAL GRACE COMMAND [ARGUMENT…]    with a pipe on descriptor 3; GRACE in tenths of a second
#
# Only the starter holds the other end of the pipe, so whatever ends the starter ends the read. $$ is this shell's pid
# in every subshell, and exec hands that pid to the command. The watcher stays in the process group that the command
# leads, which keeps the kernel from giving the pid to anybody else while the watcher may still send it a signal. It is
# started twice removed, because Postgres takes every child that ends for one of its own, and without the command's
# output, so that a reader of that output sees its end.
signal=$1 grace=$2
shift 2

alive() {
  kill -0 $$ || return 1
  # A dead process whose new parent is slow to notice can still be signalled.
  [ ! -r /proc/$$/stat ] || case $(cat /proc/$$/stat) in *") Z "*) return 1 ;; esac
}

watch() {
  read -r _
  kill -"$signal" $$ || return
  # A paused process takes no other signal until it goes on.
  kill -CONT $$
  while [ "$grace" -gt 0 ] && alive; do
    sleep 0.1
    grace=$((grace - 1))
  done
  ! alive || kill -KILL $$
}

(watch <&3 3<&- >/dev/null 2>&1 &)
exec "$@" 3<&-
