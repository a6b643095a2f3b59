import { describe, expect, it } from '@jest/globals';
import { MAX_OEMBED_BYTES, parseOembed } from './oembed.js';

const PAGE = 'https://reels.example/watch?v=1';

describe('parseOembed', () => {
  it('takes title, author, provider and thumbnail', () => {
    const answer = {
      ...{ version: '1.0', type: 'video', title: 'Docking &amp; undocking\n', author_name: 'Skipper  Jo' },
      ...{
        provider_name: 'Reels',
        thumbnail_url: '//i.reels.example/1.jpg',
        thumbnail_width: 480,
        thumbnail_height: '360',
      },
      html: '<iframe src="x"></iframe>',
    };

    for (const json of [answer, JSON.stringify(answer), Buffer.from(`\ufeff${JSON.stringify(answer)}`)]) {
      expect(parseOembed(json, PAGE)).toEqual({
        title: 'Docking & undocking',
        author: 'Skipper Jo',
        provider: 'Reels',
        thumbnail: { url: 'https://i.reels.example/1.jpg', width: 480, height: 360 },
      });
    }
  });

  it('takes the photo of a photo', () => {
    expect(
      parseOembed({ type: 'photo', url: 'https://p.example/a.jpg', width: 10, height: 20 }, PAGE),
    ).toEqual({
      thumbnail: { url: 'https://p.example/a.jpg', width: 10, height: 20 },
    });
  });

  it.each([
    [
      'wrong types',
      { title: 7, author_name: null, provider_name: ['x'], thumbnail_url: {}, thumbnail_width: '9' },
    ],
    ['placeholders', { title: 'Untitled', author_name: 'admin', provider_name: '' }],
    ['unsafe addresses', { thumbnail_url: 'javascript:alert(1)' }],
    ['members of the prototype', JSON.parse('{"__proto__": {"title": "x"}}') as unknown],
    ['nothing', {}],
  ])('leaves out %s', (_name, answer) => {
    expect(parseOembed(answer, PAGE)).toEqual({});
  });

  it('caps texts and sizes', () => {
    const facts = parseOembed(
      {
        title: 'x'.repeat(90_000),
        thumbnail_url: 'https://p.example/a',
        thumbnail_width: 1e9,
        thumbnail_height: -4,
      },
      PAGE,
    );

    expect(facts?.title).toHaveLength(1_000);
    expect(facts?.thumbnail).toEqual({ url: 'https://p.example/a' });
  });

  it.each([
    ['no JSON', '<oembed/>'],
    ['a list', '[]'],
    ['a text', '"x"'],
    ['null', 'null'],
    ['too long', `{"title":"${'x'.repeat(MAX_OEMBED_BYTES)}"}`],
  ])('refuses %s', (_name, json) => {
    expect(parseOembed(json, PAGE)).toBeNull();
  });
});
