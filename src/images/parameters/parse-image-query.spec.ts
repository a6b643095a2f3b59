import { describe, expect, it } from '@jest/globals';
import { loadSettings, type Settings } from '../../config/index.js';
import { isPlimsollError } from '../../errors/index.js';
import { checkPresets, parseImageQuery } from './parse-image-query.js';

const MACHINE = {
  containerLimitBytes: null,
  totalMemoryBytes: 8 * 1024 ** 3,
  heapLimitBytes: 512 * 1024 ** 2,
};

const settingsWith = (environment: Record<string, string> = {}): Settings =>
  loadSettings(environment, MACHINE);

const settings = settingsWith({ IMAGE_PRESETS: 'thumb:w=200&h=100&fit=contain;wide:w=1600&q=60' });

const parse = (query: string, own = settings): ReturnType<typeof parseImageQuery> =>
  parseImageQuery([...new URLSearchParams(query)], own);

function refusal(query: string, own = settings): string {
  try {
    parse(query, own);
  } catch (error) {
    if (isPlimsollError(error, 'invalid-parameter')) return error.message;
    throw error;
  }
  return '(accepted)';
}

describe('parseImageQuery', () => {
  it('gives defaults for an empty query', () => {
    const { parameters, delivery, url } = parse('');

    expect(parameters).toEqual({
      dpr: 1,
      fit: 'cover',
      position: 'center',
      format: 'auto',
      flip: false,
      flop: false,
      animated: true,
      enlarge: false,
    });
    expect(delivery).toBe('bytes');
    expect(url).toBeUndefined();
    expect(Object.isFrozen(parameters)).toBe(true);
  });

  it('reads what the loader of Next sends', () => {
    const parsed = parse('url=https%3A%2F%2Fexample.com%2Fa.jpg%3Fx%3D1%2526&w=640&q=75');

    expect(parsed.url).toBe('https://example.com/a.jpg?x=1%26');
    expect(parsed.parameters).toMatchObject({ width: 640, quality: 75 });
  });

  it.each([
    [
      'width=300&height=200&f=jpg&quality=50&bg=red&pos=top&anim=0&deliver=json',
      'w=300&h=200&format=jpeg&q=50&background=ff0000&position=top&animated=0&delivery=json',
    ],
    ['output=webp&gravity=north&rot=-90', 'format=webp&position=top&rotate=270'],
    ['fit=crop', 'fit=cover'],
    ['fit=pad', 'fit=contain'],
    ['fit=scale-down', 'fit=inside'],
    ['fit=max', 'fit=inside'],
    ['fit=clip', 'fit=inside'],
    ['fit=stretch', 'fit=fill'],
    ['position=0.5,0.5', 'position=center'],
    ['position=0,1', 'position=left-bottom'],
    ['position=smart', 'position=attention'],
    ['position=top+left', 'position=left-top'],
    ['background=%23F00', 'background=ff0000'],
    ['background=f008', 'background=ff000088'],
    ['background=transparent', 'background=00000000'],
    ['rotate=360', ''],
    ['rotate=-0.004', ''],
    ['dpr=1.999', 'dpr=2'],
    ['flip=true&flop=false', 'flip=1'],
    ['preset=thumb', 'w=200&h=100&fit=contain'],
    ['preset=thumb&w=50&fit=cover', 'w=50&h=100'],
  ])('reads %s as %s', (spelled, plain) => {
    expect(parse(spelled)).toEqual(parse(plain));
  });

  it.each([
    ['w=0', 'Parameter "w" must be a whole number from 1 to 8192, got "0".'],
    ['w=8193', 'Parameter "w" must be a whole number from 1 to 8192, got "8193".'],
    ['w=1e3', 'Parameter "w" must be a whole number from 1 to 8192, got "1e3".'],
    ['w=', 'Parameter "w" must be a whole number from 1 to 8192, got "".'],
    ['w=10.5', 'Parameter "w" must be a whole number from 1 to 8192, got "10.5".'],
    ['h=-1', 'Parameter "h" must be a whole number from 1 to 8192, got "-1".'],
    ['w=4097&dpr=2', 'Parameter "dpr" times "w" must be at most 8192 pixels, got 2 × 4097.'],
    ['dpr=5.1', 'Parameter "dpr" must be a number from 0.1 to 5, got "5.1".'],
    ['dpr=0', 'Parameter "dpr" must be a number from 0.1 to 5, got "0".'],
    ['q=0', 'Parameter "q" must be a whole number from 1 to 100, got "0".'],
    ['q=101', 'Parameter "q" must be a whole number from 1 to 100, got "101".'],
    ['rotate=361', 'Parameter "rotate" must be degrees from -360 to 360, got "361".'],
    ['rotate=NaN', 'Parameter "rotate" must be degrees from -360 to 360, got "NaN".'],
    ['blur=0.2', 'Parameter "blur" must be a sigma from 0.3 to 100, got "0.2".'],
    ['sharpen=11', 'Parameter "sharpen" must be a sigma from 0.3 to 10, got "11".'],
    ['trim=101', 'Parameter "trim" must be a threshold from 0 to 100, got "101".'],
    ['page=100000', 'Parameter "page" must be a whole number from 0 to 99999, got "100000".'],
    ['animated=yes', 'Parameter "animated" must be 0 or 1, got "yes".'],
    ['flip=', 'Parameter "flip" must be 0 or 1, got "".'],
    ['delivery=stream', 'Parameter "delivery" must be one of bytes, redirect, json, got "stream".'],
    ['v=a%20b', 'Parameter "v" must be 1 to 64 letters, digits, dots, dashes or underscores, got "a b".'],
    ['preset=huge', 'Parameter "preset" must be one of thumb, wide, got "huge".'],
    ['preset=constructor', 'Parameter "preset" must be one of thumb, wide, got "constructor".'],
    ['w=1&w=2', 'Parameter "w" was given more than once; give it once.'],
    ['w=1&width=2', 'Parameter "w" was given more than once (here as "width"); give it once.'],
    [
      'format=original&w=10',
      'Parameter "w" cannot be combined with format=original, which passes the source on unchanged.',
    ],
    ['url=', 'Parameter "url" must be one absolute http or https URL of at most 4096 characters.'],
  ])('refuses %s and says: %s', (query, sentence) => {
    expect(refusal(query)).toBe(sentence);
  });

  it.each([
    'fit=hull',
    'position=middle',
    'position=0.5',
    'position=1.2,0',
    'format=bmp',
    'background=12345',
    'background=toString',
    'fit=constructor',
  ])('refuses %s and names what is allowed', (query) => {
    const [name, value] = query.split('=');

    expect(refusal(query)).toMatch(new RegExp(`^Parameter "${name}" must be .+, got "${value}"\\.$`));
  });

  it('names an unknown parameter and the known ones', () => {
    expect(refusal('colour=red')).toMatch(/^Unknown parameter "colour"; known are url, w, h, .*exp\.$/);
    expect(refusal('W=1')).toMatch(/^Unknown parameter "W"/);
    expect(refusal('__proto__=1')).toMatch(/^Unknown parameter "__proto__"/);
  });

  it('keeps messages short and free of secrets', () => {
    expect(refusal(`w=${'9'.repeat(5000)}`).length).toBeLessThan(160);
    expect(refusal(`${'x'.repeat(5000)}=1`).length).toBeLessThan(400);
    expect(refusal(`url=https://user:secret@example.com/${'a'.repeat(5000)}`)).not.toContain('secret');
    expect(refusal('sig=abc&sig=abc')).not.toContain('abc');
  });

  it('knows sig and exp without reading them', () => {
    expect(parse('sig=abc&exp=123&w=5')).toEqual(parse('w=5'));
  });

  it('takes the longest side from the settings', () => {
    const small = settingsWith({ IMAGE_MAX_OUTPUT_SIDE: '500' });

    expect(refusal('w=501', small)).toContain('from 1 to 500');
    expect(parse('w=500', small).parameters.width).toBe(500);
  });
});

describe('checkPresets', () => {
  it('accepts presets that a request could use', () => {
    expect(() => checkPresets(settings)).not.toThrow();
    expect(() => checkPresets(settingsWith())).not.toThrow();
  });

  it.each([
    'bad:w=0',
    'bad:colour=red',
    'bad:url=https%3A%2F%2Fexample.com',
    'bad:preset=other',
    'bad:w=1&w=2',
  ])('names the preset of %s', (presets) => {
    expect(() => checkPresets(settingsWith({ IMAGE_PRESETS: presets }))).toThrow(
      /^Preset "bad" of IMAGE_PRESETS cannot be used: /,
    );
  });
});
