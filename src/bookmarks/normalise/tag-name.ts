/** Two names with the same key are one tag: NFKC, lower case, runs of white space as one space. */
export function tagKey(name: string): string {
  return name.normalize('NFKC').toLowerCase().trim().replace(/\s+/g, ' ');
}

/** Names trimmed, empty ones dropped, of each key the first as it was written; in their order. */
export function distinctTags(names: readonly string[]): string[] {
  const byKey = new Map<string, string>();
  for (const name of names) {
    const key = tagKey(name);
    if (key !== '' && !byKey.has(key)) byKey.set(key, name.trim().replace(/\s+/g, ' '));
  }
  return [...byKey.values()];
}
