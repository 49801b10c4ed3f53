/*
 * Events that wait, as JSON texts, oldest first, and the batches they leave in.
 *
 *   record ──► queue ──► batch ──► send.js ──► answered: done, or back to the front of the queue
 *                └── where storage is allowed, a copy on the device until the collector has confirmed
 *
 * An event is frozen when it happens: its id and time are made then, and every retry sends the same text, so
 * that the collector can tell a repetition from a second event.
 */

import {hooks} from './page.js';

// Events in one request. A full batch does not wait for company.
export const BATCH = 20;
// Bytes of one request. Browsers allow 64 KiB for all requests of a page that may outlive it, so a batch
// leaves room for those of others.
const BATCH_BYTES = 48000;
// Bytes of one event: the collector refuses more.
const EVENT_BYTES = 32768;
// Events and bytes held while the collector does not answer. The first ones stay: where a visit came from is
// worth more than what a loop in the page repeats.
const QUEUE = 100;
const QUEUE_BYTES = 2e5;

export let queue = [];
/** Events that were sent and not yet answered. */
let flying = [];
/** Events that were given up since the last batch that arrived. */
export let lost = 0;

function bytes(text) {
  return new TextEncoder().encode(text).length;
}

export function record(text) {
  if (!text) return;
  if (queue.length + flying.length < QUEUE && bytes(text) <= EVENT_BYTES && bytes(queue + text) <= QUEUE_BYTES) {
    queue.push(text);
    keep();
  } else {
    lost++;
  }
}

/** Takes the next batch off the queue. */
export function take() {
  let size = 0;
  let many = 0;
  while (many < queue.length && many < BATCH) {
    size += bytes(queue[many]);
    if (many && size > BATCH_BYTES) break;
    many++;
  }
  const batch = queue.splice(0, many);
  flying.push(...batch);
  // Told with this batch, unless it does not arrive.
  batch.lost = lost;
  lost = 0;
  return batch;
}

/** The batch is out of the air: done, or to be sent `again`, before all others. */
export function land(batch, again) {
  flying = flying.filter((text) => !batch.includes(text));
  if (again) {
    queue = batch.concat(queue);
    lost += batch.lost;
  }
  keep();
}

/** Forgets what waits: the visitor does not want it counted. */
export function clear() {
  queue = [];
}

/** Lets the identity module, where it is there, keep a copy of what no collector has confirmed. */
export function keep(left) {
  hooks.keep?.(flying.concat(queue), left);
}

/** Takes over what earlier pages could not send. */
export function adopt(texts) {
  queue.push(...texts);
}
