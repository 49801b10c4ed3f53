// Send events with SDKs for Node: `send.mjs COLLECTOR WRITE_KEY`. Exit 1 where one of them says that it failed.
import {createRequire} from 'node:module';

const require = createRequire(import.meta.url);
const [base, key] = process.argv.slice(2);
const failed = [];
const wrong = (name) => (error) => error && failed.push(`${name}: ${error.reason || error}`);

const {Analytics} = require('@segment/analytics-node');
const segment = new Analytics({writeKey: key, host: base});
segment.on('error', wrong('segment'));
segment.track({userId: 'node_1', event: 'Order', properties: {revenue: 1, currency: 'EUR'}});
segment.page({userId: 'node_1', properties: {url: 'https://shop.example/node'}});
await segment.closeAndFlush();

const Rudder = require('@rudderstack/rudder-sdk-node');
const rudder = new (Rudder.default || Rudder)(key, {dataPlaneUrl: base, flushAt: 1, gzip: true});
await new Promise((done) => rudder.track({userId: 'node_2', event: 'Rudder'}, done)).then(wrong('rudder'));

const {PostHog} = require('posthog-node');
const posthog = new PostHog(key, {host: base, flushAt: 1});
posthog.on('error', wrong('posthog'));
posthog.capture({distinctId: 'node_3', event: 'paid', properties: {a: 1}});
await posthog.shutdown();

const snowplow = require('@snowplow/node-tracker');
await new Promise((done) => {
  const tracker = snowplow.newTracker(
    {namespace: 'node', appId: key, encodeBase64: true},
    {
      endpoint: base, eventMethod: 'post', bufferSize: 1,
      onRequestSuccess: done, onRequestFailure: (data) => done(wrong('snowplow')(JSON.stringify(data)))
    }
  );
  tracker.setUserId('node_4');
  tracker.track(snowplow.buildPageView({pageUrl: 'https://shop.example/sp', pageTitle: 'Title'}));
});

const {Umami} = require('@umami/node');
const umami = new Umami({websiteId: key, hostUrl: base});
const said = await umami.track({url: '/um', title: 'T', hostname: 'shop.example', id: 'node_5'});
if (said.status !== 200) failed.push(`umami: ${said.status}`);

// Its pages' id: a program of Matomo's need not have a key.
const Matomo = require('matomo-tracker');
const matomo = new Matomo(1, base + '/matomo.php', true);
matomo.on('error', wrong('matomo'));
await new Promise((done) => matomo.trackBulk(
  [{url: 'https://shop.example/ma', uid: 'node_6'}, {url: 'https://shop.example/mb', e_c: 'video', e_a: 'play'}], done
));

console.error(failed.join('\n'));
process.exit(failed.length ? 1 : 0);
