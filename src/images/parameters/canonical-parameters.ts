import type { ImageParameters } from '../image-request.js';
import { formatColour } from './colour.js';
import { formatPosition } from './position.js';

/**
 * The one spelling of `parameters`: canonical names sorted, defaults left out, numbers normalised, safe in a URL
 * as it stands. Parsing it gives the same parameters. Presets are resolved before, so a preset and its contents
 * have the same form. Variant keys and signatures are made from it.
 */
export function canonicalParameters(parameters: ImageParameters): string {
  return spell(parameters, true);
}

/** The same without `format`: two requests that end in one output format share a variant. */
export function canonicalWithoutFormat(parameters: ImageParameters): string {
  return spell(parameters, false);
}

function spell(parameters: ImageParameters, withFormat: boolean): string {
  const { position, background } = parameters;
  const entries: readonly (readonly [string, string | number | undefined])[] = [
    ['animated', parameters.animated ? undefined : 0],
    ['background', background === undefined ? undefined : formatColour(background)],
    ['blur', parameters.blur],
    ['dpr', parameters.dpr === 1 ? undefined : parameters.dpr],
    ['enlarge', parameters.enlarge ? 1 : undefined],
    ['fit', parameters.fit === 'cover' ? undefined : parameters.fit],
    ['flip', parameters.flip ? 1 : undefined],
    ['flop', parameters.flop ? 1 : undefined],
    ['format', withFormat && parameters.format !== 'auto' ? parameters.format : undefined],
    ['h', parameters.height],
    ['page', parameters.page],
    ['position', position === 'center' ? undefined : formatPosition(position)],
    ['q', parameters.quality],
    ['rotate', parameters.rotate],
    ['sharpen', parameters.sharpen],
    ['trim', parameters.trim],
    ['v', parameters.version],
    ['w', parameters.width],
  ];
  return entries.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])).join('&');
}
