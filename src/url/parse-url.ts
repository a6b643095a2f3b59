/**
 * A URL, or `undefined` when the text is none. Not `URL.canParse`: in Node 20 and 22, once V8 has optimised the call
 * (after some 4000), it answers false for every text with a letter from U+0080 to U+00FF ("bücher.example").
 */
export function parseUrl(text: string, base?: string | URL): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}
