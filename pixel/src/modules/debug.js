/*
 * The overlay of `?footfall-debug`: what the pixel knows, what it sent and what became of it. In a shadow root and
 * by its own style sheet, so that it neither takes the page's looks nor gives it any, under any policy.
 */

import {on} from '../page.js';

const STYLE = `
[hidden] { display: none !important; }
:host { all: initial; position: fixed; inset: auto 12px 12px auto; z-index: 2147483647; }
section { box-sizing: border-box; width: min(440px, calc(100vw - 24px)); max-height: min(70vh, 560px); display: flex;
  flex-direction: column; overflow: hidden; border-radius: 12px; background: #14201b; color: #e6efe9;
  font: 13px/1.45 system-ui, "DejaVu Sans", sans-serif; box-shadow: 0 10px 34px rgb(0 0 0 / .35); }
header { display: flex; align-items: center; gap: 10px; padding: 10px 14px; background: #1d2d26; }
h1 { font: inherit; font-weight: 700; margin: 0 auto 0 0; }
button { font: inherit; color: inherit; background: #31473d; border: 0; border-radius: 7px; padding: 3px 10px; cursor: pointer; }
button:focus-visible { outline: 2px solid #9fe0b3; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 12px; margin: 0; padding: 10px 14px; }
dt { color: #93a79c; }
dd { margin: 0; overflow-wrap: anywhere; }
ol { list-style: none; margin: 0; padding: 0; overflow: auto; border-top: 1px solid #2b3d34; }
li { border-bottom: 1px solid #24352d; }
summary { display: flex; gap: 10px; padding: 6px 14px; cursor: pointer; }
summary b { flex: 1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
summary time { color: #93a79c; }
.ok { color: #7fdc9b; }
.trouble { color: #f6b26b; }
pre { margin: 0; padding: 0 14px 10px; font: 11.5px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre-wrap;
  overflow-wrap: anywhere; color: #c3d4ca; }
p { margin: 0; padding: 12px 14px; color: #93a79c; }
`;
const TIERS = ['0 · nothing that tells people apart', '1 · no storage', '2 · session id', '3 · visitor id'];
// Events shown; older ones go.
const SHOWN = 100;

function add(parent, name, text = '', kind = '') {
  const element = document.createElement(name);
  element.textContent = text;
  if (kind) element.className = kind;
  parent.append(element);
  return element;
}

function outcome(status) {
  if (status === 'beacon') return ['beacon', 'ok'];
  if (!status) return ['no answer, again later', 'trouble'];
  return ['' + status, status < 300 ? 'ok' : 'trouble'];
}

window.footfall('use', ({options, state}) => {
  const host = document.createElement('footfall-debug');
  host.dataset.footfallIgnore = '';
  const root = host.attachShadow({mode: 'open'});
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];
  const section = add(root, 'section');
  section.setAttribute('aria-label', 'Footfall: what the pixel sent');
  const header = add(section, 'header');
  add(header, 'h1', 'Footfall ' + state().version);
  const fold = add(header, 'button', 'fold');
  const close = add(header, 'button', 'close');
  const facts = add(section, 'dl');
  const list = add(section, 'ol');
  const empty = add(section, 'p', 'Nothing was sent yet.');
  let last = {};

  function refresh() {
    const now = state();
    facts.replaceChildren();
    const rows = {
      site: options.site,
      view: now.view?.url || 'none yet',
      tier: (now.out ? 'opted out, ' : '') + TIERS[now.tier] + (now.consent === undefined ? ' (default)' : ''),
      session: last.session || 'none',
      visitor: last.visitor || 'none',
      queue: `${now.queued} waiting, ${now.lost} lost`
    };
    Object.keys(rows).forEach((name) => {
      add(facts, 'dt', name);
      add(facts, 'dd', rows[name]);
    });
  }

  const shown = new Map();

  function show(event, status) {
    empty.hidden = true;
    const [text, kind] = outcome(status);
    let entry = shown.get(event.id);
    if (!entry) {
      const item = document.createElement('li');
      list.prepend(item);
      const details = add(item, 'details');
      const summary = add(details, 'summary');
      add(summary, 'time', new Date(event.occurred_at).toLocaleTimeString());
      add(summary, 'b', event.type);
      entry = {item, mark: add(summary, 'span')};
      add(details, 'pre', JSON.stringify(event, null, 1));
      shown.set(event.id, entry);
      while (list.children.length > SHOWN) list.lastChild.remove();
    }
    entry.mark.textContent = text;
    entry.mark.className = kind;
  }

  on(document, 'footfall-sent', ({detail: {status, events}}) => {
    events.forEach((event) => show(event, status));
    last = events[events.length - 1];
    refresh();
  });
  fold.addEventListener('click', () => {
    const folded = !list.hidden;
    [facts, list].forEach((part) => {
      part.hidden = folded;
    });
    empty.hidden = folded || shown.size > 0;
    fold.textContent = folded ? 'unfold' : 'fold';
  });
  close.addEventListener('click', () => {
    clearInterval(timer);
    host.remove();
  });
  const timer = setInterval(refresh, 1000);
  refresh();
  document.body.append(host);
});
