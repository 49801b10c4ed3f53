// What a page does with each tracker: `trackers.NAME(collector)`, bundled for the browser.
import {init, track} from '@plausible-analytics/tracker';
import {AnalyticsBrowser} from '@segment/analytics-next';
import {newTracker, trackPageView} from '@snowplow/browser-tracker';
import posthog from 'posthog-js';

window.trackers = {
  plausible(base) {
    init({domain: 'shop.example', endpoint: `${base}/api/event`, captureOnLocalhost: true});
    track('signup', {props: {plan: 'team'}});
  },
  async segment(base) {
    const settings = {apiKey: 'public-write-key', apiHost: base.replace('http://', '') + '/v1', protocol: 'http'};
    const analytics = AnalyticsBrowser.load(
      {writeKey: 'public-write-key', cdnSettings: {integrations: {'Segment.io': settings}}}
    );
    await analytics.page();
    await analytics.track('signup', {plan: 'team'});
  },
  snowplow(base) {
    newTracker('sp', base, {appId: 'web', credentials: 'omit', bufferSize: 1});
    trackPageView();
  },
  posthog(base) {
    posthog.init('phc_public0001', {
      api_host: base, autocapture: false, disable_session_recording: true, disable_surveys: true,
      advanced_disable_flags: true, disable_external_dependency_loading: true, request_batching: false
    });
    posthog.capture('signup', {plan: 'team'});
  }
};
