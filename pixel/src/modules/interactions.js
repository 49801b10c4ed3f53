/*
 * What happens on a page without the page's help: links, forms, copies, selections, rage. Never a value or text.
 * The core loads this after itself, except on pages that count by hand (data-manual).
 */

import {later, on} from '../page.js';

const FILES = new RegExp('\\.(pdf|xlsx?|docx?|pptx?|pps|key|od[stp]|txt|rtf|csv|epub|mobi|exe|msi|dmg|pkg|deb|rpm|apk|iso|' +
  '7z|zip|rar|t?gz|tar|bz2|xz|avi|mov|mp[34]|m4[av]|mpe?g|mkv|webm|wmv|midi?|wav|wma|flac|ogg)$', 'i');
// Rage: so many clicks within so many ms and px. https://github.com/PostHog/posthog-js has the same numbers.
const RAGE = 3;
const RAGE_MS = 1000;
const RAGE_PX = 30;
// A selection is one when it has not changed for so many ms.
const SELECTED = 1000;

window.footfall('use', ({options}) => {
  const domains = [location.hostname].concat(options.domains?.split(/[ ,]+/) || []).filter(Boolean);
  let clicks = [];
  let timer;

  const emit = (type, props) => window.footfall(type, {props});
  const linked = (text) => new URL(text, document.baseURI);
  const bare = (url) => url.origin + url.pathname;

  /** By an element's own attributes: data-footfall="signup" data-footfall-plan="team". */
  function tagged({dataset}) {
    const props = {};
    Object.keys(dataset).forEach((key) => {
      const [, first, rest] = /^footfall(.)(.*)/.exec(key) || [];
      if (first) props[first.toLowerCase() + rest] = dataset[key];
    });
    emit(dataset.footfall || 'click', props);
  }

  function followed(link) {
    const url = linked(link.getAttribute('href'));
    const own = domains.some((name) => ('.' + url.hostname).endsWith('.' + name));
    if (/^(https?|mailto|tel):$/.test(url.protocol) && !own) emit('outbound_click', {url: url.href});
    else if (link.hasAttribute('download') || FILES.test(url.pathname)) emit('download', {url: bare(url)});
  }

  /** Selected text has a length; that of a field is nobody's business. */
  function withSelection(type) {
    if (/^(INPUT|TEXTAREA)$/.test(document.activeElement?.tagName)) return;
    const {length} = getSelection().toString();
    if (length) emit(type, {length});
  }

  on(window, 'click auxclick', (event) => {
    // Of the other buttons only the middle one follows links.
    if (event.button > 1) return;
    // Across shadow roots, where `target` and `closest` end.
    const path = event.composedPath();
    const find = (selector) => path.find((node) => node.matches?.(selector));
    if (find('[data-footfall-ignore],:disabled')) return;
    const marked = find('[data-footfall]:not(form)');
    const link = find('a[href],area[href]');
    if (marked) tagged(marked);
    else if (link) followed(link);

    const {timeStamp: at, clientX: x, clientY: y} = event;
    clicks = clicks.filter((click) => at - click.at <= RAGE_MS && Math.hypot(x - click.x, y - click.y) <= RAGE_PX);
    clicks.push({at, x, y});
    // Three clicks also select a paragraph.
    if (clicks.length >= RAGE && getSelection().isCollapsed) {
      clicks = [];
      const {tagName, id} = path[0];
      emit('rage_click', {target: tagName.toLowerCase() + (id ? '#' + id : ''), x, y});
    }
  });

  // After the page's own listeners, which may have said no; a form that says what it is counts anyway.
  on(window, 'submit', (event) => {
    const form = event.target;
    // Not form.id and form.action: fields of such names stand in front of them.
    const read = (name) => form.getAttribute(name) || '';
    if (form.matches('[data-footfall]')) tagged(form);
    else if (!event.defaultPrevented) {
      emit('form_submit', {form_id: read('id'), name: read('name'), action: bare(linked(read('action')))});
    }
  }, true);

  on(document, 'copy', () => withSelection('copy'));
  on(document, 'selectionchange', () => {
    clearTimeout(timer);
    timer = later(() => withSelection('select'), SELECTED);
  });
});
