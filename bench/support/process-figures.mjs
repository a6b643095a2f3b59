import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Linux counts CPU time in ticks of 10 ms (`getconf CLK_TCK`, 100 on every common build). */
const TICK_MS = 10;

const kib = (status, name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;

/** Memory of a process in bytes; `null` when it is gone. `highWaterBytes` is what the kernel saw at most. */
export function memoryOf(pid) {
  let status;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return null;
  }
  const rssBytes = kib(status, 'VmRSS');
  // a process that is just dying has no memory left to speak of
  if (rssBytes === 0) return null;
  return {
    rssBytes,
    anonymousBytes: kib(status, 'RssAnon'),
    fileBytes: kib(status, 'RssFile'),
    highWaterBytes: kib(status, 'VmHWM'),
  };
}

/** CPU time of a process so far (user and system, all threads), ms. */
export function cpuMsOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

export function openFilesOf(pid) {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Children of a process, one level; those of image work are children of the server itself. */
export function childrenOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
}

/** Lets the kernel's high-water mark start again from now. `false` where that is not allowed. */
export function resetHighWater(pid) {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return true;
  } catch {
    return false;
  }
}
