/*
 * Web vitals of the page as it was loaded, told once, when it is first hidden: event `web_vitals` with lcp_ms,
 * inp_ms, cls, fcp_ms, ttfb_ms, each absent where the browser does not measure it or it did not happen.
 * What each means: https://web.dev/articles/vitals
 */

import {guard, on} from '../page.js';

// Layout shifts belong together with less than so many ms between them, and less than so many in all.
const GAP = 1000;
const WINDOW = 5000;
// Of so many interactions the slowest one may be an accident.
const ACCIDENTS = 50;
// Above this the browser was asleep: https://github.com/umami-software/umami has the same bound.
const LONGEST = 60000;

let lcp;
let fcp;
let cls = 0;
let shift = {value: 0, first: 0, last: 0};
let told;
let view;                                          // the one that was loaded
const slowest = new Map();                         // interaction → ms

function observe(type, each, more) {
  guard(() => new PerformanceObserver(guard((list) => list.getEntries().forEach(each)))
    .observe({type, buffered: true, ...more}))();
}

observe('largest-contentful-paint', (entry) => {
  lcp = entry.startTime;
});
observe('paint', (entry) => {
  if (entry.name === 'first-contentful-paint') fcp = entry.startTime;
});
observe('layout-shift', ({hadRecentInput, value, startTime}) => {
  if (hadRecentInput) return;
  const joins = startTime - shift.last < GAP && startTime - shift.first < WINDOW;
  shift = {value: value + (joins ? shift.value : 0), first: joins ? shift.first : startTime, last: startTime};
  cls = Math.max(cls, shift.value);
});
observe('event', ({interactionId, duration}) => {
  if (interactionId) slowest.set(interactionId, Math.max(duration, slowest.get(interactionId) || 0));
}, {durationThreshold: 40});
observe('first-input', ({interactionId, duration}) => {
  if (!slowest.size) slowest.set(interactionId, duration);
});

on(document, 'footfall-sent', () => {
  view = view || window.footfall.state().view;
});

/** Ahead of the core's own listeners, so that the event leaves with the page. */
function report() {
  if (told || !view) return;
  told = true;
  // A page that was loaded ahead of a click begins when it is opened.
  const navigation = performance.getEntriesByType('navigation')[0] || {};
  const start = navigation.activationStart || 0;
  const since = (time) => (time >= start && time < LONGEST ? Math.round(time - start) : undefined);
  const durations = [...slowest.values()].sort((a, b) => b - a);
  const inp = durations[Math.min(durations.length - 1, Math.floor(durations.length / ACCIDENTS))];
  window.footfall('web_vitals', {
    fields: view,
    props: {
      lcp_ms: since(lcp),
      fcp_ms: since(fcp),
      ttfb_ms: since(navigation.responseStart),
      inp_ms: inp && Math.round(inp),
      cls: PerformanceObserver.supportedEntryTypes.includes('layout-shift') ? Math.round(cls * 1e4) / 1e4 : undefined
    }
  });
}

on(window, 'visibilitychange', () => document.visibilityState === 'hidden' && report());
on(window, 'pagehide', report);
