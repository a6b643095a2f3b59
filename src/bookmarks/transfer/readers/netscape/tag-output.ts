/** A tag longer than this is dropped whole and stands as {@link DROPPED_TAG} (chosen: eight times the longest URL). */
export const MAX_TAG_BYTES = 64 * 1024;
export const DROPPED_TAG = 'plimsoll-dropped-tag';

const MARK = Buffer.from(`<${DROPPED_TAG}>`);
const LF = 0x0a;

/** What a filter lets through of one piece of a file; of a tag that has not ended, what is known so far. */
export class TagOutput {
  private readonly out: Buffer;
  private length = 0;
  private tagStart = 0;
  private dropping = false;

  /** @param pieceBytes size of the largest piece between two calls of {@link flush} */
  constructor(pieceBytes: number) {
    this.out = Buffer.allocUnsafeSlow(pieceBytes + 2 * MAX_TAG_BYTES + MARK.length);
  }

  /** Text between tags. */
  putText(piece: Buffer, from: number, to: number): void {
    this.length += piece.copy(this.out, this.length, from, to);
  }

  beginTag(byte: number): void {
    this.tagStart = this.length;
    this.dropping = false;
    this.put(byte);
  }

  /** One byte of a tag. */
  put(byte: number): void {
    if (this.dropping) return;
    this.out[this.length] = byte;
    this.length += 1;
    this.limit();
  }

  /** Bytes of a tag. */
  putAll(piece: Buffer, from: number, to: number): void {
    if (this.dropping) return;
    this.length += piece.copy(this.out, this.length, from, to);
    this.limit();
  }

  endTag(byte: number): void {
    if (this.dropping) this.length += MARK.copy(this.out, this.length);
    else this.put(byte);
  }

  /** Bytes of the tag so far. */
  get tagLength(): number {
    return this.length - this.tagStart;
  }

  /** What began like a tag was a comment or a declaration: nothing of it passes but its line breaks. */
  forgetTag(piece: Buffer, from: number, to: number): void {
    this.length = this.tagStart;
    this.keepBreaks(piece, from, to);
    this.tagStart = this.length;
  }

  /** Of what is dropped the line breaks pass, so that lines can be counted behind it. */
  keepBreaks(piece: Buffer, from: number, to: number): void {
    for (let at = piece.indexOf(LF, from); at !== -1 && at < to; at = piece.indexOf(LF, at + 1)) this.put(LF);
  }

  /** @param isInTag whether a tag has begun that has not ended: it stays */
  flush(isInTag: boolean, pass: (bytes: Buffer) => void): void {
    const end = isInTag ? this.tagStart : this.length;
    if (end > 0) pass(this.out.subarray(0, end));
    this.out.copyWithin(0, end, this.length);
    this.length -= end;
    this.tagStart = 0;
  }

  private limit(): void {
    if (this.length - this.tagStart <= MAX_TAG_BYTES) return;
    this.length = this.tagStart;
    this.dropping = true;
  }
}
