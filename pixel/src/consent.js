/*
 * What the visitor allows. Tiers: 0 nothing that tells people apart, 1 no storage on the device (the default),
 * 2 a session id, 3 a visitor id. A signal against tracking holds them at 1, whatever else was said.
 */

/** The tier that the page, its consent platform or an earlier page declared; undefined where none did. */
export let declared;

/** The visitor wants no counting at all. */
export let out;

// Signals of the browser, as event fields that are absent unless true.
export const signals = () => ({
  gpc: navigator.globalPrivacyControl || undefined,
  dnt: navigator.doNotTrack === '1' || undefined
});

/** Takes '0' to '3' and 0 to 3, and leaves everything else. */
export function declare(tier) {
  if (/^[0-3]$/.test(tier)) declared = +tier;
}

/** The tier that holds. */
export function tier() {
  const {gpc, dnt} = signals();
  return Math.min(declared ?? 1, gpc || dnt ? 1 : 3);
}

/** `work` with the device's storage; undefined where the browser blocks it or it is full. */
export function stored(work) {
  try {
    return work(localStorage);
  } catch {
    // Whoever calls has the same in memory.
  }
}

// The one thing that is kept in every tier, because the visitor asked for it.
const OUT = 'footfall.off';

export function findOut() {
  out = stored((device) => device[OUT]);
}

export function setOut(wanted) {
  out = wanted;
  stored((device) => (out ? device.setItem(OUT, 1) : device.removeItem(OUT)));
}
