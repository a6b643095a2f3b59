const BEGIN = '[linkding-notes]';
const END = '[/linkding-notes]';

/** linkding, and our own export, write notes behind the description of a DD, between two marks. */
export function takeNotes(text: string): { description: string; note: string | undefined } {
  const begin = text.indexOf(BEGIN);
  if (begin === -1) return { description: text, note: undefined };
  const end = text.indexOf(END, begin);
  const note = text.slice(begin + BEGIN.length, end === -1 ? undefined : end);
  const rest = end === -1 ? '' : text.slice(end + END.length);
  return { description: `${text.slice(0, begin)}${rest}`, note };
}

/** The other way round; marks inside either are broken by a space, so that nothing of them is taken for the other. */
export function joinNotes(description: string, note: string | null): string {
  const before = description.replaceAll(BEGIN, '[ linkding-notes]');
  return note === null ? before : `${before}${BEGIN}${note.replaceAll(END, '[/ linkding-notes]')}${END}`;
}
