/*
 * The pixel as a module, for pages that are built: no script tag, no global.
 *
 *   import {init, footfall} from 'footfall-pixel';
 *   init({site: 'SITE_KEY', endpoint: 'https://collector.example/collect'});
 *   footfall('signup', {props: {plan: 'team'}});
 *
 * Importing does nothing, so that it may be imported on a server.
 */

import {start} from './core.js';
import {guard} from './page.js';

let running;
const stub = {q: []};

/** Starts the pixel, once. */
export const init = guard((options) => {
  if (running || typeof document === 'undefined' || !/^http/.test(location.protocol)) return;
  if (!options.site || !options.endpoint) return console.warn('footfall: init needs site and endpoint; nothing is sent');
  running = start(options, new URL('pixel.js', new URL(options.endpoint, location.href)).href, stub);
  // The modules (linker, vitals, consent, debug) are scripts and find the pixel here.
  if (!window.footfall) window.footfall = running;
});

/** The public call. Before `init` it waits. */
export function footfall(...call) {
  stub.q.push(call);
}
