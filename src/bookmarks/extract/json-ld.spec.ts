import { describe, expect, it } from '@jest/globals';
import { readJsonLd } from './json-ld.js';

describe('readJsonLd', () => {
  it('follows references within a graph', () => {
    const facts = readJsonLd(
      JSON.stringify({
        '@graph': [
          {
            '@type': 'Article',
            headline: 'A',
            author: { '@id': '#me' },
            image: [{ '@id': '#pic' }],
            publisher: { '@id': '#org' },
          },
          { '@type': 'Person', '@id': '#me', name: 'Ada' },
          {
            '@type': 'ImageObject',
            '@id': '#pic',
            contentUrl: 'https://a.example/p.jpg',
            width: { value: 12 },
            height: '8px',
          },
          { '@type': 'http://schema.org/Organization', '@id': '#org', name: 'Org' },
        ],
      }),
    );

    expect(facts[0]).toMatchObject({
      role: 'main',
      isArticle: true,
      title: 'A',
      author: 'Ada',
      publisher: 'Org',
      images: [{ url: 'https://a.example/p.jpg', width: 12, height: 8 }],
    });
    expect(facts.at(-1)).toEqual({ role: 'site', isArticle: false, images: [], publisher: 'Org' });
  });

  it.each([
    [
      'a circle of references',
      { '@graph': [{ '@type': 'Article', '@id': '#a', headline: 'A', author: { '@id': '#a' } }] },
    ],
    [
      'values of wrong types',
      {
        '@type': 'Article',
        headline: 'A',
        author: 7,
        image: [[], null, true],
        datePublished: {},
        publisher: [null],
      },
    ],
    [
      'language-tagged values',
      { '@type': ['Thing', 'Article'], headline: { '@value': 'A', '@language': 'en' } },
    ],
    ['references to characters', { '@type': 'NewsArticle', headline: '&#65;' }],
    ['members of the prototype', { '@type': 'Article', headline: 'A', author: 'constructor' }],
  ])('reads an article with %s', (_name, json) => {
    expect(readJsonLd(JSON.stringify(json))[0]?.title).toBe('A');
  });

  it.each([
    ['nothing', ''],
    ['broken JSON', '{"@type":"Article",'],
    ['no object', '"Article"'],
    ['no type', '{"headline":"A"}'],
    ['a breadcrumb', '{"@type":"BreadcrumbList","name":"A"}'],
    ['a type that is no text', '{"@type":{"a":1},"name":"A"}'],
  ])('says nothing about %s', (_name, source) => {
    expect(readJsonLd(source)).toEqual([]);
  });

  it('looks at a bounded number of objects', () => {
    const many = Array.from({ length: 5_000 }, (_, index) => ({ '@type': 'Article', headline: `A${index}` }));

    expect(readJsonLd(JSON.stringify(many)).length).toBeLessThanOrEqual(200);
  });

  it.each([
    ['a comma after the last member', '{"@type":"Article","headline":"A","image":["/i.jpg",],}'],
    [
      'a raw line break within a text',
      '{"@type":"Article","headline":"A","description":"one\ntwo","image":"/i.jpg"}',
    ],
    [
      'everything escaped',
      '{&quot;@type&quot;:&quot;Article&quot;,&quot;headline&quot;:&quot;A&quot;,&quot;image&quot;:&quot;/i.jpg&quot;}',
    ],
    [
      'two objects in a row',
      '{"@type":"Article","headline":"A","image":"/i.jpg"}\n{"@type":"Organization","name":"O"}',
    ],
    ['two of these at once', '{"@type":"Article","headline":"A","description":"one\ttwo","image":"/i.jpg",}'],
  ])('reads what templates get wrong: %s', (_name, source) => {
    expect(readJsonLd(source)[0]).toMatchObject({ title: 'A', images: [{ url: '/i.jpg' }] });
  });

  it('leaves commas and braces within texts alone where the JSON is sound', () => {
    const source = '{"@type":"Article","headline":"a,] } { b"}';

    expect(readJsonLd(source)[0]?.title).toBe('a,] } { b');
  });
});
