/** Compiled, never run: what a page that is built may write, and what its compiler catches. */

import {footfall, init, type FootfallEvent} from '../../../pixel/dist/footfall.mjs';

init({site: 'pk_shop_Hn40rBy6', endpoint: '/collect', consent: 2, modules: 'vitals', domains: 'a.example b.example'});
footfall('signup', {props: {plan: 'team', seats: 3}});
footfall('purchase', {props: {order: 'A1'}, revenue: {amount: 49.9, currency: 'EUR'}});
footfall('page_view', {url: '/stated', title: 'Mine'});
footfall('consent', 3);
footfall('identify', 'user-17');
footfall('alias', 'user-17', 'visitor-3');
footfall('set', {shop: 'north'});
footfall('beforeSend', (event: FootfallEvent) => (event.type === 'copy' ? null : event));
footfall('optout');

// @ts-expect-error: no such tier
footfall('consent', 4);
// @ts-expect-error: no site
init({endpoint: '/collect'});
// @ts-expect-error: revenue has an amount
footfall('purchase', {revenue: {currency: 'EUR'}});
