/* The demo shop's own code: a basket, a newsletter, a journal drawn in place, and the note of what was sent. */
'use strict';

// The stub: calls made before the pixel has loaded wait in its queue.
window.footfall = window.footfall || function () {
  (window.footfall.q = window.footfall.q || []).push(arguments);
};

const PRODUCTS = {
  mug: {name: 'Morning mug', price: 24.5},
  bowl: {name: 'River bowl', price: 38},
};
const CURRENCY = 'EUR';

function money(amount) {
  return amount.toFixed(2) + ' ' + CURRENCY;
}

// ---- a product: adding to the basket leaves the page at once ------------------------------------------

document.querySelectorAll('form[data-product]').forEach(function (form) {
  form.addEventListener('submit', function () {
    const item = form.dataset.product;
    footfall('add_to_cart', {props: {item: item, price: PRODUCTS[item].price, currency: CURRENCY}});
  });
});

// ---- the basket: one item, carried by the address -----------------------------------------------------

const basket = document.querySelector('#basket');
if (basket) {
  const item = new URLSearchParams(location.search).get('item');
  const product = Object.hasOwn(PRODUCTS, item) ? PRODUCTS[item] : null;
  document.querySelector('#empty').hidden = Boolean(product);
  basket.hidden = !product;
  if (product) {
    basket.querySelector('[data-name]').textContent = product.name;
    basket.querySelectorAll('[data-price]').forEach(function (cell) { cell.textContent = money(product.price); });
    const button = basket.querySelector('button');
    button.addEventListener('click', function () {
      const order = 'D' + Date.now().toString(36).toUpperCase();
      footfall('purchase', {props: {order: order, item: item}, revenue: {amount: product.price, currency: CURRENCY}});
      button.disabled = true;
      button.textContent = 'Ordered';
      const thanks = basket.querySelector('.done');
      thanks.hidden = false;
      thanks.textContent = 'Thank you. Your order ' + order + ' is on its way (not really).';
    });
  }
}

// ---- the newsletter: the address itself is nobody's business ------------------------------------------

document.querySelectorAll('form[data-newsletter]').forEach(function (form) {
  form.addEventListener('submit', function (event) {
    // The form says itself what it is (data-footfall), so that it counts although nothing is submitted.
    event.preventDefault();
    const thanks = document.createElement('p');
    thanks.className = 'done';
    thanks.textContent = 'You are on the list (not really).';
    form.replaceWith(thanks);
  });
});

// ---- the same shop under its other name: 127.0.0.1 and localhost are two hosts of one owner --------------

document.querySelectorAll('[data-other-host]').forEach(function (link) {
  const other = new URL('/', location.href);
  other.hostname = location.hostname === 'localhost' ? '127.0.0.1' : 'localhost';
  link.href = other.href;
});

// ---- consent: three answers, and none of them is asked for twice in a visit ------------------------------

const ANSWERS = [
  [1, 'No storage', 'counted without an id on your device'],
  [2, 'This visit', 'a session id, for half an hour after the last click'],
  [3, 'Remember me', 'a visitor id, for thirteen months'],
];

function askForConsent() {
  if (sessionStorage.shopConsent || !footfall.state || footfall.state().consent > 1) return;
  const banner = document.createElement('section');
  banner.className = 'consent';
  banner.setAttribute('aria-label', 'Consent');
  const question = document.createElement('p');
  question.textContent = 'May we tell whether you come back?';
  const row = document.createElement('div');
  row.className = 'row';
  ANSWERS.forEach(function (answer) {
    const button = document.createElement('button');
    button.className = 'button quiet';
    button.textContent = answer[1];
    button.title = answer[2];
    button.addEventListener('click', function () {
      footfall('consent', answer[0]);
      sessionStorage.shopConsent = answer[0];
      banner.remove();
    });
    row.append(button);
  });
  banner.append(question, row);
  document.body.append(banner);
}

addEventListener('load', function () { setTimeout(askForConsent, 300); });

// ---- the journal: one page that draws every address below /journal/ -----------------------------------

const article = document.querySelector('#article');
if (article) {
  const draw = function () {
    const slug = location.pathname.split('/')[2] || 'clay';
    const story = document.getElementById('story-' + slug);
    article.replaceChildren(story ? story.content.cloneNode(true) : 'There is no such story.');
    document.title = (story ? article.querySelector('h1').textContent : 'Not found') + ' · Fernhill';
    document.querySelectorAll('.journal li a').forEach(function (link) {
      if (link.pathname === '/journal/' + slug) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    });
  };
  document.querySelectorAll('.journal li a').forEach(function (link) {
    link.addEventListener('click', function (event) {
      event.preventDefault();
      history.pushState(null, '', link.href);
      draw();
    });
  });
  addEventListener('popstate', draw);
  draw();
}

// ---- what the pixel just sent -------------------------------------------------------------------------

const note = document.createElement('details');
note.className = 'sent';
note.setAttribute('aria-label', 'What the pixel sent');
const line = document.createElement('summary');
line.textContent = 'Footfall: nothing sent yet';
const list = document.createElement('ol');
note.append(line, list);
document.body.append(note);
let total = 0;

document.addEventListener('footfall-sent', function (sent) {
  const status = sent.detail.status;
  const events = sent.detail.events;
  const taken = status === 'beacon' || (status >= 200 && status < 300);
  note.dataset.state = taken ? 'ok' : 'trouble';
  if (!taken) {
    line.textContent = 'Footfall: ' + (status ? 'answered ' + status : 'no answer from the collector');
    return;
  }
  total += events.length;
  const types = events.map(function (event) { return event.type; }).join(', ');
  line.textContent = 'Footfall: sent ' + types + ' · ' + total + (total === 1 ? ' event' : ' events');
  events.forEach(function (event) {
    const entry = document.createElement('li');
    const type = document.createElement('b');
    type.textContent = event.type;
    entry.append(type, ' ' + new URL(event.url).pathname + ' ' + (event.props ? JSON.stringify(event.props) : ''));
    list.prepend(entry);
  });
});

addEventListener('load', function () {
  if (window.footfall.loaded) return;
  note.dataset.state = 'trouble';
  line.textContent = 'Footfall: the pixel did not load; is the collector running?';
});
