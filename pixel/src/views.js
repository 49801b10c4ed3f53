/* Page views: what begins one, what ends it, and where it came from. */

import {address} from './address.js';
import {report, restart} from './engagement.js';
import {current, newEvent, setCurrent, textOf} from './event.js';
import {flag, guard, isVisible, later, on} from './page.js';
import {record} from './queue.js';
import {flush, plan} from './send.js';

// How long a page view waits for its title, in ms. Routers change the address first and the title after it;
// shorter takes the old title, longer risks that the visitor has gone.
const SETTLE = 150;

let last;                  // the address last seen
let settling;              // ends the wait of a page view for its title
let told;                  // whether the current view was recorded
let timer;
let waiting;               // what begins when the page is seen

function here(found) {
  return address(location.href, found) + (flag('hash') ? location.hash : '');
}

/**
 * Begins a page view. `nav` says how: load, push, replace, pop, hash, bfcache or call. `given` are the page's
 * own words for it: url, title. Each event belongs to a view and carries its address.
 */
export function view(nav, given = {}, props) {
  const before = current;
  finish(true);
  const clicks = {};
  last = here(clicks);
  setCurrent({
    url: given.url ? new URL(given.url, location.href).href : last,
    // Within a page the view before is the referrer; its query (campaigns, searches) was told with it.
    referrer: before.view_id && nav !== 'bfcache' ? before.url.replace(/\?.*/, '').slice(0, 3000) : address(document.referrer)
  });
  const event = Object.assign(newEvent('page_view', props), {nav});
  event.view_id = current.view_id = event.id;
  if (Object.keys(clicks)[0] && !before.view_id) event.clicks = clicks;
  restart();
  settling = () => {
    clearTimeout(timer);
    settling = 0;
    event.title = current.title = given.title || document.title;
    told = textOf(event);
    record(told);
    plan(0);
  };
  timer = later(settling, SETTLE);
}

/** Tells how the current view was read; `ended`: nothing more will come of it. */
function finish(ended) {
  if (settling) settling();
  // A view that the page or the visitor did not want told has no story either.
  const news = told && report(ended);
  if (ended) told = 0;
  if (news) record(textOf(Object.assign(newEvent('engagement'), news)));
}

/** The page changed its own address. Before the first view there is nothing to leave. */
function navigated(nav) {
  const from = last;
  last = here();
  if (!current.view_id || last === from) return;
  // A replaced query on the same path is a filter being noted or campaign parameters being tidied away.
  if (nav !== 'replace' || last.split(/[?#]/)[0] !== from.split(/[?#]/)[0]) view(nav);
}

/** Now, if the page can be seen; else when it can. A tab opened in the background is no visit yet. */
export function whenVisible(work) {
  waiting = work;
  seen();
}

function seen() {
  if (!isVisible() || !waiting) return;
  const work = waiting;
  waiting = 0;
  work();
}

/** Begins to watch the page; the first view is begun by `whenVisible`. */
export function watchViews() {
  setCurrent({url: here(), referrer: address(document.referrer)});
  // Hidden is the last moment that is sure to come on a phone; pagehide catches the browsers that leave without
  // it. `unload` would keep the page out of the back/forward cache.
  on(document, 'visibilitychange', () => {
    seen();
    if (isVisible()) return;
    finish();
    flush(true);
  });
  on(window, 'pagehide', () => {
    finish(true);
    flush(true, true);
  });
  if (flag('manual')) return;
  ['push', 'replace'].map((nav) => {
    const method = nav + 'State';
    const original = history[method];
    const after = guard(navigated);
    // The original's own errors (an address of another origin) are the page's business.
    history[method] = function (...given) {
      const result = original.apply(this, given);
      after(nav);
      return result;
    };
  });
  on(window, 'popstate', () => navigated('pop'));
  if (flag('hash')) on(window, 'hashchange', () => navigated('hash'));
  // Back from the cache the page was not loaded again, but it is seen again.
  on(window, 'pageshow', (event) => event.persisted && whenVisible(() => view('bfcache')));
}
