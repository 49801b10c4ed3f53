/*
 * Footfall's pixel: tells a collector which pages were seen and what happened on them.
 *
 *   views.js, interactions.js, the page's own calls
 *        └──► event.js ──► queue.js ──► send.js ──► collector
 *                              ▲            │
 *                              └─ again ◄───┘
 *
 * The page comes first: nothing here may throw into it, slow it down or keep it out of the back/forward cache.
 * ES2020, no dependencies, nothing evaluated from text, one global: `footfall`.
 */

import {declare, declared, findOut, out, setOut, stored, tier} from './consent.js';
import {watchEngagement} from './engagement.js';
import {current, newEvent, properties, said, textOf} from './event.js';
import {configure, flag, guard, hooks, later, on, options, words} from './page.js';
import {adopt, clear, keep, lost, queue, record} from './queue.js';
import {plan, planNow, version, watchNetwork} from './send.js';
import {scrub} from './scrub.js';
import {view, watchViews, whenVisible} from './views.js';

// How long the first view waits for the module that knows the visitor, in ms.
const ARRIVAL = 1000;

let source;                // the script's own address
let waiting = [];          // calls that came too early; empty and 0 once calls are taken
const loaded = {};         // the modules

/** Makes and records one event; `fields` are put in the place of its own. */
function emit(type, props, fields) {
  if (words('off').includes(type)) return;
  record(textOf(Object.assign(newEvent(type, props), fields)));
  plan();
}

/** Whether this can stand for a user: text that is not itself personal. */
function isId(id) {
  return id && scrub('' + id) === '' + id;
}

/** Calls whose first argument is none of these make an event of that type. */
const COMMANDS = {
  __proto__: null,
  set(props) {
    said.props = props;
  },
  beforeSend(hook) {
    said.before = hook;
  },
  identify(id) {
    if (!isId(id)) return;
    said.user = id;
    emit('identify');
  },
  alias(user, previous) {
    if (isId(user)) emit('alias', {previous}, {user});
  },
  consent(to) {
    const from = declared ?? 1;
    declare(to);
    hooks.changed?.();
    identify();
    // What the page says before its first view is no change.
    if (!waiting && from !== declared) emit('consent', {from, to: declared});
  },
  page_view(given = {}) {
    view('call', given, properties(given));
  },
  optout() {
    clear();
    setOut(true);
    hooks.changed?.();
  },
  optin() {
    if (!out) return;
    setOut();
    begin();
  },
  /** For modules: `work` is given what they build on. */
  use(work) {
    work({hooks, options, state, declare, adopt, planNow, ready});
  }
};

/** The public call: footfall(type, {props, revenue: {amount, currency}}). */
function call(type, ...given) {
  const more = given[0] || {};
  if (COMMANDS[type]) COMMANDS[type](...given);
  else if (typeof type === 'string' && /^\P{Cc}{1,64}$/u.test(type)) emit(type, properties(more), more.fields);
}

/**
 * Loads another part of the pixel, once, from where this one came from, unless it came along. A policy (Trusted
 * Types) may forbid it.
 */
const load = guard((name) => {
  if (loaded[name]) return;
  if (PIXEL_WHOLE && hooks.parts[name]) return loaded[name] = hooks.parts[name]();
  const script = loaded[name] = document.createElement('script');
  script.src = source.replace(/(-[\d.]+)?\.js/, '.' + name + '$&');
  document.head.append(script);
});

/** Ids and storage are a module of their own, for visitors who allow them now, on an earlier page or elsewhere. */
function identify() {
  const wanted = tier() > 1 || /_ff=/.test(location.hash) || stored((device) => device.footfall);
  if (wanted) load('identity');
  return wanted;
}

/** The first page view, when it can be seen. */
function begin() {
  whenVisible(() => {
    if (out) return;
    if (!flag('manual')) view('load');
    if (document.querySelector('meta[name="footfall:status"][content="404"]')) emit('not_found');
  });
}

/** From here on calls are taken; those that shape events come before the first of them. */
function ready() {
  if (!waiting) return;
  const calls = waiting;
  waiting = 0;
  begin();
  calls.map((given) => guard(call)(...given));
}

/** For consent banners, modules and the curious. */
function state() {
  return {version, tier: tier(), consent: declared, out, queued: queue.length, lost, view: current};
}

/** An address that ends in #footfall-optout or #footfall-optin does what it says. */
function choose() {
  if (/^#footfall-opt/.test(location.hash)) COMMANDS[location.hash.slice(10)]?.();
}

function run() {
  declare(options.consent);
  watchViews();
  // What makes a browser wait (its storage, other scripts) does not hold up the page's own start.
  later(() => {
    watchNetwork(new URL(options.endpoint || new URL('/collect', source), location.href).href);
    watchEngagement();
    findOut();
    choose();
    on(window, 'hashchange', choose);
    waiting = waiting.filter((given) => !/^(set|beforeSend|consent)$/.test(given?.[0]) || guard(call)(...given));
    if (!flag('manual')) load('interactions');
    words('modules').map(load);
    if (flag('clicks')) load('clicks');
    if (/[?&]footfall-debug/.test(location.search)) load('debug');
    if (identify()) later(ready, ARRIVAL);
    else ready();
  });
}

/**
 * Starts the pixel and returns the public call. `given` are the options, `from` the script's address, `stub`
 * what the page has called so far.
 */
export function start(given, from, stub) {
  configure(given);
  // The other parts stand beside it under the usual names.
  source = PIXEL_WHOLE ? from.replace(/\.whole(?=(-[\d.]+)?\.js)/, '') : from;
  const passOn = guard((given_) => (waiting && given_[0] !== 'use' ? waiting.push(given_) : call(...given_)));
  waiting = stub?.q || waiting;
  // Whoever kept the stub pushes to its queue, or to that of the global, for ever: those pass everything on.
  const q = {push: passOn};
  if (stub) stub.q = q;
  // A page that is loaded ahead of a click may never be seen. Until it is, calls wait.
  if (document.prerendering) on(document, 'prerenderingchange', run);
  else guard(run)();
  return Object.assign((...given_) => passOn(given_), {loaded: true, state, q});
}
