/** Stops processes where they stand: their sockets stay open and nothing answers. */
export function freezeProcesses(pids: Iterable<number>): void {
  signalAll(pids, "SIGSTOP");
}

export function thawProcesses(pids: Iterable<number>): void {
  signalAll(pids, "SIGCONT");
}

function signalAll(pids: Iterable<number>, signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      // One that ended in the meantime needs no signal any more.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}
