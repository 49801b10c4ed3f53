/*
 * What was clicked: data-clicks on the tag. The element's kind, id, text and link; never what somebody typed.
 * Of what cannot be acted upon there is no text, which might be anybody's.
 */

import {on} from '../page.js';
import {scrub} from '../scrub.js';

const ACTIVE = 'a[href],area[href],button,summary,label,input,select,textarea,[role=button],[role=link],[role=tab],' +
  '[role=menuitem],[role=option],[role=switch],[role=checkbox]';
// What holds typed text, or all the choices that there are.
const FIELDS = 'select,textarea,[contenteditable]:not([contenteditable=false])';
// Characters that are kept of a text. The report groups by it.
const LONGEST = 80;
// A label clicks its field again, so many ms later at most, at the same place.
const AGAIN = 50;

window.footfall('use', () => {
  let before = {};

  const cut = (text) => [...scrub((text || '').replace(/\s+/g, ' ').trim())].slice(0, LONGEST).join('');

  function textOf(element) {
    if (element.matches(FIELDS)) return '';
    if (element.matches('input')) return /^(button|submit|reset)$/.test(element.type) ? element.value : '';
    // Fields inside a label or a button keep to themselves.
    if (element.querySelector(FIELDS)) return element.getAttribute('aria-label');
    return element.getAttribute('aria-label') || element.textContent || element.querySelector('img')?.alt;
  }

  /** Where a link leads: without query and fragment; of a mailto: or tel: no more than that it is one. */
  function linkOf(element) {
    const given = element.getAttribute('href');
    if (!given) return '';
    const url = new URL(given, document.baseURI);
    return /^https?:$/.test(url.protocol) ? url.origin + url.pathname : url.protocol;
  }

  on(window, 'click auxclick', (event) => {
    // Of the other buttons only the middle one follows links; what a script clicks is nobody's click.
    if (event.button > 1 || !event.isTrusted) return;
    const path = event.composedPath();
    const find = (selector) => path.find((node) => node.matches?.(selector));
    // What is marked has an event of its own.
    if (find('[data-footfall-ignore],[data-footfall]:not(form),:disabled')) return;
    const {timeStamp: at, clientX: x, clientY: y} = event;
    const again = at - before.at < AGAIN && x === before.x && y === before.y;
    before = {at, x, y};
    if (again) return;
    const active = find(ACTIVE);
    const element = active || path[0];
    if (!element.tagName) return;
    window.footfall('click', {props: {
      tag: element.tagName.toLowerCase(),
      // Not element.id: a field of a form may have that name.
      id: cut(element.getAttribute('id')) || undefined,
      text: cut(active ? textOf(active) : element.getAttribute('alt')) || undefined,
      link: (active && linkOf(active)) || undefined
    }});
  });
});
