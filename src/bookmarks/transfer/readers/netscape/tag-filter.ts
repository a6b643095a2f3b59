import { IconName } from './icon-name.js';
import { TagOutput } from './tag-output.js';

const PIECE_BYTES = 64 * 1024;
const LT = 0x3c;
const GT = 0x3e;
const EQUALS = 0x3d;
const SLASH = 0x2f;
const BANG = 0x21;
const QUESTION = 0x3f;
const DASH = 0x2d;
const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;

type State =
  | 'text'
  | 'opened'
  | 'tag-name'
  | 'between'
  | 'name'
  | 'after-name'
  | 'before-value'
  | 'quoted'
  | 'unquoted'
  | 'bang'
  | 'comment'
  | 'markup';

const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13 && byte !== 11);

/**
 * Takes the weight out of a bookmark file before it is decoded: values of ICON and ICON_URI, which are nine tenths of
 * such files, comments and declarations, and tags over `MAX_TAG_BYTES`. htmlparser2 gathers an attribute until it
 * ends; behind this filter nothing can grow. Works on any encoding in which ASCII bytes mean ASCII, in constant memory.
 */
export class TagFilter {
  private state: State = 'text';
  private readonly out = new TagOutput(PIECE_BYTES);
  private quote = DOUBLE_QUOTE;
  private readonly name = new IconName();
  private dashes = 0;

  /** Hands what passes to `pass`, valid during that call only. */
  write(chunk: Buffer, pass: (bytes: Buffer) => void): void {
    for (let from = 0; from < chunk.length; from += PIECE_BYTES) {
      this.scan(chunk.subarray(from, from + PIECE_BYTES));
      this.out.flush(this.state !== 'text', pass);
    }
  }

  /** `true` when the end of the file lies inside a tag or a comment, of which nothing was passed. */
  get endsInsideTag(): boolean {
    return this.state !== 'text';
  }

  private scan(piece: Buffer): void {
    let at = 0;
    while (at < piece.length) {
      switch (this.state) {
        case 'text':
          at = this.scanText(piece, at);
          break;
        case 'quoted':
          at = this.scanQuoted(piece, at);
          break;
        case 'comment':
          at = this.scanComment(piece, at);
          break;
        case 'markup':
          at = this.scanMarkup(piece, at);
          break;
        default:
          at = this.scanTag(piece, at);
      }
    }
  }

  private scanText(piece: Buffer, from: number): number {
    const found = piece.indexOf(LT, from);
    const end = found === -1 ? piece.length : found;
    this.out.putText(piece, from, end);
    if (found === -1) return end;
    this.state = 'opened';
    this.out.beginTag(LT);
    return end + 1;
  }

  /** Byte by byte: everything in a tag but quoted values. */
  private scanTag(piece: Buffer, from: number): number {
    let at = from;
    while (at < piece.length) {
      const byte = piece[at] as number;
      switch (this.state) {
        case 'opened':
          if (byte === BANG || byte === QUESTION) {
            this.state = byte === BANG ? 'bang' : 'markup';
            this.dashes = 0;
          } else if (byte === SLASH || isLetter(byte)) this.state = 'tag-name';
          else {
            this.state = 'text';
            return at;
          }
          break;
        case 'bang':
          if (byte === DASH && this.dashes === 0) this.dashes = 1;
          else if (byte === DASH) {
            this.state = 'comment';
            // of `<!-->` and `<!--->` the opening dashes are the closing ones
            this.dashes = 2;
            return at + 1;
          } else {
            this.state = 'markup';
            return at;
          }
          break;
        case 'tag-name':
          if (byte === GT) return this.endTag(at);
          if (isSpace(byte) || (byte === SLASH && this.out.tagLength > 1)) this.state = 'between';
          break;
        case 'between':
        case 'after-name':
          if (byte === GT) return this.endTag(at);
          if (byte === EQUALS && this.state === 'after-name') this.state = 'before-value';
          else if (byte === SLASH) this.state = 'between';
          else if (!isSpace(byte)) {
            this.state = 'name';
            this.name.start(byte);
          }
          break;
        case 'name':
          if (byte === GT) return this.endTag(at);
          if (byte === EQUALS) this.state = 'before-value';
          else if (isSpace(byte)) this.state = 'after-name';
          else if (byte === SLASH) this.state = 'between';
          else this.name.add(byte);
          break;
        case 'before-value':
          if (byte === GT) return this.endTag(at);
          if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) {
            this.state = 'quoted';
            this.quote = byte;
            this.out.put(byte);
            return at + 1;
          }
          if (!isSpace(byte)) {
            this.state = 'unquoted';
            if (this.name.isIcon) this.putEmptyValue();
            continue;
          }
          break;
        case 'unquoted':
          if (byte === GT) return this.endTag(at);
          if (isSpace(byte)) this.state = 'between';
          else if (this.name.isIcon) {
            at += 1;
            continue;
          }
          break;
        default:
          return at;
      }
      this.out.put(byte);
      at += 1;
    }
    return at;
  }

  private scanQuoted(piece: Buffer, from: number): number {
    const found = piece.indexOf(this.quote, from);
    const end = found === -1 ? piece.length : found;
    if (this.name.isIcon) this.out.keepBreaks(piece, from, end);
    else this.out.putAll(piece, from, end);
    if (found === -1) return end;
    this.out.put(this.quote);
    this.state = 'between';
    return end + 1;
  }

  private scanComment(piece: Buffer, from: number): number {
    const end = this.findCommentEnd(piece, from);
    this.out.forgetTag(piece, from, end);
    return end;
  }

  private findCommentEnd(piece: Buffer, from: number): number {
    for (let at = from; at < piece.length; at++) {
      const byte = piece[at];
      if (byte === GT && this.dashes >= 2) {
        this.state = 'text';
        return at + 1;
      }
      if (byte === DASH) this.dashes += 1;
      else {
        this.dashes = 0;
        // nothing but a dash begins the end
        const next = piece.indexOf(DASH, at);
        if (next === -1) return piece.length;
        at = next - 1;
      }
    }
    return piece.length;
  }

  private scanMarkup(piece: Buffer, from: number): number {
    const found = piece.indexOf(GT, from);
    const end = found === -1 ? piece.length : found + 1;
    if (found !== -1) this.state = 'text';
    this.out.forgetTag(piece, from, end);
    return end;
  }

  private endTag(at: number): number {
    this.out.endTag(GT);
    this.state = 'text';
    return at + 1;
  }

  /** Without it the next attribute would be read as the value. */
  private putEmptyValue(): void {
    this.out.put(DOUBLE_QUOTE);
    this.out.put(DOUBLE_QUOTE);
  }
}

function isLetter(byte: number): boolean {
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}
