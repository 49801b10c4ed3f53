import assert from 'node:assert/strict';
import test from 'node:test';

Object.defineProperty(globalThis, 'navigator', {value: {}, configurable: true});
const {address} = await import('../../../pixel/src/address.js');
const {declare, tier} = await import('../../../pixel/src/consent.js');
const {properties} = await import('../../../pixel/src/event.js');
const {newId} = await import('../../../pixel/src/id.js');

test('ids are UUIDv7 in the order in which they were made', () => {
  const ids = Array.from({length: 4000}, () => newId());
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(ids, [...ids].sort());
  assert.ok(Math.abs(parseInt(ids[0].replace(/-/g, '').slice(0, 12), 16) - Date.now()) < 5000);
});

test('an address loses user, password and fragment, and keeps the rest as it is written', () => {
  assert.equal(address('https://u:p@a.example/x?q=a%20b&r=@c#part'), 'https://a.example/x?q=a%20b&r=@c');
  assert.equal(address(''), '');
});

test('click ids are named without consent and told with it', () => {
  const found = {};
  assert.equal(address('https://a.example/?gclid=Cj0&x=1&fbclid=Iw', found), 'https://a.example/?gclid=1&x=1&fbclid=1');
  assert.deepEqual(found, {gclid: true, fbclid: true});
  declare(2);
  assert.equal(address('https://a.example/?gclid=Cj0&x=1', found), 'https://a.example/?gclid=Cj0&x=1');
  assert.equal(found.gclid, 'Cj0');
});

test('a signal against tracking holds the tier at 1, whatever was declared', () => {
  for (const [signal, declared, holds] of [[{}, 3, 3], [{globalPrivacyControl: true}, 3, 1], [{doNotTrack: '1'}, 2, 1],
    [{globalPrivacyControl: true}, 0, 0], [{doNotTrack: '0'}, 3, 3]]) {
    Object.defineProperty(globalThis, 'navigator', {value: signal, configurable: true});
    declare(declared);
    assert.equal(tier(), holds);
  }
});

test('a tier is 0 to 3, as number or text; anything else changes nothing', () => {
  Object.defineProperty(globalThis, 'navigator', {value: {}, configurable: true});
  declare(2);
  for (const wrong of [4, -1, '', null, undefined, 'granted', {}, 1.5]) {
    declare(wrong);
    assert.equal(tier(), 2);
  }
  declare('3');
  assert.equal(tier(), 3);
});

test('revenue that is no money is left out, and what stands beside it stays', () => {
  assert.deepEqual(properties({revenue: {amount: '12.50', currency: 'usd'}, props: {a: 1}}), {a: 1, revenue: 12.5, currency: 'USD'});
  for (const revenue of [5, {amount: '12,50', currency: 'EUR'}, {amount: 1}, {amount: Infinity, currency: 'EUR'}, {amount: 1, currency: 'Euro'}]) {
    assert.deepEqual(properties({revenue, props: {a: 1}}), {a: 1});
  }
});
