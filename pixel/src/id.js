import {clock} from './page.js';

let count = 0;

/**
 * A UUIDv7: 48 bits of time, 12 bits of a number that counts up, 60 random bits. The number keeps the ids
 * of one millisecond in their order. getRandomValues also exists on http pages, randomUUID does not.
 */
export function newId() {
  const hex = (number, digits) => number.toString(16).padStart(digits, 0);
  const [a, b] = crypto.getRandomValues(new Uint32Array(2));
  return (hex(clock(), 12) + 7 + hex(count++ & 4095, 3) + 8 + hex(a, 8) + hex(b, 8))
    .replace(/(.{8})(.{4})(.{4})(.{4})(.{12}).*/, '$1-$2-$3-$4-$5');
}
