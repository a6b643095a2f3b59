/** Gathers the text of one element until it closes, or until there is too much of it. */
export class TextCapture {
  private depth = 1;
  private text = '';
  private inner: string | undefined;

  constructor(
    readonly tag: string,
    private readonly maxChars: number,
    private readonly onDone: (text: string) => void,
  ) {}

  opened(tag: string): void {
    if (tag === this.tag) this.depth += 1;
  }

  /** @returns whether the element is closed */
  closed(tag: string): boolean {
    if (tag !== this.tag) return false;
    this.depth -= 1;
    return this.depth === 0;
  }

  /** @returns whether there is room for more */
  add(text: string): boolean {
    this.text += text.length > this.maxChars ? text.slice(0, this.maxChars) : text;
    return this.text.length < this.maxChars;
  }

  /** A value inside the element that says better what it is (microdata's `name`). */
  name(value: string): void {
    this.inner ??= value;
  }

  done(): void {
    this.onDone(this.inner ?? this.text);
  }
}
