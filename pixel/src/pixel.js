/*
 * Footfall's pixel: tells a collector which pages were seen and what happened on them.
 *
 *   <script defer src="https://collector.example/pixel.js" data-site="SITE_KEY"></script>
 *
 *   footfall('signup', {props: {plan: 'team'}});
 *   footfall('purchase', {props: {order: 'A1'}, revenue: {amount: 49.9, currency: 'EUR'}});
 *
 * How an event travels:
 *
 *   something happens ── record ──► queue of JSON texts ── flush ──► one POST of up to 20 ──► collector
 *                                         ▲                                 │
 *                                         └── try again, later, same ids ◄──┘
 *
 * Three rules hold everywhere. The page comes first: nothing here may throw into it, slow it down or keep
 * it out of the back/forward cache. An event is frozen when it happens: its id and time are made then, and
 * every retry sends the same text, so that the collector can tell a repetition from a second event.
 * Nothing is kept on the device: no cookie, no storage; what is queued lives as long as the page.
 *
 * ES2017, no dependencies, nothing evaluated from text, one global: `footfall`.
 */
(() => {
  'use strict';

  // How long a page view waits for its title, in ms. Routers change the address first and the title after
  // it; shorter takes the old title, longer risks that the visitor has gone.
  const SETTLE = 150;
  // How long any other event waits for company, in ms. Longer means fewer requests and more events that
  // only leave when the page does.
  const WINDOW = 3000;
  // Events in one request. A full batch does not wait for the window.
  const BATCH = 20;
  // Bytes of one request. Browsers allow 64 KiB for all requests of a page that may outlive it, so a batch
  // leaves room for those of others.
  const BATCH_BYTES = 48000;
  // Bytes of one event, and properties of one: the collector refuses more.
  const EVENT_BYTES = 32768;
  const PROPERTIES = 64;
  // Events held while the collector does not answer. The first ones stay: where a visit came from is worth
  // more than what a loop in the page repeats.
  const QUEUE = 100;
  // Waits between attempts, in ms: doubled each time up to the longest, and given up after so many.
  const FIRST_WAIT = 2000;
  const LONGEST_WAIT = 300000;
  const ATTEMPTS = 10;

  // A script tag in the page's HTML is `currentScript`; one that a tag manager inserted may not be.
  const script = document.currentScript || document.querySelector('script[data-site][src]');
  let stub = window.footfall;
  // The snippet pasted twice, or a tag manager beside it: one page view, not two.
  if (stub && stub.loaded) return;

  /** With `data-debug`, says in the console why something was not recorded or sent. */
  function say(why, more) {
    if (script && script.hasAttribute('data-debug')) console.info('footfall: ' + why, more || '');
  }

  /** `work`, but whatever goes wrong inside it stays inside. */
  function guard(work) {
    return (...given) => {
      try {
        return work(...given);
      } catch (error) {
        try {
          say('error', error);
        } catch (ignored) {
          // Even the console may be the page's own and broken.
        }
      }
    };
  }

  guard(start)();

  function start() {
    const site = script && script.getAttribute('data-site');
    if (!site) return console.warn('footfall: the script tag has no data-site; nothing is sent');
    if (!/^https?:$/.test(location.protocol)) return say('not a web page; nothing is sent');
    // A page that is loaded ahead of a click may never be seen. Until it is, calls wait in the stub.
    if (document.prerendering) {
      stub = window.footfall = stub || ((...given) => {
        (stub.q = stub.q || []).push(given);
      });
      return document.addEventListener('prerenderingchange', guard(() => run(site)), {once: true});
    }
    run(site);
  }

  function run(site) {
    const given = script.getAttribute('data-endpoint');
    const endpoint = given ? new URL(given, location.href).href : new URL(script.src).origin + '/collect';

    // ---- what happened -----------------------------------------------------------------------------

    let here = address(location.href);             // the address last seen
    let viewed = null;                             // the address of the last page view
    let referrer = address(document.referrer);     // where the current view came from
    let settling = null;                           // a page view that waits for its title
    let settleTimer = 0;
    let count = 0;                                 // events made on this page

    /** An address without what is private or only meant for the browser: user, password, fragment. */
    function address(text) {
      try {
        const url = new URL(text);
        url.username = url.password = url.hash = '';
        return url.href;
      } catch (error) {
        return '';
      }
    }

    /** The time in whole ms since 1970: some pages replace Date.now by one that has fractions. */
    function clock() {
      return Math.floor(Date.now());
    }

    /**
     * A UUIDv7: 48 bits of time, 12 bits of the event's number, 62 random bits. The number keeps events of
     * one millisecond in their order. getRandomValues also exists on http pages, randomUUID does not.
     */
    function newId(now) {
      const bytes = crypto.getRandomValues(new Uint8Array(10));
      bytes[0] = 0x70 | ((count >> 8) & 0x0f);
      bytes[1] = count++ & 0xff;
      bytes[2] = 0x80 | (bytes[2] & 0x3f);
      const tail = Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join('');
      return (now.toString(16).padStart(12, '0') + tail)
        .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    }

    /** The fields that every event has. */
    function newEvent(type) {
      const now = clock();
      const event = {
        id: newId(now),
        type: type,
        occurred_at: now,
        url: address(location.href),
        title: document.title,
        referrer: referrer,
        screen: screen.width + 'x' + screen.height,
        viewport: innerWidth + 'x' + innerHeight,
        language: navigator.language
      };
      // Signals against tracking are passed on; what they mean for this site is decided by the collector.
      if (navigator.globalPrivacyControl) event.gpc = true;
      if (navigator.doNotTrack === '1') event.dnt = true;
      return event;
    }

    /** Begins a page view: `how` is 'load', 'spa' (the page changed its own address) or 'bfcache' (back). */
    function view(how) {
      settled();
      here = address(location.href);
      if (how === 'spa') referrer = viewed;
      viewed = here;
      settling = newEvent('page_view');
      settling.nav_type = how;
      settleTimer = setTimeout(guard(settled), SETTLE);
    }

    /** Ends the wait for the title, also early: before the next view, and when the page is left. */
    function settled() {
      if (!settling) return;
      clearTimeout(settleTimer);
      settling.title = document.title;
      record(settling);
      settling = null;
      plan(0);
    }

    /** The page changed its own address. Before the first view there is nothing to leave. */
    function navigated(replaced) {
      const from = here;
      here = address(location.href);
      if (!viewed || here === from) return;
      // A replaced query on the same path is a filter being noted or campaign parameters being tidied away.
      if (replaced && new URL(here).pathname === new URL(from).pathname) return;
      view('spa');
    }

    /** The public call: footfall(type, {props, revenue: {amount, currency}}). */
    function call(type, options) {
      if (typeof type !== 'string' || !/^[^\x00-\x1f\x7f]{1,64}$/.test(type)) {
        return say('ignored: the first argument is a type of 1 to 64 characters', type);
      }
      const event = newEvent(type);
      const props = properties(options || {});
      if (Object.keys(props).length) event.props = props;
      record(event);
      plan(queue.length < BATCH ? WINDOW : 0);
    }

    /** Properties and revenue as one object. What is wrong in them is left out; the event still counts. */
    function properties(options) {
      const props = Object.create(null);
      const revenue = options.revenue;
      if (revenue) {
        const amount = parseFloat(revenue.amount);
        const currency = String(revenue.currency).toUpperCase();
        // The comparison sees through '49.90' and catches '49,90' and '49 EUR'.
        if (isFinite(amount) && amount == revenue.amount && /^[A-Z]{3}$/.test(currency)) {
          props.revenue = amount;
          props.currency = currency;
        } else {
          say('left out: revenue is {amount: number, currency: three letters}', revenue);
        }
      }
      const more = options.props;
      if (more && typeof more === 'object' && !Array.isArray(more)) {
        Object.keys(more).forEach((key) => {
          if (key in props || Object.keys(props).length >= PROPERTIES) return say('left out: property', key);
          props[key] = more[key];
        });
      } else if (more) {
        say('left out: props is an object', more);
      }
      return props;
    }

    // ---- what waits --------------------------------------------------------------------------------

    let queue = [];            // events as JSON texts, oldest first
    let flying = 0;            // events sent and not yet answered
    let timer = 0;             // of the next flush
    let due = 0;               // when that is, by performance.now(): the wall clock may jump
    let attempts = 0;          // failures in a row; above 0 the collector is in trouble
    let notBefore = 0;         // no attempt earlier than this, by performance.now()

    function bytes(text) {
      return new TextEncoder().encode(text).length;
    }

    /** The event as text, from here on unchanged. */
    function record(event) {
      if (queue.length + flying >= QUEUE) return say('dropped: the queue is full', event);
      let text;
      try {
        text = JSON.stringify(event);
      } catch (error) {
        // Circular or otherwise not JSON: it happened all the same.
        say('left out: props that cannot be JSON', error);
        delete event.props;
        text = JSON.stringify(event);
      }
      // Half of a surrogate pair, as from a text cut in the middle of an emoji, is no valid JSON elsewhere.
      text = text.replace(/(\\\\)|\\ud[89a-f][0-9a-f]{2}/g, (match, backslash) => backslash || '\\ufffd');
      if (bytes(text) > EVENT_BYTES) return say('dropped: larger than ' + EVENT_BYTES + ' bytes', event);
      queue.push(text);
    }

    /** Flushes in `delay` ms, or when the collector wants to be asked again, unless it is sooner anyway. */
    function plan(delay) {
      const at = Math.max(performance.now() + delay, notBefore);
      if (timer && due <= at) return;
      clearTimeout(timer);
      due = at;
      timer = setTimeout(guard(() => flush(false)), at - performance.now());
    }

    /** Takes the next batch off the queue. */
    function take() {
      let size = 0;
      let many = 0;
      while (many < queue.length && many < BATCH) {
        size += bytes(queue[many]) + 1;
        if (many && size > BATCH_BYTES) break;
        many++;
      }
      return queue.splice(0, many);
    }

    /** Sends what waits. After a failure one batch goes first, to see whether the collector is back. */
    function flush(leaving) {
      clearTimeout(timer);
      timer = 0;
      const inTrouble = attempts > 0;
      const batches = [];
      while (queue.length && (leaving || !inTrouble || !batches.length)) batches.push(take());
      batches.forEach((batch) => {
        // No answer comes to a beacon. While the collector is in trouble the events also stay here, in case
        // the page does: the collector knows a repetition by its id.
        if (!send(batch, leaving) || !inTrouble) return;
        queue = queue.concat(batch);
        plan(0);
      });
    }

    // ---- how it is sent ----------------------------------------------------------------------------

    /** Sends a batch; true where it left with the page, so that nothing more will be heard of it. */
    function send(batch, leaving) {
      // Text, so that the browser asks no permission first (CORS preflight). sent_at lets the collector
      // see how wrong the clock here is.
      const body = '{"site":' + JSON.stringify(site) + ',"sent_at":' + clock() +
        ',"events":[' + batch.join() + ']}';
      if (leaving && beacon(body)) {
        tell(batch, 'beacon');
        return true;
      }
      flying += batch.length;
      let request;
      try {
        request = window.fetch(endpoint, {method: 'POST', body: body, keepalive: true, credentials: 'omit'});
        request.then(
          guard((answer) => answered(batch, answer.status, answer.headers.get('retry-after'))),
          guard(() => answered(batch, 0))
        );
      } catch (error) {
        // Some page or extension put something else in the place of fetch.
        say('fetch failed', error);
        answered(batch, beacon(body) ? 'beacon' : 0);
      }
    }

    /** Hands the body to the browser, which sends it even after the page is gone; false where it will not. */
    function beacon(body) {
      try {
        return navigator.sendBeacon(endpoint, body);
      } catch (error) {
        return false;
      }
    }

    /**
     * What an answer means. `code` is its status, 0 where none came, 'beacon' where none will; `retryAfter`
     * is its header: seconds or a date.
     */
    function answered(batch, code, retryAfter) {
      flying -= batch.length;
      tell(batch, code);
      if (code && code !== 408 && code !== 429 && !(code >= 500)) {
        if (code >= 400) say('dropped: the collector refused with ' + code, batch);
        const wasInTrouble = attempts > 0;
        attempts = notBefore = 0;
        if (wasInTrouble && queue.length) plan(0);
        return;
      }
      queue = batch.concat(queue);
      // Batches that were under way together fail together: that is one failure.
      if (performance.now() >= notBefore) {
        attempts++;
        if (attempts > ATTEMPTS) {
          say('dropped: no answer after ' + ATTEMPTS + ' attempts', queue);
          queue = [];
          attempts = 0;
          return;
        }
        // Half to all of the wait, so that not every page comes back at the same moment.
        const wait = Math.min(FIRST_WAIT * Math.pow(2, attempts - 1), LONGEST_WAIT);
        notBefore = performance.now() + Math.max(wait * (0.5 + Math.random() / 2), asked(retryAfter));
      }
      plan(0);
    }

    /** The wait that the collector asks for, in ms; at most an hour, lest a wrong date silence the page. */
    function asked(retryAfter) {
      if (!retryAfter) return 0;
      const wait = /^\d+$/.test(retryAfter) ? retryAfter * 1000 : Date.parse(retryAfter) - Date.now();
      return Math.min(wait || 0, 3600000);
    }

    /** Tells whoever listens on the document, so that an installation can be checked by looking. */
    function tell(batch, outcome) {
      const detail = {status: outcome, events: JSON.parse('[' + batch.join() + ']')};
      document.dispatchEvent(new CustomEvent('footfall-sent', {detail: detail}));
    }

    // ---- when --------------------------------------------------------------------------------------

    /** Now, if the page can be seen; else when it can. A tab opened in the background is no visit yet. */
    function whenVisible(work) {
      if (document.visibilityState === 'visible') return work();
      const look = guard(() => {
        if (document.visibilityState !== 'visible') return;
        document.removeEventListener('visibilitychange', look);
        work();
      });
      document.addEventListener('visibilitychange', look);
    }

    const leave = guard(() => {
      settled();
      flush(true);
    });

    ['pushState', 'replaceState'].forEach((method) => {
      const original = history[method];
      const after = guard(navigated);
      // The original's own errors (an address of another origin) are the page's business.
      history[method] = function () {
        const result = original.apply(this, arguments);
        after(method === 'replaceState');
        return result;
      };
    });
    addEventListener('popstate', guard(() => navigated(false)));

    // Back from the cache the page was not loaded again, but it is seen again.
    addEventListener('pageshow', guard((event) => {
      if (event.persisted) whenVisible(() => view('bfcache'));
    }));

    // Hidden is the last moment that is sure to come on a phone; pagehide catches the browsers that leave
    // without it. `unload` would keep the page out of the back/forward cache.
    document.addEventListener('visibilitychange', guard(() => {
      if (document.visibilityState === 'hidden') leave();
    }));
    addEventListener('pagehide', leave);
    addEventListener('online', guard(() => {
      notBefore = 0;
      if (queue.length) plan(0);
    }));

    // ---- from here on, calls are taken -------------------------------------------------------------

    const footfall = guard(call);
    footfall.loaded = true;
    // Whoever kept the stub pushes to its queue for ever: that queue now passes everything on.
    footfall.q = {push: guard((args) => footfall(...args))};
    const early = (stub && stub.q) || [];
    if (stub) stub.q = footfall.q;
    window.footfall = footfall;

    whenVisible(guard(() => view('load')));
    Array.prototype.forEach.call(early, footfall.q.push);
  }
})();
