/*
 * How long a view was looked at and how far down it was read. Time counts while the page is visible, has the
 * focus, and something was done in the last 30 seconds.
 */

import {isVisible, on, ticks} from './page.js';

// Reading without touching anything counts for so many ms.
const IDLE = 30000;
// A view that was reported once is reported again from so many ms on.
const AGAIN = 3000;

let engaged = 0;         // ms of this view that were not reported yet
let since = 0;           // the last sign of life
let active;              // whether time counts from `since` on
let deepest = 0;         // px of the document that were seen
let height = 1;          // px of the document
let reported = -1;       // percent that was reported last

/** A sign of life, or of its end: what lies behind is counted, what lies ahead counts if it may. */
function mark() {
  const now = ticks();
  if (active) engaged += Math.min(now - since, IDLE);
  since = now;
  active = isVisible() && document.hasFocus();
}

/** Called by the browser when its layout is up to date, so that reading sizes costs none. */
function measure() {
  height = Math.max(document.documentElement.scrollHeight, 1);
  deepest = Math.max(deepest, scrollY + innerHeight);
}

/** Begins to count for a new view. */
export function restart() {
  mark();
  engaged = deepest = 0;
  reported = -1;
  requestAnimationFrame(measure);
}

/**
 * What is new since the last report: {engaged_ms, scroll}, or undefined where that is too little. The times of
 * a view's reports add up. The first is always made; with `last`, a further one from 1 ms on.
 */
export function report(last) {
  mark();
  const scroll = Math.min(100, Math.round(100 * deepest / height));
  if (reported >= 0 && scroll <= reported && engaged < (last ? 1 : AGAIN)) return;
  const news = {engaged_ms: Math.round(engaged), scroll};
  engaged = 0;
  reported = scroll;
  return news;
}

export function watchEngagement() {
  on(window, 'focus blur pointermove pointerdown keydown wheel touchmove', mark);
  on(document, 'visibilitychange scroll', mark);
  on(document, 'scroll', measure);
  new ResizeObserver(measure).observe(document.documentElement);
}
