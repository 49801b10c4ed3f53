/** Footfall's pixel as a module. */

/** 0 nothing that tells people apart, 1 no storage (the default), 2 a session id, 3 a visitor id. */
export type Tier = 0 | 1 | 2 | 3;

export interface Options {
  /** The site key, from the client's file. */
  site: string;
  /** Where to post to, absolute or relative to the page: `https://collector.example/collect`. */
  endpoint: string;
  /** The tier where the visitor has said nothing yet. */
  consent?: Tier;
  /** Count nothing by itself: neither views nor interactions. */
  manual?: boolean;
  /** Another fragment is another page. */
  hash?: boolean;
  /** Other hosts of the same owner: links there are no way out, and carry the visitor's ids where the tier allows it. */
  domains?: string;
  /** Optional parts, by name: `'vitals consent'`. */
  modules?: string;
  /** Tell what is clicked: kind of element, id, text, link. */
  clicks?: boolean;
  /** Types of events that are not recorded: `'copy select'`. */
  off?: string;
}

export type Props = Record<string, unknown>;

export interface Revenue {
  amount: number | string;
  /** ISO 4217. */
  currency: string;
}

export interface Details {
  /** Up to 64 properties. */
  props?: Props;
  revenue?: Revenue;
}

export interface View extends Details {
  /** Absolute or relative to the page. */
  url?: string;
  title?: string;
}

export interface FootfallEvent {
  readonly id: string;
  type: string;
  occurred_at: number;
  url: string;
  title: string;
  referrer: string;
  props?: Props;
  [field: string]: unknown;
}

/** Properties of every event from now on. */
export declare function footfall(command: 'set', props: Props): void;
/** The page's last word on every event: changed, or nothing to drop it. */
export declare function footfall(command: 'beforeSend', hook: (event: FootfallEvent) => FootfallEvent | null | undefined | false): void;
/** Who this is, in the site's own words; no e-mail address. */
export declare function footfall(command: 'identify', user: string): void;
/** `user` is who was called `previous` so far. */
export declare function footfall(command: 'alias', user: string, previous: string): void;
/** What the visitor allows. */
export declare function footfall(command: 'consent', tier: Tier): void;
/** A page view that the page counts itself. */
export declare function footfall(command: 'page_view', view?: View): void;
/** Counts nothing any more, or again. */
export declare function footfall(command: 'optout' | 'optin'): void;
/** Anything else that happens. */
export declare function footfall(type: string, details?: Details): void;

/** Starts the pixel, once. Calls before it wait. */
export declare function init(options: Options): void;
