import assert from 'node:assert/strict';
import {createHash, createHmac} from 'node:crypto';
import test from 'node:test';
import {LIFETIME, makeToken, readToken} from '../../../pixel/src/link.js';
import {hmac, sha256} from '../../../pixel/src/sha256.js';

test('the hash is that of everybody else, for every length around a block', () => {
  for (let length = 0; length < 200; length++) {
    const text = 'ä€x'.repeat(70).slice(0, length);
    assert.equal(sha256(text), createHash('sha256').update(text).digest('hex'));
    assert.equal(hmac(text, 'of ' + text), createHmac('sha256', text).update('of ' + text).digest('hex'));
  }
});

const ids = {session: '01a1fda1-33d2-7000-80bf-18cb074bf86b', visitor: '01a1fda1-33d2-7000-80bf-18cb074bf86c'};
const NOW = 1795245598996;
const token = makeToken('pk_1', ids, 'b.example', 'Browser/1', NOW);

test('a token carries the ids to its host, for two minutes', () => {
  for (const age of [0, 1, LIFETIME]) {
    assert.deepEqual(readToken('pk_1', token, 'b.example', 'Browser/1', NOW + age), {...ids, born: NOW + age});
  }
  const withoutVisitor = makeToken('pk_1', {session: ids.session}, 'b.example', 'Browser/1', NOW);
  assert.deepEqual(readToken('pk_1', withoutVisitor, 'b.example', 'Browser/1', NOW), {session: ids.session});
});

test('and nowhere else, for nobody else, and not later', () => {
  const [at, session, visitor, signature] = token.split('.');
  const refused = [
    ['pk_1', token, 'c.example', 'Browser/1', NOW],
    ['pk_2', token, 'b.example', 'Browser/1', NOW],
    ['pk_1', token, 'b.example', 'Browser/2', NOW],
    ['pk_1', token, 'b.example', 'Browser/1', NOW + LIFETIME + 1],
    ['pk_1', token, 'b.example', 'Browser/1', NOW - 1],
    ['pk_1', [at, visitor, session, signature].join('.'), 'b.example', 'Browser/1', NOW],
    ['pk_1', token.slice(0, -1), 'b.example', 'Browser/1', NOW],
    ['pk_1', '', 'b.example', 'Browser/1', NOW],
    ['pk_1', '...', 'b.example', 'Browser/1', NOW]
  ];
  for (const given of refused) assert.equal(readToken(...given), undefined);
});
