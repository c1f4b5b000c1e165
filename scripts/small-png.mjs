// Makes the PNG of a browser's picture small enough for a repository: at most 256 colours, and every other pixel in the
// nearest of them. Pages have few colours; what is lost are shades at the edges of letters.
import { crc32, deflateSync, inflateSync } from "node:zlib";

const MOST_COLORS = 256;
/** Of those, the ones that are there because they are frequent; the others because nothing is like them. */
const FREQUENT = 192;
const SIGNATURE_BYTES = 8;

/**
 * @param {Buffer} png truecolour, 8 bits, not interlaced: what Chromium makes
 * @returns {Buffer}
 */
export function smallPng(png) {
  const { head, pixels, channels, width, height } = read(png);
  const counts = new Map();
  const colors = new Uint32Array(width * height);
  for (let at = 0; at < colors.length; at++) {
    const color = pixels.readUIntBE(at * channels, 3);
    colors[at] = color;
    counts.set(color, (counts.get(color) ?? 0) + 1);
  }
  const palette = paletteOf(counts);
  const places = new Map(palette.map((color, place) => [color, place]));
  for (const color of counts.keys()) if (!places.has(color)) places.set(color, nearest(palette, color));
  const rows = Buffer.alloc((width + 1) * height);
  colors.forEach((color, at) => {
    rows[Math.floor(at / width) * (width + 1) + 1 + (at % width)] = places.get(color);
  });
  const header = Buffer.from(head);
  header[9] = 3;
  const table = Buffer.alloc(palette.length * 3);
  palette.forEach((color, place) => table.writeUIntBE(color, place * 3, 3));
  return Buffer.concat([
    png.subarray(0, SIGNATURE_BYTES),
    chunk("IHDR", header),
    chunk("PLTE", table),
    chunk("IDAT", deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function read(png) {
  const data = [];
  let head = Buffer.alloc(13);
  for (let at = SIGNATURE_BYTES; at < png.length;) {
    const length = png.readUInt32BE(at);
    const type = png.toString("latin1", at + 4, at + 8);
    const content = png.subarray(at + 8, at + 8 + length);
    if (type === "IHDR") head = content;
    else if (type === "IDAT") data.push(content);
    at += 12 + length;
  }
  const channels = { 2: 3, 6: 4 }[head[9]];
  if (head[8] !== 8 || channels === undefined || head[12] !== 0) throw new Error("a PNG of another kind");
  const width = head.readUInt32BE(0);
  const height = head.readUInt32BE(4);
  const pixels = unfiltered(inflateSync(Buffer.concat(data)), width * channels, height, channels);
  return { head, pixels, channels, width, height };
}

/** Takes back what was done to each row to make it smaller (PNG specification, "Filtering"). */
function unfiltered(filtered, rowBytes, height, channels) {
  const pixels = Buffer.alloc(rowBytes * height);
  for (let row = 0; row < height; row++) {
    const filter = filtered[row * (rowBytes + 1)];
    for (let column = 0; column < rowBytes; column++) {
      const at = row * rowBytes + column;
      const left = column >= channels ? pixels[at - channels] : 0;
      const above = row > 0 ? pixels[at - rowBytes] : 0;
      const corner = row > 0 && column >= channels ? pixels[at - rowBytes - channels] : 0;
      const guess = [0, left, above, (left + above) >> 1, paeth(left, above, corner)][filter];
      pixels[at] = filtered[row * (rowBytes + 1) + 1 + column] + guess;
    }
  }
  return pixels;
}

function paeth(left, above, corner) {
  const guess = left + above - corner;
  const [toLeft, toAbove, toCorner] = [left, above, corner].map((value) => Math.abs(guess - value));
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

/** The most frequent colours, and those that are farthest from all others: a small red dot shall stay red. */
function paletteOf(counts) {
  const colors = [...counts].sort(([, one], [, other]) => other - one).map(([color]) => color);
  const palette = colors.slice(0, FREQUENT);
  const rest = colors.slice(FREQUENT);
  const away = rest.map((color) => Math.min(...palette.map((other) => distance(color, other))));
  while (palette.length < Math.min(MOST_COLORS, colors.length)) {
    const added = rest[away.indexOf(Math.max(...away))];
    palette.push(added);
    rest.forEach((color, at) => (away[at] = Math.min(away[at], distance(color, added))));
  }
  return palette;
}

function nearest(palette, color) {
  const away = palette.map((other) => distance(other, color));
  return away.indexOf(Math.min(...away));
}

function distance(one, other) {
  return [16, 8, 0].reduce((sum, shift) => sum + (((one >> shift) & 255) - ((other >> shift) & 255)) ** 2, 0);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}
