/** The process that a claim belongs to. */
export interface ClaimOwner {
  readonly host: string;
  readonly pid: number;
  /** Tells starts apart: in a container every start has the same host and pid. */
  readonly start: string;
}

/** A claim of its own for each run: `host/pid/start/number`. Its text in `lease_owner` is the fence. */
export function claimName({ host, pid, start }: ClaimOwner, number: number): string {
  return `${encodeURIComponent(host)}/${pid}/${start}/${number}`;
}

/**
 * Whether the process behind a claim is gone for certain, on a database that one process of one machine owns: it is
 * an earlier start of our own, it ran under another host name, or its pid is free.
 *
 * @param isAlive whether a process with this pid runs on this machine
 */
export function isOrphan(claim: string, own: ClaimOwner, isAlive: (pid: number) => boolean): boolean {
  const [host, pidText, start] = claim.split('/');
  if (host === encodeURIComponent(own.host) && start === own.start) return false;
  const pid = Number(pidText);
  if (host !== encodeURIComponent(own.host) || pid === own.pid) return true;
  return !Number.isSafeInteger(pid) || pid <= 0 || !isAlive(pid);
}
