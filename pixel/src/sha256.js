/*
 * SHA-256 and HMAC that answer at once: crypto.subtle answers later, when a click has already been followed,
 * and exists on https pages only. FIPS 180-4, RFC 2104. Texts in, hexadecimal out.
 */

const encode = (text) => new TextEncoder().encode(text);

/** The fraction of a root of each of the first primes: the constants of FIPS 180-4. */
function constants(count, root) {
  const found = [];
  for (let candidate = 2; found.length < count; candidate++) {
    let isPrime = true;
    for (let divisor = 2; divisor * divisor <= candidate; divisor++) isPrime = isPrime && candidate % divisor > 0;
    if (isPrime) found.push((candidate ** (1 / root) % 1 * 2 ** 32) | 0);
  }
  return found;
}

const START = constants(8, 2);
const ROUNDS = constants(64, 3);
const turn = (word, by) => (word >>> by) | (word << (32 - by));

function digest(bytes) {
  const length = ((bytes.length + 72) >> 6) << 6;
  const padded = new Uint8Array(length);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(length - 4, bytes.length * 8);
  const state = [...START];
  const words = [];
  for (let block = 0; block < length; block += 64) {
    let [a, b, c, d, e, f, g, h] = state;
    for (let n = 0; n < 64; n++) {
      if (n < 16) {
        words[n] = view.getInt32(block + n * 4);
      } else {
        const x = words[n - 15];
        const y = words[n - 2];
        words[n] = (words[n - 16] + words[n - 7] + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3)) +
          (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10))) | 0;
      }
      const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + ROUNDS[n] + words[n]) | 0;
      const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].map((word, n) => {
      state[n] = (state[n] + word) | 0;
    });
  }
  const result = new DataView(new ArrayBuffer(32));
  state.map((word, n) => result.setInt32(n * 4, word));
  return new Uint8Array(result.buffer);
}

function joined(first, second) {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

function hex(bytes) {
  return [...bytes].map((byte) => (byte + 256).toString(16).slice(1)).join('');
}

export function sha256(text) {
  return hex(digest(encode(text)));
}

export function hmac(key, text) {
  const block = new Uint8Array(64);
  const secret = encode(key);
  block.set(secret.length > 64 ? digest(secret) : secret);
  const inner = digest(joined(block.map((byte) => byte ^ 0x36), encode(text)));
  return hex(digest(joined(block.map((byte) => byte ^ 0x5c), inner)));
}
