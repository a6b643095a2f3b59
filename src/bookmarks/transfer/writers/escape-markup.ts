const NAMES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Characters that XML 1.0 forbids, written in any way; HTML has no use for them either. */
const FORBIDDEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Text for HTML and XML, as content and inside quoted attributes. Titles and tags are whatever somebody typed. */
export function escapeMarkup(text: string): string {
  return text.replace(FORBIDDEN, '').replace(/[&<>"']/g, (character) => NAMES[character] ?? '');
}

/** Whether an address is one that a click may follow: nothing but http and https leaves in a file. */
export const isSafeUrl = (url: string): boolean => /^https?:\/\//i.test(url);
