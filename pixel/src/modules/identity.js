/*
 * Who comes back: session and visitor ids, events that outlive their page, and links between hosts. The core
 * loads this for visitors who allow tier 2 or more, now or on an earlier page, and for nobody else.
 *
 *   localStorage.footfall        {tier, session, seen, visitor, born}: the visitor's choice and ids
 *   localStorage.footfall.q.ID   [at, texts, unsure]: events of one page that no collector has confirmed
 *
 * Where the browser forbids storage the same lives in memory, as long as the page.
 */

import {stored} from '../consent.js';
import {newId} from '../id.js';
import {makeToken, readToken} from '../link.js';
import {clock, guard, later, on} from '../page.js';

// A session ends with so many ms without an event.
const TIMEOUT = 18e5;
// A visitor id is made anew after so many ms: 13 months, the longest that the French authority (CNIL) exempts.
const VISITOR_LIFETIME = 34e9;
// What a page left is another page's after so many ms without a sign of life.
const ABANDONED = 5000;
// What a page sent as it was left arrived, if the next page's request within so many ms did.
const RECENT = 60000;
const QUEUE = 'footfall.q.';

window.footfall('use', ({hooks, options, state, declare, adopt, planNow, ready}) => {
  const own = QUEUE + newId();
  let kept = {};
  let texts = [];          // of this page, not confirmed
  let unsure = [];         // of this page, sent while it was left; no answer comes to those
  let brought;             // ids that came with a link from another host
  let timer;

  const mayStore = () => state().tier > 1 && !state().out;

  function load() {
    stored((device) => {
      kept = JSON.parse(device.getItem('footfall')) || {};
    });
  }

  function save() {
    stored((device) => device.setItem('footfall', JSON.stringify(kept)));
  }

  function forget() {
    kept = {};
    stored((device) => Object.keys(device).forEach((key) => {
      if (key === 'footfall' || key.startsWith(QUEUE)) device.removeItem(key);
    }));
  }

  /** The ids that the tier allows. Asking keeps the session alive. */
  hooks.ids = (given) => {
    if (!mayStore()) return {};
    const now = clock();
    load();
    Object.assign(kept, given);
    // Also after the clock was set back by more than a session.
    if (!given && !(Math.abs(now - kept.seen) <= TIMEOUT)) kept.session = newId();
    if (state().tier < 3) delete kept.visitor;
    else if (!kept.visitor || now - kept.born > VISITOR_LIFETIME) Object.assign(kept, {visitor: newId(), born: now});
    Object.assign(kept, {seen: now, tier: state().consent});
    save();
    return {session: kept.session, visitor: kept.visitor};
  };

  /** Consent or the wish to be counted has changed. */
  hooks.changed = () => {
    if (!mayStore()) return forget();
    // Ids that came with the address wait for consent, as long as the page.
    hooks.ids(brought);
    brought = undefined;
  };

  // ---- events that outlive their page ---------------------------------------------------------------

  function write(at) {
    clearTimeout(timer);
    timer = 0;
    stored((device) => {
      if (mayStore() && texts.length + unsure.length) device.setItem(own, JSON.stringify([at, texts, unsure]));
      else device.removeItem(own);
    });
  }

  hooks.keep = (waiting, left) => {
    texts = waiting;
    // A time of 0: this page is gone, another may take over at once.
    if (left) write(0);
    else timer = timer || later(() => write(clock()));
  };

  on(document, 'footfall-sent', ({detail}) => {
    if (detail.status === 'beacon') unsure.push(...detail.events.map((event) => JSON.stringify(event)));
  });
  on(document, 'visibilitychange', () => {
    // Seen again: whoever watches for answers is here, and the collector knows repetitions by their id.
    if (document.visibilityState === 'visible' && unsure.length) {
      unsure = [];
      write(clock());
    }
  });

  function takeOver() {
    const doubtful = [];
    stored((device) => Object.keys(device).filter((key) => key.startsWith(QUEUE) && key !== own).forEach((key) => {
      const [at, waiting, sent] = JSON.parse(device.getItem(key));
      if (Math.abs(clock() - at) < ABANDONED) return;
      device.removeItem(key);
      adopt(waiting);
      doubtful.push(...sent);
    }));
    if (!doubtful.length) return;
    // The time in an id (UUIDv7) says when an event happened; its page was left a little later.
    const last = JSON.parse(doubtful[doubtful.length - 1]).id;
    const age = clock() - parseInt(last.slice(0, 8) + last.slice(9, 13), 16);
    const settle = guard(({detail}) => {
      document.removeEventListener('footfall-sent', settle);
      if (detail.status >= 200 && detail.status < 300 && age < RECENT) return;
      adopt(doubtful);
      planNow();
    });
    document.addEventListener('footfall-sent', settle);
  }

  // ---- links between hosts ------------------------------------------------------------------------------

  const domains = (options.domains || '').split(/[ ,]+/).filter(Boolean);
  const isLinked = (host) => host !== location.hostname && domains.some((name) => ('.' + host).endsWith('.' + name));

  /** Takes the token out of the address bar; returns the ids it carried, where it is good. */
  function arrive() {
    const [, before, token] = /^(.*?)[#&]_ff=([^&]*)/.exec(location.hash) || [];
    if (!token) return;
    history.replaceState(history.state, '', location.pathname + location.search + before);
    if (before) document.getElementById(before.slice(1))?.scrollIntoView();
    const from = document.referrer && new URL(document.referrer).hostname;
    // A page may hide where its links come from.
    if (from && !isLinked(from)) return;
    return readToken(options.site, token, location.hostname, navigator.userAgent, clock());
  }

  on(window, 'click auxclick', (event) => {
    const link = event.composedPath().find((node) => node.matches?.('a[href],area[href]'));
    if (!link || event.button > 1 || !mayStore()) return;
    const plain = link.getAttribute('href');
    const url = new URL(plain, document.baseURI);
    if (!/^http/.test(url.protocol) || !isLinked(url.hostname)) return;
    const token = makeToken(options.site, hooks.ids(), url.hostname, navigator.userAgent, clock());
    url.hash += (url.hash && '&') + '_ff=' + token;
    link.setAttribute('href', url.href);
    // The browser has read it by then; what is copied later carries no token.
    later(() => link.setAttribute('href', plain));
  });

  // ---- start ---------------------------------------------------------------------------------------------

  load();
  // What the visitor chose on an earlier page is newer than what the tag says, older than what the page says.
  const {consent} = state();
  if (kept.tier !== undefined && (consent === undefined || '' + consent === options.consent)) declare(kept.tier);
  brought = arrive();
  hooks.changed();
  if (mayStore()) takeOver();
  ready();
  planNow();
});
