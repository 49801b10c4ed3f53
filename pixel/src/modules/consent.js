/*
 * Adapters of consent platforms: what they know becomes a tier, at once and with every change.
 *
 *   IAB TCF 2    purposes 1 (storage) and 8 (measure content) → 3; purpose 1 → 2; else 1
 *   Google Consent Mode    analytics_storage granted → 3; functionality_storage granted → 2; else 1
 *
 * Where both are there TCF decides: it says what the visitor was asked, the other what tags shall do.
 */

import {guard} from '../page.js';

// Purposes of the TCF. https://iabeurope.eu/iab-europe-transparency-consent-framework-policies/
const STORE = 1;
const MEASURE_CONTENT = 8;

const tell = (tier) => window.footfall('consent', tier);

function fromTcf(data, success) {
  if (!success || !/^(tcloaded|useractioncomplete)$/.test(data.eventStatus)) return;
  // Where the law does not ask, the platform has nothing to say; the tag's own tier holds.
  if (data.gdprApplies === false) return;
  const {consents = {}} = data.purpose || {};
  tell(consents[STORE] ? (consents[MEASURE_CONTENT] ? 3 : 2) : 1);
}

const granted = {};

/** One entry of the data layer: ['consent', 'default' or 'update', {analytics_storage: 'granted' or 'denied'}]. */
function fromGoogle(entry) {
  if (entry?.[0] !== 'consent' || !entry[2]) return;
  ['analytics_storage', 'functionality_storage'].forEach((name) => {
    if (entry[2][name]) granted[name] = entry[2][name] === 'granted';
  });
  tell(granted.analytics_storage ? 3 : granted.functionality_storage ? 2 : 1);
}

guard(() => {
  if (typeof window.__tcfapi === 'function') return window.__tcfapi('addEventListener', 2, guard(fromTcf));
  const layer = window.dataLayer = window.dataLayer || [];
  layer.forEach(guard(fromGoogle));
  const push = layer.push;
  layer.push = function (...entries) {
    const length = push.apply(this, entries);
    entries.forEach(guard(fromGoogle));
    return length;
  };
})();
