/** Names that are remembered from the outside in; deeper folders are only counted. */
const MAX_NAMED_LEVELS = 32;
const MAX_NAME_LENGTH = 200;

/** Top folders that every browser has: where something lay, not what it is about. */
const SPECIAL_NAMES: ReadonlySet<string> = new Set([
  'bookmarks',
  'bookmarks bar',
  'bookmarks menu',
  'bookmarks toolbar',
  'favorites',
  'favorites bar',
  'favourites',
  'favourites bar',
  'imported',
  'links',
  'mobile bookmarks',
  'other bookmarks',
  'other favorites',
  'reading list',
  'unfiled bookmarks',
  'unsorted',
  'unsorted bookmarks',
]);

/** Whether a folder is one of the browser's own, so that its name is no tag. */
export function isSpecialFolder(name: string): boolean {
  return SPECIAL_NAMES.has(name.trim().toLowerCase().replace(/\s+/g, ' '));
}

/** The folders around the place that is being read, however deep and however badly closed. */
export class Folders {
  private readonly names: (string | null)[] = [];
  private depth = 0;
  private cachedPath: readonly string[] | null = null;

  /** `null` for a list without a heading, and for special folders. */
  enter(name: string | null): void {
    this.depth += 1;
    if (this.depth > MAX_NAMED_LEVELS) return;
    const isTop = this.names.every((outer) => outer === null);
    const kept = name === null || (isTop && isSpecialFolder(name)) ? null : name.slice(0, MAX_NAME_LENGTH);
    this.names.push(kept);
    this.cachedPath = null;
  }

  leave(): void {
    if (this.depth === 0) return;
    if (this.depth <= MAX_NAMED_LEVELS) this.names.pop();
    this.depth -= 1;
    this.cachedPath = null;
  }

  get path(): readonly string[] {
    this.cachedPath ??= this.names.filter((name) => name !== null);
    return this.cachedPath;
  }
}
