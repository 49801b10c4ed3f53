/*
 * The token by which a visitor's ids cross from one host of an owner to another:
 *
 *   time.session.visitor.signature      in the fragment of a link, as _ff=…
 *
 * The signature is an HMAC over the rest, the host that the link leads to and the browser's name, under a key
 * made of the site key. The site key is public, so the signature keeps out accidents (a link that was copied to
 * another host or browser, cut short, or kept for later), and nobody who wants to forge one.
 */

import {hmac} from './sha256.js';

// How long a token is good, in ms: the load of a slow page, and no bookmark.
export const LIFETIME = 120000;
// Hexadecimal digits of the signature: 64 bits.
const DIGITS = 16;

function sign(site, parts, host, browser) {
  return hmac('footfall link ' + site, [...parts, host, browser].join(' ')).slice(0, DIGITS);
}

/** The token that takes {session, visitor} to `host`, made at `now` (ms). */
export function makeToken(site, ids, host, browser, now) {
  const parts = [now.toString(36), ids.session, ids.visitor || ''];
  return [...parts, sign(site, parts, host, browser)].join('.');
}

/** {session, visitor} of a token that is good here and now, else undefined. */
export function readToken(site, token, host, browser, now) {
  const [at, session, visitor, signature] = token.split('.');
  const age = now - parseInt(at, 36);
  if (signature !== sign(site, [at, session, visitor], host, browser) || !(age >= 0 && age <= LIFETIME)) return;
  return {session, ...(visitor && {visitor, born: now})};
}
