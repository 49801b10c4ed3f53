/* How batches reach the collector, and what its answers mean. */

import {clock, guard, later, on, options, ticks} from './page.js';
import {BATCH, land, queue, keep, take} from './queue.js';

/** Of the pixel; set by the build from package.json. */
export const version = PIXEL_VERSION;

// How long an event waits for company, in ms. Longer means fewer requests and more events that only leave
// when the page does.
const WINDOW = 3000;
// Waits between attempts, in ms: doubled each time up to the longest, for as long as the page lives.
const FIRST_WAIT = 2000;
const LONGEST_WAIT = 3e5;
// The longest wait that the collector may ask for, lest a mistake silence the page.
const LONGEST_ASKED = 36e5;

let endpoint;
let timer;                 // of the next flush
let due;                   // when that is
let attempts = 0;          // failures in a row; above 0 the collector is in trouble
let notBefore = 0;         // no attempt earlier than this
let images;                // requests are blocked here, and images are not

/** Flushes in `delay` ms, or when the collector wants to be asked again, unless it is sooner anyway. */
export function plan(delay = queue.length < BATCH ? WINDOW : 0) {
  const at = Math.max(ticks() + delay, notBefore);
  if (timer && due <= at) return;
  clearTimeout(timer);
  due = at;
  timer = later(flush, at - ticks());
}

/** At once, or when the collector wants to be asked again, where anything waits. */
export function planNow() {
  if (queue[0]) plan(0);
}

/**
 * Sends what waits. After a failure one batch goes first, to see whether the collector is back. `leaving`: the
 * page may be gone after this; `left`: it is.
 */
export function flush(leaving, left) {
  clearTimeout(timer);
  timer = 0;
  const inTrouble = attempts;
  let batch;
  while (queue[0] && (leaving || !inTrouble || !batch)) {
    batch = take();
    send(batch, leaving);
    if (queue.includes(batch[0])) break;
  }
  if (leaving) {
    planNow();
    keep(left);
  }
}

function send(batch, leaving) {
  const body = JSON.stringify({
    site: options.site,
    sent_at: clock(),
    pixel: version,
    // The pixel's own troubles, so that they can be seen.
    lost: batch.lost,
    retries: attempts,
    queued: queue.length
  }).slice(0, -1) + ',"events":[' + batch + ']}';
  // Where requests keep failing and nothing says why, a policy or a blocker may let images through.
  if (images || attempts % 3 > 1) return sendImages(batch);
  if (leaving && beacon(body)) return answered(batch, 'beacon');
  try {
    // Text, so that the browser asks no permission first (CORS preflight). All requests of a page that may outlive
    // it share 64 KiB, also with others' scripts: what was refused once does not ask for that again.
    fetch(endpoint, {method: 'POST', body, keepalive: leaving || !attempts, credentials: 'omit'}).then(
      guard((answer) => answered(batch, answer.status, answer.headers.get('retry-after'))),
      guard(() => answered(batch, 0))
    );
  } catch {
    // Some page or extension put something else in the place of fetch.
    answered(batch, beacon(body) ? 'beacon' : 0);
  }
}

/** Hands the body to the browser, which sends it even after the page is gone; false where it will not. */
function beacon(body) {
  try {
    return navigator.sendBeacon(endpoint, body);
  } catch {
    return false;
  }
}

/** One image for each event. */
function sendImages(batch) {
  let left = batch.length;
  images = true;
  batch.map((text) => {
    const image = new Image();
    image.onload = image.onerror = guard((event) => {
      if (event.type !== 'load') images = false;
      if (!--left) answered(batch, images ? 200 : 0);
    });
    image.src = endpoint.replace(/collect$/, 'pixel') + '.gif?' +
      new URLSearchParams({site: options.site, sent_at: clock(), event: text});
  });
}

/**
 * What an answer means. `status` is 0 where none came, 'beacon' where none will; `retryAfter` is its header
 * in seconds; a date there is not understood and the own wait holds.
 */
function answered(batch, status, retryAfter) {
  const failed = !status || status === 408 || status === 429 || status >= 500;
  const inTrouble = attempts;
  // While the collector is in trouble what a beacon took also stays here, in case the page does: the collector
  // knows a repetition by its id.
  land(batch, failed || (status === 'beacon' && inTrouble));
  document.dispatchEvent(new CustomEvent('footfall-sent', {detail: {status, events: JSON.parse('[' + batch + ']')}}));
  if (status === 'beacon') return;
  if (!failed) {
    attempts = notBefore = 0;
    if (inTrouble) planNow();
    return;
  }
  // Batches that were under way together fail together: that is one failure.
  if (ticks() >= notBefore) {
    // Half to all of the wait, so that not every page comes back at the same moment.
    const wait = Math.min(FIRST_WAIT * 2 ** attempts++, LONGEST_WAIT) * (0.5 + Math.random() / 2);
    notBefore = ticks() + Math.max(wait, Math.min(retryAfter * 1000 || 0, LONGEST_ASKED));
  }
  planNow();
}

export function watchNetwork(url) {
  endpoint = url;
  on(window, 'online', () => {
    notBefore = 0;
    planNow();
  });
}
