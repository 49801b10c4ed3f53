import assert from 'node:assert/strict';
import test from 'node:test';
import {scrub, scrubbed} from '../../../pixel/src/scrub.js';

test('what looks personal is replaced', () => {
  const cases = {
    'write to jane.doe+x@mail.example.org now': 'write to [email] now',
    'https://a.example/?u=jane%40mail.example': 'https://a.example/?u=[email]',
    'https://a.example/?password=hunter2&x=1': 'https://a.example/?password=[secret]&x=1',
    'https://a.example/?x=1&Token=abc#end': 'https://a.example/?x=1&Token=[secret]#end',
    '4111 1111 1111 1111': '[card]',
    'card 4111-1111-1111-1111.': 'card [card].',
    '378282246310005': '[card]',
    'ssn 078-05-1120': 'ssn [ssn]'
  };
  for (const [given, expected] of Object.entries(cases)) assert.equal(scrub(given), expected);
});

test('what does not is left alone', () => {
  for (const given of ['4111 1111 1111 1112', '2026-11-20', '01a1fda1-33d2-7000-80bf-18cb074bf86b', '1795245598996',
    'order 123-45-678', 'a@b', '@handle', 'https://a.example/password=/x', '1700000000000000']) {
    assert.equal(scrub(given), given);
  }
});

test('every card number of the networks is found, in groups or not', () => {
  for (const number of ['5555555555554444', '2223003122003222', '6011111111111117', '30569309025904', '3530111333300000']) {
    assert.equal(scrub(`x ${number} y`), 'x [card] y');
    assert.equal(scrub(number.replace(/(....)/g, '$1 ').trim()), '[card]');
  }
});

test('properties are scrubbed at every depth, by name and by value', () => {
  const props = {password: 'x', a: {Token: 1, note: 'to a@b.example', list: ['078-05-1120']}, n: 4111111111111111, at: 1795245598996};
  assert.deepEqual(JSON.parse(JSON.stringify(props, scrubbed)), {
    password: '[secret]', a: {Token: '[secret]', note: 'to [email]', list: ['[ssn]']}, n: '[card]', at: 1795245598996
  });
});
