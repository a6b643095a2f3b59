import { isAscii } from 'node:buffer';
import { StringDecoder } from 'node:string_decoder';
import { declaredEncoding, markBytes } from './charset.js';
import { looksLikeUtf8 } from './utf8-likeness.js';

/**
 * The 32 places in which windows-1252 differs from ISO 8859-1. A table of our own: the decoder of Node 20.20 and of
 * later lines returns C1 control characters here.
 */
const WINDOWS_1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

interface Decoder {
  write(bytes: Buffer): string;
  end(): string;
}

/**
 * Turns the bytes of a page into text, block by block. Without any declaration, and where UTF-8 is declared, the page
 * counts as undecided as long as it is ASCII; the first block with other bytes tells: UTF-8 when most of them are, else
 * what is declared besides, else windows-1252.
 */
export class PageDecoder {
  private decoder: Decoder | undefined;
  private started = false;
  private otherwise = 'windows-1252';
  private name = 'utf-8';

  /** @param contentType of the HTTP answer */
  constructor(private readonly contentType: string | undefined) {}

  /** The encoding as decided so far; `utf-8` for a page of ASCII. */
  get charset(): string {
    return this.name;
  }

  decode(block: Buffer): string {
    let bytes = block;
    if (!this.started) {
      this.started = true;
      const declared = declaredEncoding(block, this.contentType);
      if (declared?.otherwise !== undefined) this.otherwise = declared.otherwise;
      else if (declared !== undefined) this.decide(declared.encoding);
      bytes = block.subarray(markBytes(block));
    }
    if (this.decoder === undefined) {
      if (isAscii(bytes)) return bytes.toString('latin1');
      this.decide(looksLikeUtf8(bytes) ? 'utf-8' : this.otherwise);
    }
    return this.decoder?.write(bytes) ?? '';
  }

  /** What a sequence that the page's end cut off is worth. */
  end(): string {
    return this.decoder?.end() ?? '';
  }

  private decide(encoding: string): void {
    this.name = encoding;
    this.decoder = decoderOf(encoding);
  }
}

function decoderOf(encoding: string): Decoder {
  if (encoding === 'utf-8') return new StringDecoder('utf8');
  if (encoding === 'windows-1252') return { write: decodeWindows1252, end: () => '' };
  const decoder = new TextDecoder(encoding, { ignoreBOM: true });
  return { write: (bytes) => decoder.decode(bytes, { stream: true }), end: () => decoder.decode() };
}

function decodeWindows1252(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replace(/[\u0080-\u009f]/g, (character) => WINDOWS_1252[character.charCodeAt(0) - 0x80] ?? character);
}
