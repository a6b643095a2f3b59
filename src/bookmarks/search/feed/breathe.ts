/** Lets everything else that waits for the event loop run first. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
