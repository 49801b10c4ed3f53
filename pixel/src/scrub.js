/*
 * What never leaves the page: e-mail addresses, card numbers, social security numbers, and whatever stands
 * under a name like `password`. The collector looks a second time, with more rules.
 */

const EMAIL = /[\w.+-]+(@|%40)[\w-]+(\.[\w-]+)+/g;
// Fourteen to nineteen digits, in groups or not, that are not part of something longer such as an id. No card
// begins with 1, as times in microseconds do.
const CARD = /(^|[^\w-])([2-6]\d(?:[ -]?\d){12,17})(?![\w-])/g;
const SSN = /\b\d{3}-\d\d-\d{4}\b/g;
const SECRET = /([?&](passw(or)?d|pwd|secret|token|cv[cv]|ssn|card_?n(umber|o))=)[^&#]+/gi;

/** The check digit that every card number ends with. */
function isCard(text) {
  let sum = 0;
  [...text.replace(/\D/g, '')].reverse().map((digit, place) => {
    digit *= 1 + place % 2;
    sum += digit > 9 ? digit - 9 : digit;
  });
  return sum % 10 === 0;
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
  const parameter = '?' + name + '=0';
  if (scrub(parameter) !== parameter) return '[secret]';
  // A card number may have been taken for a number; no amount is as long.
  return typeof value === 'string' || value > 1e13 ? scrub('' + value) : value;
}
