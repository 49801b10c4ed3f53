/* An event from the moment it happens to the text that is sent. */

import {address} from './address.js';
import {declared, out, signals, tier} from './consent.js';
import {newId} from './id.js';
import {clock, hooks} from './page.js';
import {scrubbed} from './scrub.js';

// Properties of one event: the collector refuses more.
const PROPERTIES = 64;

let seq = 0;
let zone;

/** What the page said that concerns every event: `props`, `user`, and `before`, its last word on each. */
export const said = {before: (event) => event};

/** The view that events belong to: {url, referrer} and, once there is one, {view_id, title}. */
export let current;

export function setCurrent(view) {
  current = view;
}

/** The fields that every event has. */
export function newEvent(type, props) {
  return Object.assign({
    id: newId(),
    type,
    occurred_at: clock(),
    title: document.title,
    seq: seq++,
    screen: screen.width + 'x' + screen.height,
    viewport: innerWidth + 'x' + innerHeight,
    lang: navigator.language,
    props
  }, current);
}

/** What was said when asking for an event, as props: what is wrong is left out, the event still counts. */
export function properties({props, revenue}) {
  let merged;
  if (revenue) {
    const amount = parseFloat(revenue.amount);
    const currency = revenue.currency;
    // The comparison sees through '49.90' and catches '49,90' and '49 EUR'.
    if (isFinite(amount) && amount == revenue.amount && /^[a-z]{3}$/i.test(currency)) {
      merged = {revenue: amount, currency: currency.toUpperCase()};
    }
  }
  return {...(typeof props === 'object' && !Array.isArray(props) && props), ...merged};
}

/** The event's JSON, for good; undefined where the page or the visitor does not want it. */
export function textOf(event) {
  if (out) return;
  Object.assign(event, signals(), hooks.ids?.(), {
    consent: declared,
    user: event.user || said.user,
    webdriver: navigator.webdriver || undefined,
    tz: zone = zone || Intl.DateTimeFormat().resolvedOptions().timeZone
  });
  if (!tier()) delete event.user;
  const all = Object.entries({...said.props, ...event.props});
  event.props = all.length ? Object.fromEntries(all.slice(0, PROPERTIES)) : undefined;
  event = said.before(event);
  if (!event) return;
  let text;
  try {
    text = JSON.stringify(event, scrubbed);
  } catch {
    // Circular or otherwise not JSON: it happened all the same.
    delete event.props;
    text = JSON.stringify(event, scrubbed);
  }
  // Half of a surrogate pair, as from a text cut in the middle of an emoji, is no valid JSON elsewhere.
  return text.replace(/(\\\\)|\\ud[89a-f]../g, (match, backslash) => backslash || '\\ufffd');
}
