import { describe, expect, it } from '@jest/globals';
import { joinNotes, takeNotes } from './linkding-notes.js';

describe('notes behind a description', () => {
  it.each<[string, string | null]>([
    ['', null],
    ['description', null],
    ['', 'note'],
    ['description', 'a note\nof two lines'],
  ])('come apart again: %j, %j', (description, note) => {
    expect(takeNotes(joinNotes(description, note))).toEqual({ description, note: note ?? undefined });
  });

  it('are not torn by marks in the text, which get a space', () => {
    expect(takeNotes(joinNotes('a [linkding-notes] b', 'c [/linkding-notes] d'))).toEqual({
      description: 'a [ linkding-notes] b',
      note: 'c [/ linkding-notes] d',
    });
  });

  it('end with the text when their end is missing', () => {
    expect(takeNotes('a[linkding-notes]b')).toEqual({ description: 'a', note: 'b' });
  });
});
