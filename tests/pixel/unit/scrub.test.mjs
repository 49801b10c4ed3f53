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
    'ssn 078-05-1120': 'ssn [ssn]',
    'https://a.example/?access_token=abc&apiKey=d': 'https://a.example/?access_token=[secret]&apiKey=[secret]',
    'https://a.example/#user[password]=abc': 'https://a.example/#user[password]=[secret]',
    'https://anna:hunter2@shop.example/x': 'https://[email]/x',
    '/in/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_1/x': '/in/[secret]/x',
    'AKIAIOSFODNN7EXAMPLE': '[secret]',
    'sk_live_4eC39HqLyjWDarjtT1zdp7dc': '[secret]',
    'a ghp_16C7e42F292c6912E7710c838347Ae178B4a b': 'a [secret] b',
    'glpat-x1Y2z3A4b5C6d7E8f9G0': '[secret]'
  };
  for (const [given, expected] of Object.entries(cases)) assert.equal(scrub(given), expected);
});

test('what does not is left alone', () => {
  for (const given of ['4111 1111 1111 1112', '2026-11-20', '01a1fda1-33d2-7000-80bf-18cb074bf86b', '1795245598996',
    'order 123-45-678', 'a@b', 'eyJwYWdlIjoyLCJzaXplIjo1MH0',
    'https://a.example/?tokens=3&api_keys=2', 'https://a.example/@ann/x', '/sk-learn-machine-learning', 'hf_hub_download_of_models', '@handle', 'https://a.example/password=/x', '1700000000000000']) {
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
