/* Addresses as they are reported. */

import {tier} from './consent.js';

// Parameters by which advertisers find one click again. https://github.com/PostHog/posthog-js has most of them.
const CLICK_IDS = /([?&])(gclid|dclid|[gw]braid|fbclid|msclkid|t[wt]clid|yclid|sccid|rdt_cid|li_fat_id|igshid|epik)=([^&#]*)/gi;

/**
 * Without user, password and fragment, and without the values of click ids where the visitor has not agreed
 * to ids. `found` collects which click ids there were: {gclid: value}, or `true` in place of the value.
 */
export function address(text, found = {}) {
  return text.replace(/#.*/, '').replace(/^(\w+:\/\/)[^/?]*@/, '$1').replace(CLICK_IDS, (all, before, name, value) => {
    found[name] = tier() < 2 || value;
    return tier() < 2 ? before + name + '=1' : all;
  });
}
