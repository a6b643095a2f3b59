/**
 * Makes examples/plimsoll.jpg: the side of a ship with its load line, low over a moving sea. Everything is
 * computed (value noise, a few gradients, one SVG path); nothing is taken from another picture.
 *
 *     node examples/make-seascape.mjs [file]
 */
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const WIDTH = 1600;
const HEIGHT = 1067;
const HORIZON = 430;
/** Where the sea meets the hull, at the left and at the right edge of the picture. */
const WATERLINE = { left: 742, right: 812 };

const clamp = (value, low = 0, high = 1) => Math.min(high, Math.max(low, value));
const mix = (from, to, share) => from + (to - from) * share;
const blend = (from, to, share) => [0, 1, 2].map((channel) => mix(from[channel], to[channel], share));
const smooth = (low, high, value) => {
  const share = clamp((value - low) / (high - low));
  return share * share * (3 - 2 * share);
};

/** A value from 0 to 1 for a point of the lattice; the same on every machine. */
function lattice(x, y, seed) {
  let hash = Math.imul(x, 374_761_393) + Math.imul(y, 668_265_263) + Math.imul(seed, 2_147_483_647);
  hash = Math.imul(hash ^ (hash >>> 13), 1_274_126_177);
  return ((hash ^ (hash >>> 16)) >>> 0) / 4_294_967_296;
}

function noise(x, y, seed) {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const u = smooth(0, 1, x - left);
  const v = smooth(0, 1, y - top);
  return mix(
    mix(lattice(left, top, seed), lattice(left + 1, top, seed), u),
    mix(lattice(left, top + 1, seed), lattice(left + 1, top + 1, seed), u),
    v,
  );
}

/** Noise of several scales, 0 to 1. */
function clouds(x, y, octaves, seed) {
  let sum = 0;
  let weight = 0.5;
  for (let octave = 0; octave < octaves; octave += 1) {
    sum += weight * noise(x * 2 ** octave, y * 2 ** octave, seed + octave);
    weight /= 2;
  }
  return sum / (1 - 0.5 ** octaves);
}

function sky(x, y) {
  const height = clamp(y / HORIZON);
  const base = blend([86, 128, 172], [246, 214, 176], height ** 1.7);
  const sun = Math.hypot((x - 300) / 1.25, y - 372);
  const glow = Math.exp(-sun / 140);
  const cover = smooth(0.46, 0.74, clouds(x / 330, y / (70 + 90 * (1 - height)), 6, 11));
  const lit = blend([150, 152, 166], [255, 232, 204], clamp(0.35 + 0.9 * glow + 0.35 * (1 - height)));
  const veiled = blend(base, lit, cover * 0.85);
  return blend(veiled, [255, 244, 218], clamp(glow * 0.95 + (sun < 26 ? 0.6 : 0)));
}

/** Height of the waves and its slope, seen in perspective. */
function wave(x, depth) {
  const scale = 9 + 210 * depth ** 1.6;
  const across = (x - 420) / (scale * 2.6);
  const along = 26 / (0.05 + depth);
  return (
    0.62 * clouds(across + along * 0.23, along * 1.7, 4, 41) + 0.38 * clouds(across * 3.1, along * 4.3, 3, 57)
  );
}

function sea(x, y, hullAbove) {
  const depth = clamp((y - HORIZON) / (HEIGHT - HORIZON), 0.001, 1);
  const height = wave(x, depth);
  const slope = (wave(x, depth + 0.004 + depth * 0.01) - height) * 9;
  const reflected = sky(x + slope * 90, HORIZON - (y - HORIZON) * 0.55 - Math.abs(slope) * 160);
  const body = blend([18, 54, 66], [52, 104, 112], clamp(height * 1.15 - 0.2));
  const facing = clamp(0.62 - depth * 0.38 + slope * 0.55);
  let colour = blend(body, reflected, facing);
  if (hullAbove > 0) colour = blend(colour, [46, 22, 22], hullAbove * clamp(0.72 + slope * 0.5));
  const glitter =
    smooth(0.63, 0.8, height + slope * 0.22) *
    Math.exp(-Math.abs(x - 300) / (70 + 330 * depth)) *
    (1 - hullAbove);
  const foam = smooth(0.76, 0.86, height) * smooth(0.3, 1, depth) * 0.55;
  return blend(blend(colour, [255, 238, 206], clamp(glitter)), [232, 240, 238], foam);
}

const stemAt = (y) => 610 + 0.00052 * (y - 880) ** 2 - 60;
const deckAt = (x) => 118 + 0.000075 * (x - 1700) ** 2 * 0.6;
const waterlineAt = (x) => mix(WATERLINE.left, WATERLINE.right, x / WIDTH);

/** Paint of the ship's side: black above, red below the boot-top, plates, weld seams, rust and light. */
function hull(x, y) {
  const bootTop = waterlineAt(x) - 118 + (x - 600) * 0.012;
  const round = smooth(0, 520, x - stemAt(y));
  let colour = y < bootTop ? [30, 36, 46] : [132, 40, 34];
  if (Math.abs(y - bootTop) < 5) colour = [222, 220, 212];
  const seam = Math.abs((y + x * 0.02) % 131) < 1.6 || Math.abs((x - y * 0.06) % 263) < 1.4;
  const plate = lattice(Math.floor((x - y * 0.06) / 263), Math.floor((y + x * 0.02) / 131), 5);
  const streak =
    smooth(0.6, 0.86, noise(x / 9, y / 260, 71)) * smooth(0.38, 0.75, noise(x / 120, y / 150, 83));
  const rust = smooth(0.58, 0.74, clouds(x / 74, y / 54, 5, 91)) * (y > bootTop ? 0.5 : 0.28);
  colour = blend(colour, [120, 66, 36], clamp(streak * 0.42 + rust));
  const light = (0.62 + 0.5 * (1 - round)) * (0.94 + 0.12 * plate) * (seam ? 0.78 : 1);
  const grain = 0.93 + 0.14 * noise(x / 2.1, y / 2.1, 97);
  const wet = smooth(waterlineAt(x) - 46, waterlineAt(x) - 8, y + 14 * noise(x / 40, 3, 13));
  const shaded = colour.map((channel) => channel * light * grain * (1 - 0.34 * wet));
  // the sea throws its light on the plates
  const caustic = smooth(0.56, 0.7, clouds(x / 58, y / 20, 3, 29)) * smooth(360, 40, waterlineAt(x) - y) * 26;
  return shaded.map((channel) => channel + caustic);
}

function paint() {
  const pixels = Buffer.alloc(WIDTH * HEIGHT * 3);
  for (let y = 0; y < HEIGHT; y += 1) {
    for (let x = 0; x < WIDTH; x += 1) {
      const lap = 9 * (clouds(x / 46, y / 90, 3, 19) - 0.5) * 2;
      const edge = waterlineAt(x) + lap;
      const onShip = x > stemAt(y) && y > deckAt(x) && y < edge;
      const mirrored = 2 * edge - y;
      const wobble = 44 * (noise(x / 60, y / 7, 7) - 0.5);
      const hullAbove =
        y >= edge ? smooth(0, 34, x + wobble - stemAt(mirrored)) * smooth(430, 60, y - edge) : 0;
      let colour = onShip ? hull(x, y) : y < HORIZON ? sky(x, y) : sea(x, y, hullAbove);
      if (!onShip) colour = blend(colour, [226, 204, 184], Math.exp(-Math.abs(y - HORIZON) / 14) * 0.55);
      const splash =
        x > stemAt(y) - 18 ? Math.exp(-Math.abs(y - edge - 4) / 5) * noise(x / 16, y / 5, 23) : 0;
      colour = blend(colour, [236, 240, 238], clamp(splash * 0.9));
      const vignette = 1 - 0.24 * Math.hypot(x / WIDTH - 0.5, y / HEIGHT - 0.5) ** 2 * 2;
      const film = (lattice(x, y, 3) - 0.5) * 9;
      const at = (y * WIDTH + x) * 3;
      for (let channel = 0; channel < 3; channel += 1) {
        pixels[at + channel] = clamp(Math.round(colour[channel] * vignette + film), 0, 255);
      }
    }
  }
  return pixels;
}

/** The load line after Samuel Plimsoll: a ring cut by a line, and the marks for water and season beside it. */
const MARK = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">
  <g transform="translate(1085 508) rotate(1.6) skewX(-2)" fill="none" stroke="#e9e6dc" stroke-opacity=".9">
    <circle r="78" stroke-width="15"/>
    <path d="M-128 0H128" stroke-width="15"/>
    <path d="M205 -124V118" stroke-width="10"/>
    <path d="M205 -120h92M205 -82h92M131 -82h74M205 -4h92M205 34h92M205 72h92M205 113h92" stroke-width="10"/>
    <path d="M-163 -52V-6M-163 -52h22q17 0 17 12t-17 12h-22M116 -60V-20h25" stroke-width="9"/>
  </g>
</svg>`;

const file = process.argv[2] ?? fileURLToPath(new URL('plimsoll.jpg', import.meta.url));
const worn = await sharp(Buffer.from(MARK)).blur(0.9).png().toBuffer();
await sharp(paint(), { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
  .composite([{ input: worn }])
  .blur(0.5)
  .withExif({
    IFD0: { ImageDescription: 'Load line of a ship over the sea (computed)', Copyright: 'CC0-1.0' },
  })
  .jpeg({ quality: 76, progressive: false, mozjpeg: false })
  .toFile(file);
console.log(`${file}: ${statSync(file).size} bytes`);
