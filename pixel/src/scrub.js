/*
 * What never leaves the page: e-mail addresses, card and social security numbers, web tokens and marked keys, and
 * whatever stands under a name like `password`. The collector looks a second time, with more rules; those for
 * bank accounts are too large for a page.
 */

// With what a colon parts from it: where an address holds a user and a
// password, the collector could not see it any more.
const EMAIL = /[\w.+:-]+(@|%40)[\w-]+(\.[\w-]+)+/g;
// Fourteen to nineteen digits, in groups or not, that are not part of something longer such as an id. No card
// begins with 1, as times in microseconds do.
const CARD = /(^|[^\w-])([2-6]\d([ -]?\d){12,17})(?![\w-])/g;
const SSN = /\b\d{3}-\d\d-\d{4}\b/g;
// What is named as a secret, and what its maker marks as one by how it begins.
const SECRET = /([?&#][\w.[-]*(passw(or)?d|pwd|secret|token|api_?key|cv[cv]|ssn|card_?n(umber|o))]?=)[^&#]+|\b(eyJ[\w-]+\.|AKIA|[sr]k_live_|gh._|glpat-)[\w.-]{16,}/gi;

/** The check digit that every card number ends with. */
function isCard(text) {
  const add = (sum, digit, at, all) => sum + +((all.length - at) % 2 ? digit : '0246813579'[digit]);
  return [...text.replace(/\D/g, '')].reduce(add, 0) % 10 === 0;
}

/** `text` without what looks personal. */
export function scrub(text) {
  return text
    .replace(SECRET, '$1[secret]')
    .replace(EMAIL, '[email]')
    .replace(SSN, '[ssn]')
    .replace(CARD, (all, before, digits) => (isCard(digits) ? before + '[card]' : all));
}

/** The same for everything that JSON.stringify meets: `JSON.stringify(event, scrubbed)`. */
export function scrubbed(name, value) {
  // What is secret as a parameter is secret as a property.
  if (scrub('?' + name + '=0').slice(-1) === ']') return '[secret]';
  // A card number may have been taken for a number; no amount is as long.
  return typeof value === 'string' || value > 1e13 ? scrub('' + value) : value;
}
