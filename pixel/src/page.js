/*
 * What every part needs of the page that it lives in: options, a way to stay quiet, a way to listen.
 *
 * One pixel a page, so the state of each part is its module's own. Nothing here or anywhere in the pixel
 * throws into the page: whatever the browser calls is wrapped by `guard`.
 */

/** The script tag's data attributes without `data-`, in camelCase; or what `init` was given. */
export let options = {};

/** What the optional parts add: ids(), keep(texts, left), changed(). See modules/identity.js. */
export const hooks = {};

export function configure(given) {
  options = given;
}

/** Whether a switch is on: an attribute by being there, an option by being true. */
export function flag(name) {
  return (options[name] ?? false) !== false;
}

/** The words of an option: 'a b, c' → ['a', 'b', 'c']. */
export function words(name) {
  return options[name]?.split(/[ ,]+/) || [];
}

/** `work`, but whatever goes wrong inside it stays inside. */
export function guard(work) {
  return (...given) => {
    try {
      return work(...given);
    } catch {
      // Not the page's business, and the console may be the page's own.
    }
  };
}

/**
 * Listens to several events at once, ahead of the page's own listeners unless told otherwise. On the window and the
 * document browsers do not wait for listeners before they scroll.
 */
export function on(target, types, work, bubbling) {
  types.split(' ').map((type) => target.addEventListener(type, guard(work), !bubbling));
}

/** Runs `work` later. Returns what clearTimeout takes. */
export function later(work, delay) {
  return setTimeout(guard(work), delay);
}

/** The time in whole ms since 1970: some pages replace Date.now by one that has fractions. */
export function clock() {
  return Math.floor(Date.now());
}

/** A time that no change of the clock moves, in ms. */
export function ticks() {
  return performance.now();
}

export function isVisible() {
  return document.visibilityState === 'visible';
}
