/*
 * The script tag's pixel.
 *
 *   <script defer src="https://collector.example/pixel.js" data-site="SITE_KEY"></script>
 *
 *   footfall('signup', {props: {plan: 'team'}});
 *   footfall('purchase', {props: {order: 'A1'}, revenue: {amount: 49.9, currency: 'EUR'}});
 */

import {start} from './core.js';
import {guard} from './page.js';

guard(() => {
  // A script tag in the page's HTML is `currentScript`; one that a tag manager inserted may not be.
  const script = document.currentScript || document.querySelector('script[data-site][src]');
  const stub = window.footfall;
  // The snippet pasted twice, or a tag manager beside it: one page view, not two.
  if (stub && stub.loaded) return;
  if (!script?.dataset.site) return console.warn('footfall: no data-site');
  if (/^http/.test(location.protocol)) window.footfall = start(script.dataset, script.src, stub);
})();
