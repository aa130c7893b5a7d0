const lookMs = 500;

/**
 * Ends this process, at once and wherever it is, when the one that started it has ended: killed, or by a Ctrl-C that a group of our own keeps from us. An
 * exit would wait for the file operation that is under way. `starter` is the starter's process id; nothing is kept alive by looking.
 */
export function endWithStarter(starter: string): void {
  setInterval(() => {
    if (String(process.ppid) !== starter) process.kill(process.pid, "SIGKILL");
  }, lookMs).unref();
}
